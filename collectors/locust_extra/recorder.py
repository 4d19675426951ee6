"""Cuts what one process records into intervals of its monotonic clock, and into stages."""

import time
from collections.abc import Callable
from heapq import nlargest
from pathlib import Path
from typing import Any, Final, Protocol

from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.load.recording import NEVER_NS, Key, Recording
from zk_locust.load.slowest import SlowOperation

_SCHEDSTAT: Final = Path("/proc/self/schedstat")


class CpuClock:
    """CPU that this process has used, and time it was runnable but had to wait for a core, nanoseconds.

    The wait is that of the main thread, where gevent runs everything: the second figure of Linux's `schedstat`. It is
    None on a system without it.
    """

    def __init__(self) -> None:
        self._has_wait = _SCHEDSTAT.exists()

    def read_ns(self) -> tuple[int, int | None]:
        """Return (used, waited) since the process began."""
        waited = int(_SCHEDSTAT.read_text().split()[1]) if self._has_wait else None
        return time.process_time_ns(), waited


class OwnDelay(Protocol):
    """What measures the delay that the process itself adds."""

    def report(self) -> dict[str, Any]:
        """Return `lateness`, a histogram as a message, `gc_ns` and `late`, since the last call."""

    def close(self) -> None:
        """Stop measuring."""


class Recorder:
    """Histograms by (stage, interval, type and name) since the last report.

    An operation belongs to the interval in which it ends, and to the stage in which it was sent: at the end of a stage,
    operations under way are censored in it.
    """

    def __init__(
        self, interval_s: float, recording: Recording, *, cpu: CpuClock | None = None, own_delay: OwnDelay | None = None
    ) -> None:
        self.interval_ends_ns = 0
        self.slowest = 0  # how many of the slowest operations of an interval are reported; may change between two tests
        self.recording: Final = recording
        self.interval_ns = round(interval_s * 1e9)  # may change between two tests
        self._clock_ns: Callable[[], int] = recording.clock_ns
        self._cpu = cpu or CpuClock()
        self._own_delay = own_delay
        self._run = 0
        self._stage: str | None = None
        self._stage_started_ns = 0
        self._last_interval: int | None = None
        self._interval = 0
        self._current: dict[Key, LatencyHistogram] = {}
        self._waiting: list[tuple[str, int, dict[Key, LatencyHistogram]]] = []
        self._slow: list[SlowOperation] = []
        self._slow_waiting: list[tuple[str, int, list[SlowOperation]]] = []
        self._reported_ns = self._clock_ns()
        self._reported_cpu = self._cpu.read_ns()
        recording.add_taker(self)
        recording.slowest.add_taker(self)

    def begin_stage(self, stage: str, planned_s: float | None, elapsed_s: float = 0.0, *, run: int = 1) -> None:
        """Record under `stage` from now on; it began `elapsed_s` ago. `run` is the number of the test in this process.

        What comes after a planned end belongs to the stage's last interval.
        """
        now = self._clock_ns()
        if self._stage is not None and (run, stage) != (self._run, self._stage):
            self.recording.censor_running()
        self.recording.harvest()
        self.recording.slowest.end_interval()
        self._close_interval()
        if run != self._run:
            if self._run:
                self.report(0)  # the test before has been reported: neither figures nor CPU since then are of this one
            self._run = run
        self._stage, self._stage_started_ns = stage, now - round(elapsed_s * 1e9)
        self._last_interval = None
        if planned_s is not None:
            self._last_interval = max(0, round(planned_s * 1e9 / self.interval_ns) - 1)
        self.turn_to(now)
        self.recording.look_for_end()

    @property
    def place(self) -> tuple[str | None, int]:
        """The stage and the number of the interval that was last begun."""
        return self._stage, self._interval

    @property
    def has_complete(self) -> bool:
        """Whether an interval has ended that has not been reported."""
        return bool(self._waiting or self._slow_waiting) or self._clock_ns() >= self.interval_ends_ns

    def report(self, users: int) -> dict[str, Any]:
        """Return what was recorded since the last report, as plain values, and forget it. `users` run now.

        `slow` has no plain values yet (see `locust_extra.slow_reports`).
        """
        now = self._clock_ns()
        self.recording.turn(now)
        stage, interval = self._stage, self._interval
        self.recording.harvest()
        self.recording.slowest.give()
        self._close_interval()
        records = [
            [stage_name, number, [[*key, histogram.to_message()] for key, histogram in histograms.items()]]
            for stage_name, number, histograms in self._waiting
        ]
        slow, self._waiting, self._slow_waiting = self._slow_waiting, [], []
        used, waited = self._cpu.read_ns()
        used_before, waited_before = self._reported_cpu
        report = {
            "run": self._run,
            "stage": stage,
            "interval": interval,
            "records": records,
            "slow": slow,
            "users": users,
            "settled": self.recording.sent[0] - len(self.recording.under_way()),
            "wall_ns": now - self._reported_ns,
            "cpu_ns": used - used_before,
            "cpu_wait_ns": None if waited is None or waited_before is None else waited - waited_before,
            **({} if self._own_delay is None else self._own_delay.report()),
        }
        self._reported_ns, self._reported_cpu = now, (used, waited)
        return report

    def turn_to(self, now_ns: int) -> None:
        """Begin the interval that contains this moment."""
        self.recording.harvest()
        self.recording.slowest.end_interval()
        self._close_interval()
        interval = (now_ns - self._stage_started_ns) // self.interval_ns
        if self._last_interval is not None and interval >= self._last_interval:
            interval = self._last_interval
            self.interval_ends_ns = NEVER_NS
        else:
            self.interval_ends_ns = self._stage_started_ns + (interval + 1) * self.interval_ns
        self._interval = interval

    def take(self, key: Key, taken: LatencyHistogram) -> None:
        """Take figures of the running interval."""
        self._current.setdefault(key, LatencyHistogram()).add(taken)

    def take_slowest(self, operations: list[SlowOperation]) -> None:
        """Take some of the slowest operations of the running interval."""
        self._slow = nlargest(self.slowest, self._slow + operations)

    def close(self) -> None:
        """Stop measuring the process itself."""
        if self._own_delay is not None:
            self._own_delay.close()

    def _close_interval(self) -> None:
        if self._current and self._stage is not None:
            self._waiting.append((self._stage, self._interval, self._current))
            self._current = {}
        if self._slow:
            if self._stage is not None:
                self._slow_waiting.append((self._stage, self._interval, self._slow))
            self._slow = []
