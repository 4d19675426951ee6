"""What the repeats of the same faults say: how long each recovery took in each arm, and whether arms differ in it.

A time that was not over at the end of its fault's window is censored: it is known to be longer, and counts as that.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reporting.analyse.censored_times import Time, compare_censored
from reporting.analyse.comparison import Comparison, compare_pairs, judge
from reporting.analyse.paired_figures import FigureAnswer, PairedFigures, Uncompared
from reporting.read.experiment_folder import ExperimentFolder, ExperimentRun
from reporting.read.parsing import number
from zk_locust.contract.experiment import RECOVERY_FIGURES
from zk_locust.contract.verdicts import VALID, VERDICTS, VOID

RESOLUTION_S: Final = 0.05
"""Times are known to within this: shorter ones count as that in a ratio."""
COSTS: Final = ("failures", "censored", "above", "moved", "lost", "expired")
"""What is counted of each fault, by the names in `report.json`."""
_LEAST_PAIRS: Final = 2
_NEEDS: Final = {"write": "writes", "read": "reads", "rate": "rate_before_per_s", "p99": "p99_before_us"}
"""What the load must have had before the fault, so that a figure can come back."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A figure of a fault in an arm: `times` by block. A block whose run does not know it has none.

    `verdict` is the gravest of these runs.
    """

    arm: str
    fault: str
    figure: str
    times: Mapping[int, Time]
    verdict: str

    @property
    def title(self) -> str:
        """For people, as conditions say it: write of kill leader."""
        return f"{self.figure} of {self.fault}"

    @property
    def never(self) -> int:
        """In how many repeats it was not over within the fault's window."""
        return sum(not time.ended for time in self.times.values())

    @property
    def median_s(self) -> float:
        """The median, infinite where it is one of those that were not over."""
        ordered = sorted(time.seconds if time.ended else math.inf for time in self.times.values())
        return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2

    @property
    def least_s(self) -> float:
        """The shortest; infinite where none was over."""
        return min(time.seconds if time.ended else math.inf for time in self.times.values())

    @property
    def most(self) -> Time:
        """The longest; if it was not over, the longest that was waited."""
        return max(self.times.values(), key=lambda time: (not time.ended, time.seconds))


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fault cost in an arm: a number for each repeat that knows it, by the names in `COSTS`."""

    arm: str
    fault: str
    numbers: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class RecoveryAnswers:
    """All samples, by fault, figure and arm; what arms say beside the first one; and what the faults cost.

    `numbers` are those of the `faults` in the plan. `pairs` has the fault as operation, and seconds. `objective` is
    what latencies were to keep to, if anything.
    """

    numbers: tuple[int, ...]
    faults: tuple[str, ...]
    figures: tuple[str, ...]
    samples: tuple[Sample, ...]
    pairs: PairedFigures
    costs: tuple[Cost, ...]
    objective: str

    def sample(self, arm: str, fault: str, figure: str) -> Sample | None:
        """Return a sample, None without any repeat that knows it."""
        wanted = (arm, fault, figure)
        return next((each for each in self.samples if (each.arm, each.fault, each.figure) == wanted), None)

    def answered(self, fault: str, figure: str) -> bool:
        """Whether any run knows a figure of a fault."""
        return any((each.fault, each.figure) == (fault, figure) for each in self.samples)

    def answer(self, arm: str, fault: str, figure: str) -> FigureAnswer | None:
        """Return what is said of an arm beside the first one; None where nothing is."""
        wanted = (arm, fault, figure)
        found = ((each.candidate, each.operation, each.figure) == wanted for each in self.pairs.answers)
        return next((each for each, fits in zip(self.pairs.answers, found, strict=True) if fits), None)


def build(experiment: ExperimentFolder) -> RecoveryAnswers:
    """Compute what an experiment of kind recovery says."""
    names = _names(experiment.counted)
    figures = tuple(str(figure) for figure in experiment.settings["figures"])
    samples = tuple(
        sample
        for number_of, fault in names.items()
        for figure in figures
        for arm in experiment.arms
        if (sample := _sample(experiment.of(arm), arm, number_of, fault, figure)).times
    )
    costs = tuple(
        cost
        for number_of, fault in names.items()
        for arm in experiment.arms
        if any((cost := _cost(experiment.of(arm), arm, number_of, fault)).numbers.values())
    )
    objectives = {str(each.get("objective") or "") for run in experiment.counted for each in _faults(run)}
    return RecoveryAnswers(
        tuple(names),
        tuple(names.values()),
        figures,
        samples,
        _pairs(experiment, samples, tuple(names.values()), figures),
        costs,
        objectives.pop() if len(objectives) == 1 else "",
    )


def time_of(fault: Mapping[str, Any], figure: str) -> Time | None:
    """Return a figure of a fault of `report.json`; None where it is not known, or there was nothing to recover."""
    seconds = number(fault.get(RECOVERY_FIGURES[figure]))
    if figure == "silence":
        return None if seconds is None else Time(seconds, bool(fault.get("session_answered", True)))
    if seconds is not None:
        return Time(max(0.0, seconds))
    if figure not in _NEEDS or not fault.get(_NEEDS[figure]):
        return None
    start_s, until_s = number(fault.get("start_s")), number(fault.get("until_s"))
    return None if start_s is None or until_s is None or until_s <= start_s else Time(until_s - start_s, ended=False)


def _faults(run: ExperimentRun) -> Iterator[Mapping[str, Any]]:
    for each in run.report.get("faults") or ():
        if isinstance(each, Mapping) and number(each.get("number")) is not None:
            yield each


def _names(runs: Sequence[ExperimentRun]) -> dict[int, str]:
    """Return what to call each fault, by its number in the plan: its title, with the number where two have the same."""
    titles = {int(each["number"]): str(each.get("title")) for run in runs for each in _faults(run)}
    listed = list(titles.values())
    return {
        place: title if listed.count(title) == 1 else f"{title} (fault {place})"
        for place, title in sorted(titles.items())
    }


def _sample(runs: Sequence[ExperimentRun], arm: str, place: int, fault: str, figure: str) -> Sample:
    times: dict[int, Time] = {}
    verdicts = [VALID]
    for run in runs:
        for each in _faults(run):
            if int(each["number"]) == place and run.block is not None and (time := time_of(each, figure)) is not None:
                times[run.block] = time
                verdicts.append(run.verdict if run.verdict in VERDICTS else VOID)
    return Sample(arm, fault, figure, times, max(verdicts, key=VERDICTS.index))


def _cost(runs: Sequence[ExperimentRun], arm: str, place: int, fault: str) -> Cost:
    own = [each for run in runs for each in _faults(run) if int(each["number"]) == place]
    numbers = {name: [number(each.get(name)) for each in own] for name in COSTS}
    return Cost(
        arm,
        fault,
        {name: tuple(round(value) for value in found if value is not None) for name, found in numbers.items()},
    )


def _pairs(
    experiment: ExperimentFolder, samples: Sequence[Sample], faults: Sequence[str], figures: Sequence[str]
) -> PairedFigures:
    """Compare each arm with the first one, with Holm's correction over all figures of all faults."""
    equivalence = float(experiment.settings["equivalence"])
    known = {(sample.arm, sample.fault, sample.figure): sample for sample in samples}
    baseline, *candidates = experiment.arms
    compared: dict[tuple[str, str, str], Comparison] = {}
    parts: dict[tuple[str, str, str], tuple[str, str, str, str, tuple[tuple[float, float], ...], str]] = {}
    why: dict[tuple[str, str, str], str] = {}
    for arm in candidates:
        for fault in faults:
            for figure in figures:
                sides = [known.get((name, fault, figure)) for name in (baseline, arm)]
                first, second = (side.times if side is not None else {} for side in sides)
                blocks = sorted(first.keys() & second.keys())
                ours, theirs = ([_counted(side[block]) for block in blocks] for side in (first, second))
                values = tuple((a.seconds, b.seconds) for a, b in zip(ours, theirs, strict=True))
                verdict = max((side.verdict for side in sides if side is not None), key=VERDICTS.index, default=VOID)
                place = arm, fault, figure
                parts[place] = (baseline, arm, fault, figure, values, verdict)
                if len(values) < _LEAST_PAIRS:
                    why[place] = "two complete pairs are needed"
                elif all(time.ended for time in (*ours, *theirs)):
                    compared[place] = compare_pairs(values, equivalence=equivalence)
                else:
                    compared[place] = compare_censored(ours, theirs, equivalence=equivalence)
    decisions = judge(compared)
    return PairedFigures(
        tuple(
            FigureAnswer(*each, compared[place], decisions[place])
            if place in compared
            else Uncompared(*each, why[place])
            for place, each in parts.items()
        ),
        "",
    )


def _counted(time: Time) -> Time:
    return Time(max(time.seconds, RESOLUTION_S), time.ended)
