"""The figures of pairs of runs, from the contents of their `report.json`, and what the pairs say about each.

Runs that a user names are compared only in figures that all of them have. An experiment may have lost a run: a pair
without the figure is left out, and the other pairs are compared.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reporting.analyse.comparison import UNDECIDED, Answer, Comparison, compare_pairs, judge
from reporting.read.experiment_folder import ExperimentFolder
from reporting.read.parsing import number
from zk_locust.contract.experiment import ALL, FIGURES
from zk_locust.contract.verdicts import VALID, VERDICTS, VOID

_BESIDE: Final = {"mean": ("p50", "p99"), "p95": ("p50", "p99")}
_LEAST_PAIRS: Final = 2

Report = Mapping[str, Any]
Pair = tuple[Report, Report]


@dataclass(frozen=True, slots=True)
class PairedFigure:
    """A figure of an operation: the values of `baseline` and `candidate` in pairs, per second or microseconds.

    `verdict` is the gravest that the figure has in any of these runs.
    """

    baseline: str
    candidate: str
    operation: str
    figure: str
    values: tuple[tuple[float, float], ...]
    verdict: str

    @property
    def title(self) -> str:
        """For people: p99 of get."""
        return self.figure if self.operation == ALL else f"{self.figure} of {self.operation}"

    @property
    def doubt(self) -> str:
        """The verdict of a figure that is not valid, otherwise empty."""
        return "" if self.verdict == VALID else self.verdict

    @property
    def means(self) -> tuple[float, float]:
        """The geometric means of the baseline and of the candidate; their quotient is the ratio."""
        baselines, candidates = zip(*self.values, strict=True)
        return statistics.geometric_mean(baselines), statistics.geometric_mean(candidates)

    @property
    def ratio(self) -> float:
        """Candidate by baseline."""
        baseline, candidate = self.means
        return candidate / baseline


@dataclass(frozen=True, slots=True)
class FigureAnswer(PairedFigure):
    """A figure that is compared, and what the pairs say about it."""

    comparison: Comparison
    decision: Answer

    @property
    def corrected(self) -> bool:
        """Whether only the correction for the number of figures leaves it undecided."""
        return self.decision.word == UNDECIDED and not self.comparison.low <= 1 <= self.comparison.high


@dataclass(frozen=True, slots=True)
class Uncompared(PairedFigure):
    """A figure that is not compared, and why: it has too few pairs, or is void. `values` are those that exist."""

    why: str


@dataclass(frozen=True, slots=True)
class PairedFigures:
    """All figures by candidate and operation, all operations together first.

    `single` is the operation's name if there is only one: then its figures are those of all operations.
    """

    figures: tuple[FigureAnswer | Uncompared, ...]
    single: str

    @property
    def answers(self) -> list[FigureAnswer]:
        """The figures that are compared."""
        return [each for each in self.figures if isinstance(each, FigureAnswer)]

    @property
    def missing(self) -> list[Uncompared]:
        """The figures that are not compared."""
        return [each for each in self.figures if isinstance(each, Uncompared)]

    def operation(self, name: str) -> str:
        """Return the operation whose figures are those of `name`."""
        return ALL if name == self.single else name


def of_runs(baselines: Sequence[Report], candidates: Sequence[Report]) -> PairedFigures:
    """Compare runs pair by pair, in the figures that all of them have. Raises ValueError for runs without a partner."""
    pairs = list(zip(baselines, candidates, strict=True))
    return _build("baseline", {"candidate": pairs}, tuple(FIGURES), 0.05, complete=True)


def of_experiment(experiment: ExperimentFolder) -> PairedFigures:
    """Compare each arm with the first one, figure by figure, with Holm's correction over all figures."""
    baseline, *candidates = experiment.arms
    runs = {
        arm: {run.block: run.report for run in experiment.of(arm) if run.block is not None} for arm in experiment.arms
    }
    pairs = {
        arm: [(runs[baseline][block], runs[arm][block]) for block in sorted(runs[baseline].keys() & runs[arm].keys())]
        for arm in candidates
    }
    settings = experiment.settings
    return _build(baseline, pairs, tuple(settings["figures"]), float(settings["equivalence"]), complete=False)


def _build(
    baseline: str, pairs: Mapping[str, Sequence[Pair]], names: Sequence[str], equivalence: float, *, complete: bool
) -> PairedFigures:
    """Compare the pairs of each candidate. If `complete`, a figure is compared only where all runs have it."""
    operations = sorted({name for found in pairs.values() for pair in found for run in pair for name in _rows(run)})
    wanted = [ALL, *(operations if len(operations) > 1 else [])]
    found = [
        _paired(baseline, candidate, pairs[candidate], operation, figure, complete)
        for candidate in pairs
        for operation in wanted
        for figure in names
    ]
    compared = {
        place: compare_pairs(each.values, equivalence=equivalence)
        for place, each in enumerate(found)
        if not _why_not(each)
    }
    decisions = judge(compared)
    figures = tuple(
        FigureAnswer(*_parts(each), compared[place], decisions[place])
        if place in compared
        else Uncompared(*_parts(each), _why_not(each))
        for place, each in enumerate(found)
    )
    return PairedFigures(figures, operations[0] if len(operations) == 1 else "")


def _paired(
    baseline: str, candidate: str, pairs: Sequence[Pair], operation: str, figure: str, complete: bool
) -> PairedFigure:
    values: list[tuple[float, float]] = []
    reports: list[Report] = []
    for pair in pairs:
        first, second = (_value(report, operation, figure) for report in pair)
        if first is not None and second is not None:
            values.append((first, second))
            reports += pair
    if complete and len(values) < len(pairs):
        values = []
    return PairedFigure(
        baseline, candidate, operation, figure, tuple(values), _gravest_verdict(reports, operation, figure)
    )


def _parts(each: PairedFigure) -> tuple[str, str, str, str, tuple[tuple[float, float], ...], str]:
    return each.baseline, each.candidate, each.operation, each.figure, each.values, each.verdict


def _why_not(each: PairedFigure) -> str:
    """Return why a figure is not compared, empty where it is."""
    if len(each.values) < _LEAST_PAIRS:
        return f"{len(each.values)} complete pairs, two are needed"
    return "it is void in at least one run" if each.verdict == VOID else ""


def _rows(report: Report) -> Iterator[str]:
    """Yield the names of a run's operations."""
    yield from (str(row.get("operation")) for row in report.get("operations") or [])


def _value(report: Report, operation: str, figure: str) -> float | None:
    """Return a figure, None where the run has none above 0, which has no ratio."""
    named = {str(row.get("operation")): row for row in report.get("operations") or []} | {ALL: report.get("total")}
    value = number((named.get(operation) or {}).get(FIGURES[figure]))
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _gravest_verdict(reports: Iterable[Report], operation: str, figure: str) -> str:
    """Return the gravest verdict that a figure has in any of the runs."""
    return max((_verdict(report, operation, figure) for report in reports), key=VERDICTS.index, default=VOID)


def _verdict(report: Report, operation: str, figure: str) -> str:
    """Return the verdict of a figure in a run.

    Runs judge neither means nor p95: theirs is the gravest of p50 and p99. A report of an older version has only the
    run's verdict.
    """
    named = {(each.get("operation"), each.get("figure")): each for each in report.get("figures") or []}
    judged = [named.get((operation, name), {}).get("verdict") for name in (figure, *_BESIDE.get(figure, ()))]
    found = [each for each in judged if each in VERDICTS] or [(report.get("verdict") or {}).get("verdict")]
    return max((each if each in VERDICTS else VOID for each in found), key=VERDICTS.index)
