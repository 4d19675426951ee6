"""Combines the workers' reports, which arrive in any order, to one series of intervals.

An interval is given out when every live worker has reported beyond it. Later figures of it are given out under the same
number again, so that none is lost.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.load.offered import OfferedCounts
from zk_locust.load.recording import Key

Place = tuple[int, int]
"""(ordinal of the stage, number of the interval): the order of the series."""
_MOST_EARLY: Final = 100  # reports of a worker that is ahead of the master: some seconds of them

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class WorkerShare:
    """One worker in one interval: all its operations, its CPU (nanoseconds), and the most users that it reported.

    `lateness` (µs) and `gc_ns` are the worker's own delay, where it measures it.
    """

    total: LatencyHistogram = field(default_factory=LatencyHistogram)
    wall_ns: int = 0
    cpu_ns: int = 0
    cpu_wait_ns: int | None = 0
    users: int | None = None
    lateness: LatencyHistogram | None = None
    gc_ns: int = 0


@dataclass(slots=True)
class Interval:
    """One interval of the series, over all workers. Times are seconds on the master's clock since the load began."""

    stage_ordinal: int
    stage: str
    number: int
    start_s: float
    end_s: float
    operations: dict[Key, LatencyHistogram] = field(default_factory=dict)
    workers: dict[str, WorkerShare] = field(default_factory=dict)
    ends_stage: bool = False
    offered: dict[str, OfferedCounts] = field(default_factory=dict)
    """What was due since the stage began, by worker; empty in a closed loop."""
    lost: frozenset[str] = frozenset()
    """The workers that were lost when it was given out."""

    @property
    def length_s(self) -> float:
        """Length, seconds."""
        return self.end_s - self.start_s

    def total(self) -> LatencyHistogram:
        """Return all its operations in one histogram."""
        total = LatencyHistogram()
        for histogram in self.operations.values():
            total.add(histogram)
        return total


@dataclass(slots=True)
class _Stage:
    name: str
    start_s: float
    end_s: float | None = None


