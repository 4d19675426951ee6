"""A process with users asks Linux for short time slices, and changes nothing else of how it is scheduled."""

import ctypes
import json
import os
import platform
import subprocess
import sys

import pytest

from zk_locust.load.time_slice import SLICE_NS, take_short_slices

# The attributes belong to a thread and are inherited, so a process of its own begins with slices of 5 ms.
_ASKING = """
import ctypes, json, os, platform, sys
from zk_locust.load.time_slice import _ATTRIBUTES, _CALLS, take_short_slices
nice, policy = map(int, sys.argv[1:])
os.nice(nice)
libc, (setter, getter) = ctypes.CDLL(None), _CALLS[platform.machine()]
attributes = ctypes.create_string_buffer(_ATTRIBUTES.size)
_ATTRIBUTES.pack_into(attributes, 0, _ATTRIBUTES.size, policy, 0, os.nice(0), 0, 5_000_000, 0, 0)
assert libc.syscall(setter, 0, attributes, 0) == 0
take_short_slices()
assert libc.syscall(getter, 0, attributes, _ATTRIBUTES.size, 0) == 0
print(json.dumps(_ATTRIBUTES.unpack(attributes.raw)))
"""


def asked(nice: int, policy: int) -> tuple[int, int, int]:
    """Return the policy, the nice value and the slice of a process that has asked."""
    done = subprocess.run(
        [sys.executable, "-c", _ASKING, str(nice), str(policy)], check=True, capture_output=True, text=True
    )
    _, policy, _, nice, _, slice_ns, _, _ = json.loads(done.stdout)
    return policy, nice, slice_ns


def knows_slices() -> bool:
    major, minor = (int(part) for part in platform.release().split("-")[0].split(".")[:2])
    return (major, minor) >= (6, 12)


def test_slices_become_short_and_the_priority_stays() -> None:
    policy, nice, slice_ns = asked(5, os.SCHED_OTHER)
    assert (policy, nice) == (os.SCHED_OTHER, 5 + os.nice(0))
    if knows_slices():
        assert slice_ns == SLICE_NS


def test_a_policy_that_somebody_has_chosen_stays() -> None:
    policy, _, slice_ns = asked(0, os.SCHED_BATCH)
    assert policy == os.SCHED_BATCH
    assert slice_ns != SLICE_NS


@pytest.mark.parametrize(("what", "value"), [("machine", "vax"), ("system", "Darwin")])
def test_elsewhere_nothing_is_asked_for(what: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, what, lambda: value)
    monkeypatch.setattr(ctypes, "CDLL", pytest.fail)
    take_short_slices()
