"""The history of each scenario on each fleet: the figures of its runs, and where they change."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.analyse import change_points, run_differences
from reporting.analyse.run_summary import P99, RATE, RunSummary
from reporting.read.manifest import Manifest
from zk_locust.contract.verdicts import VOID

MOST_RUNS: Final = 100
"""The newest runs of a history, which are searched for change points and drawn."""
_SHOWN: Final = 3  # differences that are named beside a change


@dataclass(frozen=True, slots=True)
class Change:
    """A change point: the place of the first run after it, how much changed there, and what else did.

    `ratio` is that of the typical values until the next and since the last change point. `settings` are sentences about
    the manifests of the runs before and after.
    """

    place: int
    run_id: str
    ratio: float
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over the runs that have it, the oldest first, and its change points."""

    figure: str
    runs: tuple[RunSummary, ...]
    values: tuple[float, ...]
    changes: tuple[Change, ...]

    def levels(self) -> list[float]:
        """The typical value at each run: the geometric mean between two change points."""
        ends = [0, *(change.place for change in self.changes), len(self.values)]
        return [
            statistics.geometric_mean(self.values[start:end])
            for start, end in itertools.pairwise(ends)
            for _ in range(start, end)
        ]


@dataclass(frozen=True, slots=True)
class History:
    """The runs of a scenario on a fleet, the oldest first; `left_out` older ones are not among them."""

    scenario: str
    fleet: str
    runs: tuple[RunSummary, ...]
    rate: Series
    p99: Series
    left_out: int


def build(runs: Sequence[RunSummary]) -> list[History]:
    """Return the histories, that of the newest run first.

    Void runs have no result, and runs of experiments differ on purpose: both are in no history.
    """
    groups: dict[tuple[str, str], list[RunSummary]] = {}
    for run in sorted(runs, key=lambda run: (run.started, run.run_id)):
        if run.state == "complete" and run.verdict not in ("", VOID) and not run.experiment and run.figure(RATE):
            groups.setdefault((run.scenario, run.fleet), []).append(run)
    found = [
        History(
            scenario,
            fleet,
            tuple(kept := group[-MOST_RUNS:]),
            _series(RATE, kept),
            _series(P99, kept),
            len(group) - len(kept),
        )
        for (scenario, fleet), group in groups.items()
    ]
    return sorted(found, key=lambda history: history.runs[-1].started, reverse=True)


def _series(figure: str, runs: Sequence[RunSummary]) -> Series:
    known = [(run, value) for run in runs if (value := run.figure(figure)) is not None]
    values = [value for _, value in known]
    places = change_points.find([math.log(value) for value in values])
    ends = [0, *places, len(values)]
    changes = []
    for start, place, end in zip(ends, ends[1:], ends[2:], strict=False):
        before, after = (statistics.geometric_mean(part) for part in (values[start:place], values[place:end]))
        manifests = [[run.manifest for run, _ in part] for part in (known[start:place], known[place:end])]
        changes.append(Change(place, known[place][0].run_id, after / before, _settings(manifests)))
    return Series(figure, tuple(run for run, _ in known), tuple(values), tuple(changes))


def _settings(manifests: Sequence[Sequence[Manifest]]) -> tuple[str, ...]:
    """What all runs before have in one way, and all after in another."""
    said = [f"{each.name}: {' to '.join(each.values)}" for each in run_differences.between(manifests, constant=True)]
    more = len(said) - _SHOWN
    return (*said[:_SHOWN], *([f"{more} more settings or versions"] if more > 0 else []))