class Series:
    """The series as the master sees it. `clock_s` is its monotonic clock, seconds since the load began."""

    def __init__(self, interval_s: float, clock_s: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._clock_s = clock_s
        self._stages: list[_Stage] = []
        self._waiting: dict[Place, Interval] = {}
        self._reached: dict[str, Place] = {}
        self._lost: set[str] = set()
        self._users: dict[Place, dict[str, int]] = {}  # that were reported within an interval, by worker
        self._next: Place = (0, 0)
        self._early: dict[str, list[dict[str, Any]]] = {}  # by worker

    def begin_stage(self, stage: str) -> None:
        """Note that a stage begins now, and that the one before it has ended."""
        now = self._clock_s()
        if self._stages:
            self._stages[-1].end_s = now
        self._stages.append(_Stage(stage, now))
        early, self._early = self._early, {}
        for worker, reports in early.items():
            was_lost = worker in self._lost
            for report in reports:
                self.add_report(worker, report)
            if was_lost:  # after it had sent them
                self.lose(worker)

    def add_report(self, worker: str, report: dict[str, Any]) -> None:
        """Take one worker's report (see `Recorder.report`).

        A worker of an open loop begins its stages by itself, so it may be ahead of the master. What it reports waits
        until the master begins the stage: no worker ends the master's. Raises ValueError where too many wait.
        """
        of_stages = {report["stage"], *(stage for stage, _, _ in report["records"])} - {None}
        if not of_stages <= {stage.name for stage in self._stages}:
            waiting = self._early.setdefault(worker, [])
            if len(waiting) >= _MOST_EARLY:
                raise ValueError("the master has not begun its stage")
            waiting.append(report)
            return
        for stage, number, records in report["records"]:
            interval = self._interval((self._ordinal_of(stage), number))
            share = interval.workers.setdefault(worker, WorkerShare())
            for request_type, name, message in records:
                histogram = LatencyHistogram.from_message(message)
                interval.operations.setdefault((request_type, name), LatencyHistogram()).add(histogram)
                share.total.add(histogram)
        if report["stage"] is None:
            return
        self._lost.discard(worker)
        place = (self._ordinal_of(report["stage"]), report["interval"])
        self._reached[worker] = max(place, self._reached.get(worker, place))
        # The CPU of a report that ends early in an interval was mostly spent in the one before it.
        spent_at = (place[0], max(0, place[1] - 1)) if place > self._next and place[1] else place
        share = self._interval(spent_at).workers.setdefault(worker, WorkerShare())
        share.wall_ns += report["wall_ns"]
        share.cpu_ns += report["cpu_ns"]
        self._note_users(worker, place, report["users"])
        if place == spent_at:
            share.users = max(report["users"], share.users or 0)
        elif share.users is None:
            share.users = report["users"]  # the interval ends with this report, and has no other
        if report["cpu_wait_ns"] is None or share.cpu_wait_ns is None:
            share.cpu_wait_ns = None
        else:
            share.cpu_wait_ns += report["cpu_wait_ns"]
        if "lateness" in report:
            lateness = LatencyHistogram.from_message(report["lateness"])
            share.lateness = share.lateness or LatencyHistogram()
            share.lateness.add(lateness)
            share.gc_ns += report["gc_ns"]

    def _note_users(self, worker: str, place: Place, users: int) -> None:
        of_place = self._users.setdefault(place, {})
        of_place[worker] = max(users, of_place.get(worker, 0))

    def lose(self, worker: str) -> None:
        """Stop waiting for a worker, until it reports again."""
        self._reached.pop(worker, None)
        self._lost.add(worker)

    def take_complete(self) -> Iterator[Interval]:
        """Give out, in order, the intervals that every live worker has left behind; empty ones too."""
        if self._reached:
            yield from self._take_before(min(self._reached.values()))

    def take_all(self) -> Iterator[Interval]:
        """Give out everything that there is: the load has ended."""
        for worker, reports in self._early.items():
            logger.error("%d reports of %s are left out: their stage has not begun", len(reports), worker)
        self._early = {}
        if self._waiting:
            last = max(self._waiting)
            yield from self._take_before((last[0], last[1] + 1))

    def _take_before(self, end: Place) -> Iterator[Interval]:
        for place in sorted(place for place in self._waiting if place < min(end, self._next)):
            yield self._give_out(place)  # late
        while self._next < end:
            ordinal, number = self._next
            stage = self._stages[ordinal]
            if stage.end_s is not None and number > self._last_number(ordinal, stage.end_s):
                self._next = (ordinal + 1, 0)
                if ordinal + 1 >= len(self._stages):
                    return
                continue
            yield self._give_out(self._next)
            self._next = (ordinal, number + 1)

    def _last_number(self, ordinal: int, end_s: float) -> int:
        """Return the number of the stage's last interval: by its length, or the last that a worker has filled."""
        length = end_s - self._stages[ordinal].start_s
        by_length = max(0, round(length / self._interval_s) - 1)
        filled = [number for stage, number in self._waiting if stage == ordinal]
        return max([by_length, *filled])

    def _give_out(self, place: Place) -> Interval:
        interval = self._interval(place)
        del self._waiting[place]
        interval.lost = frozenset(self._lost)
        for worker, users in self._users.pop(place, {}).items():
            if worker in interval.workers:
                interval.workers[worker].users = users
        ordinal, number = place
        stage = self._stages[ordinal]
        if stage.end_s is not None and number >= self._last_number(ordinal, stage.end_s):
            interval.end_s = max(stage.end_s, interval.start_s + 1e-6)
            interval.ends_stage = True
        return interval

    def _interval(self, place: Place) -> Interval:
        if place not in self._waiting:
            ordinal, number = place
            stage = self._stages[ordinal]
            start = stage.start_s + number * self._interval_s
            self._waiting[place] = Interval(ordinal, stage.name, number, start, start + self._interval_s)
        return self._waiting[place]

    def _ordinal_of(self, stage: str) -> int:
        for ordinal in range(len(self._stages) - 1, -1, -1):
            if self._stages[ordinal].name == stage:
                return ordinal
        raise ValueError(f"the stage {stage} has not begun")
