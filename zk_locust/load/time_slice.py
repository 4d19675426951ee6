"""A short time slice for a process that sends when operations are due: it preempts others sooner as it wakes up.

Linux has it from 6.12 on: a process with a shorter slice than another one of the same priority does not wait until
that one's slice is over. Without it, an operation that comes due beside a busy process, such as a worker that starts
late, is sent late by up to such a slice, some milliseconds. The share of the CPU stays the same. Older kernels ignore
it.
"""

import ctypes
import logging
import platform
from struct import Struct
from typing import Any, Final

SLICE_NS: Final = 100_000
"""The shortest that Linux grants."""

# Numbers of sched_setattr and sched_getattr; C libraries before glibc 2.41 have no functions for them.
_CALLS: Final = {"x86_64": (314, 315), "aarch64": (274, 275)}
# sched_setattr(2): size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES: Final = Struct("@IIQiIQQQ")
_NORMAL: Final = 0  # SCHED_OTHER

logger = logging.getLogger(__name__)


def take_short_slices(**_: Any) -> None:
    """Ask for short slices for this thread. A kernel may ignore it, or refuse it."""
    calls = _CALLS.get(platform.machine()) if platform.system() == "Linux" else None
    if calls is None:
        return
    set_attributes, get_attributes = calls
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = ctypes.create_string_buffer(_ATTRIBUTES.size)
    if libc.syscall(get_attributes, 0, attributes, _ATTRIBUTES.size, 0) != 0:
        return
    size, policy, _flags, nice, priority, _runtime, deadline, period = _ATTRIBUTES.unpack(attributes.raw)
    if policy != _NORMAL:  # somebody has chosen another one for this process
        return
    _ATTRIBUTES.pack_into(attributes, 0, size, policy, 0, nice, priority, SLICE_NS, deadline, period)
    if libc.syscall(set_attributes, 0, attributes, 0) != 0:
        logger.debug("No short time slices: error %d of sched_setattr", ctypes.get_errno())
