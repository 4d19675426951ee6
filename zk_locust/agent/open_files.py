"""The limit on open files of a run's processes: each session takes one to three descriptors."""

import os
import resource
from pathlib import Path
from typing import Final

_AS_ROOT: Final = 1_048_576  # what systemd lets services have; the kernel's own limit may be lower


def raise_open_files_limit() -> int:
    """Raise the limit on open files of this process and its children to what the host permits; return the limit.

    Locust raises the soft limit too, but to 10,000 only. Root raises the hard limit first, getrlimit(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if os.geteuid() == 0 and hard != unlimited and hard < (wanted := min(_AS_ROOT, _kernel_limit())):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, wanted))
            hard = wanted
        except (OSError, ValueError):
            pass  # a container's root may not
    # An unlimited process still needs a number, for the kernel and Python's `select`.
    soft = min(_AS_ROOT, _kernel_limit()) if hard == unlimited else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def _kernel_limit() -> int:
    try:
        return int(Path("/proc/sys/fs/nr_open").read_text())
    except (OSError, ValueError):
        return _AS_ROOT
