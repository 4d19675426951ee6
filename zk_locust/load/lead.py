"""How much earlier than an operation is due its timer expires, because a process wakes up late.

An idle core takes tens of microseconds until the process runs. So the timer expires earlier by the time that this
usually takes, and the process watches the clock for the rest: an operation is sent when it is due, and never before.
"""

from collections.abc import Callable
from typing import Final

LONGEST_NS: Final = 100_000
"""A process that wakes up later than that has waited for a core, which watching the clock does not change."""
SHARE: Final = 20
"""The process watches the clock for at most this part of the time since it has armed the timer: 5 % of a core."""
_STEP_NS: Final = 1_000
_UP: Final = 4  # so one waking in five is later than the lead


class Lead:
    """The lead of one timer, which it learns. All times are nanoseconds of `clock_ns`."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._usual_ns = 0
        self._expires_ns: int | None = None

    def expiry(self, at_ns: int) -> int:
        """Return when the timer is to expire so that the process is awake at this time."""
        wait_ns = at_ns - self._clock_ns()
        if wait_ns <= 0:
            self._expires_ns = None
            return at_ns
        self._expires_ns = at_ns - min(self._usual_ns, wait_ns // SHARE)
        return self._expires_ns

    def awake(self, at_ns: int) -> int:
        """Note that the timer has expired, wait for the rest of the time until then, and return the time.

        A time that is further away than the longest lead is not waited for.
        """
        clock_ns = self._clock_ns
        now_ns = clock_ns()
        expires_ns, self._expires_ns = self._expires_ns, None
        if expires_ns is not None:
            if now_ns - expires_ns > self._usual_ns:
                self._usual_ns = min(self._usual_ns + _UP * _STEP_NS, LONGEST_NS)
            else:
                self._usual_ns = max(self._usual_ns - _STEP_NS, 0)
        if at_ns - now_ns <= LONGEST_NS:
            while now_ns < at_ns:
                now_ns = clock_ns()
        return now_ns
