"""What the process adds to the load's figures itself: how late it wakes, and how long it collects garbage."""

import gc
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.load.timerfd import TimerFd

BEAT_NS: Final = 5_000_000
LATE_NS: Final = 50_000_000
"""How late a beat is at least that is told with its time."""
_MOST_TOLD: Final = 20  # late beats of a report
_BEAT_US: Final = BEAT_NS // 1000

logger = logging.getLogger(__name__)


class OwnDelay:
    """A heartbeat of the hub, due every 5 ms at absolute times, and the time within `gc.callbacks`.

    A beat's lateness is how long after its due time the hub takes it. A hub that was blocked for several beats takes
    them all at once: each of them has its lateness, as an operation that was due at that moment would have had. A
    process that was stopped (SIGSTOP) shows here, and in no figure of the kernel's.

    It belongs to the thread that makes it. It runs until `close`.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._clock_ns = clock_ns
        self._lateness = LatencyHistogram()
        self._late: list[tuple[int, int]] = []
        self._gc_ns = 0
        self._gc_began_ns = 0
        self._due_ns = clock_ns() + BEAT_NS
        self._timer = TimerFd()
        self._timer.watch(self._on_beat)
        self._timer.set_at(self._due_ns)
        gc.callbacks.append(self._on_collection)

    def report(self) -> dict[str, Any]:
        """Return what was measured since the last report: the histogram of beats (µs) as a message, `gc_ns` and `late`.

        `late` has each span in which the hub took no beat for `LATE_NS` or longer, the first 20: how long ago it began
        and how long it took, nanoseconds. A beat that the hub has not taken yet belongs to the next report.
        """
        now_ns = self._clock_ns()
        late, self._late = [[now_ns - began_ns, took_ns] for began_ns, took_ns in self._late], []
        lateness, self._lateness = self._lateness, LatencyHistogram()
        gc_ns, self._gc_ns = self._gc_ns, 0
        return {"lateness": lateness.to_message(), "gc_ns": gc_ns, "late": late}

    def close(self) -> None:
        """Stop measuring; a second call does nothing."""
        self._timer.close()
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def _on_beat(self) -> None:
        now_ns, due_ns = self._clock_ns(), self._due_ns
        if now_ns - due_ns >= LATE_NS and len(self._late) < _MOST_TOLD:
            self._late.append((due_ns, now_ns - due_ns))
        record = self._lateness.record
        while due_ns <= now_ns:
            record((now_ns - due_ns) // 1000)
            due_ns += BEAT_NS
        self._due_ns = due_ns
        self._timer.set_at(due_ns)

    def _on_collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._gc_began_ns = self._clock_ns()
        elif self._gc_began_ns:
            self._gc_ns += self._clock_ns() - self._gc_began_ns
            self._gc_began_ns = 0


def missed_beats(lateness: LatencyHistogram) -> int:
    """Return how many beats came at least one beat late: for so many beats the process did nothing at all."""
    return sum(count for low_us, count in lateness.counts.items() if low_us >= _BEAT_US) + lateness.overflows


def measured_own_delay() -> OwnDelay | None:
    """Return what measures this process from now on; None, and a warning, where that cannot be."""
    try:
        return OwnDelay()
    except (OSError, AttributeError) as error:  # no free descriptor, or no timerfd in this system's C library
        logger.warning("This process does not measure its own delay: %s", error)
        return None
