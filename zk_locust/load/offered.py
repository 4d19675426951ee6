"""What an open loop offered: how many operations were due, and what became of them, on the process that leads.

In each stage and over all workers, exactly: offered - missed - dropped - queued = sent.
"""

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP
from zk_locust.load.arrivals import StageCounts
from zk_locust.load.schedule import Schedule, Turns

_STAGES: Final = (WARM_UP, MEASURED, COOL_DOWN)
_NUMBERS: Final = ("offered", "sent", "dropped", "queued", "late")
_MOST: Final = 1 << 62

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OfferedCounts:
    """Operations since a stage began. `missed` were due on a worker that was not there; `queued` wait still."""

    offered: int = 0
    missed: int = 0
    dropped: int = 0
    queued: int = 0

    @property
    def sent(self) -> int:
        """How many were sent."""
        return self.offered - self.missed - self.dropped - self.queued

    def __add__(self, other: "OfferedCounts") -> "OfferedCounts":
        return OfferedCounts(
            self.offered + other.offered,
            self.missed + other.missed,
            self.dropped + other.dropped,
            self.queued + other.queued,
        )


class _Planned:
    """How many operations of one worker the schedule has until then. Times may only go on."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self._count = 0
        self._at_start: dict[str, int] = {}
        self._in_stage: dict[str, int] = {}

    def count(self, stage: str, begin_ns: int, until_ns: int) -> int:
        if stage not in self._at_start:
            self._count += self.turns.skip(begin_ns)
            self._at_start[stage] = self._count
        elif next(reversed(self._at_start)) != stage:
            return self._in_stage[stage]  # figures that came late: the stage is over
        self._count += self.turns.skip(until_ns)
        self._in_stage[stage] = self._count - self._at_start[stage]
        return self._in_stage[stage]


class Offered:
    """The due operations of the load, from the schedule and from what each worker says that it was offered.

    `start_ns` is when the load starts, on this process's `time.perf_counter_ns`. `workers` is the number of shares.
    """

    def __init__(self, schedule: Schedule, start_ns: int, workers: int = 1) -> None:
        self.schedule = schedule
        self.start_ns = start_ns
        self.workers = workers
        self._counts: dict[tuple[str, int], StageCounts] = {}
        self._planned: dict[int, _Planned] = {}
        self._refused: set[int] = set()

    def follow(self, schedule: Schedule) -> None:
        """Go on by a schedule that differs only in what is not due yet."""
        self.schedule = schedule
        for planned in self._planned.values():
            planned.turns.follow(schedule)

    def take(self, number: int, report: object) -> None:
        """Take what the worker of this number says (see `Arrivals.report`). Anything else is logged and left out."""
        try:
            told = _checked(report)
        except ValueError as error:
            if number not in self._refused:
                self._refused.add(number)
                logger.error("What worker %d of %d was offered is left out: %s", number + 1, self.workers, error)
            return
        for counts in told:
            self._counts[counts["stage"], number] = counts

    def at(
        self, stage: str, at_ns: int, *, ends: bool, lost: AbstractSet[int] = frozenset()
    ) -> Sequence[OfferedCounts]:
        """Return the counts of each share since the stage began, until `at_ns` of `time.perf_counter_ns`.

        `ends`: the stage has ended then. `lost`: the workers that are not there now. Ask for one moment after another.
        """
        return [self._of(number, stage, at_ns - self.start_ns, ends, lost) for number in range(self.workers)]

    def _of(self, number: int, stage: str, until_ns: int, ends: bool, lost: AbstractSet[int]) -> OfferedCounts:
        planned = self._planned_until(number, stage, until_ns)
        counts = self._counts.get((stage, number))
        if counts is None:
            return OfferedCounts(planned, planned)
        own = counts["offered"] + counts["late"]
        if number in lost and not counts["ended"]:
            # What came due after its last report is missed.
            offered, missed = max(planned, own), max(planned - counts["offered"], counts["late"])
        else:
            offered, missed = own if ends else planned, counts["late"]
        return OfferedCounts(offered, missed, counts["dropped"], counts["queued"])

    def _planned_until(self, number: int, stage: str, until_ns: int) -> int:
        measured_ns = self.schedule.measured_ns
        if stage == WARM_UP:
            begin_ns, end_ns = 0, self.schedule.end_ns if measured_ns is None else measured_ns
        elif stage == MEASURED and measured_ns is not None:
            begin_ns, end_ns = measured_ns, self.schedule.end_ns
        else:
            return 0
        if number not in self._planned:
            self._planned[number] = _Planned(Turns(self.schedule, number, self.workers))
        return self._planned[number].count(stage, begin_ns, min(until_ns, end_ns))


def _checked(report: object) -> list[StageCounts]:
    if not isinstance(report, list | tuple):
        raise ValueError("it is no list")
    for counts in report:
        match counts:
            case {"stage": str(stage), "ended": bool()} if stage in _STAGES:
                pass
            case _:
                raise ValueError("it has something else than counts of a stage")
        if not all(type(counts.get(name)) is int and 0 <= counts[name] <= _MOST for name in _NUMBERS):
            raise ValueError("a count of it is no whole number")
    return list(report)
