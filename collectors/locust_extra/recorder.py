"""Records the requests of one process in intervals of its monotonic clock."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.histogram import LatencyHistogram

Key = tuple[str, str]
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


class Recorder:
    """Histograms by (stage, interval, type and name) since the last report.

    The hot path is `on_request`: one clock reading, one comparison and one histogram.
    """

    def __init__(
        self, interval_s: float, clock_ns: Callable[[], int] = time.perf_counter_ns, cpu: CpuClock | None = None
    ) -> None:
        self._interval_ns = round(interval_s * 1e9)
        self._clock_ns = clock_ns
        self._cpu = cpu or CpuClock()
        self._stage: str | None = None
        self._stage_started_ns = 0
        self._last_interval: int | None = None
        self._interval = 0
        self._interval_ends_ns = 0
        self._current: dict[Key, LatencyHistogram] = {}
        self._waiting: list[tuple[str, int, dict[Key, LatencyHistogram]]] = []
        self._reported_ns = clock_ns()
        self._reported_cpu = self._cpu.read_ns()

    def begin_stage(self, stage: str, planned_s: float | None, elapsed_s: float = 0.0) -> None:
        """Record under `stage` from now on; it began `elapsed_s` ago.

        What comes after a planned end belongs to the stage's last interval.
        """
        now = self._clock_ns()
        self._close_interval()
        self._stage, self._stage_started_ns = stage, now - round(elapsed_s * 1e9)
        self._last_interval = None
        if planned_s is not None:
            self._last_interval = max(0, round(planned_s * 1e9 / self._interval_ns) - 1)
        self._turn_to(now)

    def on_request(
        self, request_type: str, name: str, response_time: float, exception: BaseException | None, **_: Any
    ) -> None:
        """Record one request (a listener of `events.request`); `response_time` is milliseconds."""
        now = self._clock_ns()
        if now >= self._interval_ends_ns:
            self._turn_to(now)
        key = (request_type, name)
        histogram = self._current.get(key)
        if histogram is None:
            histogram = self._current[key] = LatencyHistogram()
        if exception is None:
            histogram.record(round(response_time * 1000))
        else:
            histogram.record_failure(f"{type(exception).__name__}: {exception}" if str(exception) else repr(exception))

    def report(self, users: int) -> dict[str, Any]:
        """Return what was recorded since the last report, as plain values, and forget it. `users` run now."""
        now = self._clock_ns()
        if now >= self._interval_ends_ns:
            self._turn_to(now)
        stage, interval = self._stage, self._interval
        self._close_interval()
        records = [
            [stage_name, number, [[*key, histogram.to_message()] for key, histogram in histograms.items()]]
            for stage_name, number, histograms in self._waiting
        ]
        self._waiting = []
        used, waited = self._cpu.read_ns()
        used_before, waited_before = self._reported_cpu
        report = {
            "stage": stage,
            "interval": interval,
            "records": records,
            "users": users,
            "wall_ns": now - self._reported_ns,
            "cpu_ns": used - used_before,
            "cpu_wait_ns": None if waited is None or waited_before is None else waited - waited_before,
        }
        self._reported_ns, self._reported_cpu = now, (used, waited)
        return report

    def _turn_to(self, now: int) -> None:
        self._close_interval()
        interval = (now - self._stage_started_ns) // self._interval_ns
        if self._last_interval is not None and interval >= self._last_interval:
            interval = self._last_interval
            self._interval_ends_ns = 1 << 63
        else:
            self._interval_ends_ns = self._stage_started_ns + (interval + 1) * self._interval_ns
        self._interval = interval

    def _close_interval(self) -> None:
        if self._current and self._stage is not None:
            self._waiting.append((self._stage, self._interval, self._current))
            self._current = {}
