"""Waits for the moment at which a fault is planned, so that what prepares it takes no time then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

_MOST_LATE_QUESTION_S = 3600.0
_MOST_LATE_S = 0.25


def seconds_left(fault: Mapping[str, Any]) -> float:
    """Return how long it is until the planned moment: `at` by this host's clock, `in_s` seconds from the question.

    Both are negative where it is over. The clock counts, which knows how long the question took to come: a connection
    may hang for minutes. A clock that was set meanwhile says a moment that cannot be; then the seconds do.
    """
    in_s = float(fault.get("in_s") or 0.0)
    if fault.get("at") is None:
        return in_s
    left_s = float(fault["at"]) - time.time()
    return left_s if in_s - _MOST_LATE_QUESTION_S <= left_s <= in_s + _MOST_LATE_S else in_s


def wait_until(moment_s: float) -> None:
    """Return at this moment of the monotonic clock."""
    while (left_s := moment_s - time.monotonic()) > 0:
        time.sleep(left_s)
