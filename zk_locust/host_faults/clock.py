"""A step of the host's wall clock, and back by the same amount, as its monotonic clock tells it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from zk_locust.host_faults.errors import FaultError


def offset_s() -> float:
    """Return how far the wall clock is ahead of the monotonic one, seconds."""
    return time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def set_ahead(wanted_s: float) -> None:
    """Set the wall clock, so that it is so far ahead of the monotonic one. Raises FaultError."""
    try:
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_MONOTONIC) + wanted_s)
    except OSError as error:
        raise FaultError(f"the clock cannot be set: {error.strerror}") from None


def step(fault: Mapping[str, Any]) -> dict[str, Any]:
    """Step the clock by `by_ms`; return what the note needs: `ahead_s`, what `offset_s` was before."""
    before_s = offset_s()
    set_ahead(before_s + fault["by_ms"] / 1000)
    return {"ahead_s": before_s}


def step_back(fault: Mapping[str, Any]) -> None:
    """Step it back, unless NTP has set it right meanwhile: what NTP slews by is kept."""
    if fault.get("ahead_s") is None:
        return
    by_s, now_s = fault["by_ms"] / 1000, offset_s()
    if abs(now_s - fault["ahead_s"]) > abs(by_s) / 2:
        set_ahead(now_s - by_s)
