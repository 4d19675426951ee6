"""The answer of an experiment of pairs: what differs between each arm and the first one, with which confidence."""

import math
from dataclasses import dataclass

from reporting.analyse.compared_figures import VALID, VOID, gravest_verdict
from reporting.analyse.comparison import Answer, Comparison, compare_pairs, judge
from reporting.read.experiment_folder import ExperimentFolder, ExperimentRun
from zk_locust.contract.experiment import ALL


@dataclass(frozen=True, slots=True)
class FigureAnswer:
    """What the pairs say about one figure: `candidate` beside `baseline`, and the runs' values of both in pairs.

    Rates are per second, latencies in microseconds. `verdict` is the gravest that the figure has in any of these runs.
    """

    baseline: str
    candidate: str
    operation: str
    figure: str
    values: tuple[tuple[float, float], ...]
    comparison: Comparison
    decision: Answer
    verdict: str

    @property
    def title(self) -> str:
        """For people: p99 of get."""
        return _title(self.operation, self.figure)

    @property
    def doubt(self) -> str:
        """The verdict of a figure that is not valid, otherwise empty."""
        return "" if self.verdict == VALID else self.verdict


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A figure that is not compared, and why: it has too few pairs, or is void."""

    candidate: str
    operation: str
    figure: str
    why: str

    @property
    def title(self) -> str:
        """For people: p99 of get."""
        return _title(self.operation, self.figure)


@dataclass(frozen=True, slots=True)
class PairedAnswers:
    """All answers, and the figures that are not compared.

    `single` is the operation's name if there is only one: then its figures are those of all operations.
    """

    answers: tuple[FigureAnswer, ...]
    missing: tuple[Uncompared, ...]
    single: str


def build(experiment: ExperimentFolder) -> PairedAnswers:
    """Compare each arm with the first one, figure by figure, with Holm's correction over all figures."""
    baseline, *candidates = experiment.arms
    operations = sorted({name for run in experiment.counted for name in run.operations()})
    wanted = [ALL, *(operations if len(operations) > 1 else [])]
    pairs: dict[tuple[str, str, str], tuple[tuple[float, float], ...]] = {}
    verdicts: dict[tuple[str, str, str], str] = {}
    missing = []
    for candidate in candidates:
        for operation in wanted:
            for figure in experiment.settings["figures"]:
                found = _pairs(experiment, baseline, candidate, operation, figure)
                if len(found) < 2:
                    why = f"{len(found)} complete pairs, two are needed"
                    missing.append(Uncompared(candidate, operation, figure, why))
                    continue
                reports = [run.report for pair in found for run in pair]
                verdict = gravest_verdict(reports, operation, figure)
                if verdict == VOID:
                    missing.append(Uncompared(candidate, operation, figure, "it is void in at least one run"))
                    continue
                key = (candidate, operation, figure)
                verdicts[key] = verdict
                pairs[key] = tuple((_value(a, operation, figure), _value(b, operation, figure)) for a, b in found)
    equivalence = float(experiment.settings["equivalence"])
    compared = {key: compare_pairs(found, equivalence=equivalence) for key, found in pairs.items()}
    decisions = judge(compared)
    answers = tuple(
        FigureAnswer(baseline, *key, pairs[key], compared[key], decisions[key], verdicts[key]) for key in compared
    )
    return PairedAnswers(answers, tuple(missing), operations[0] if len(operations) == 1 else "")


def _pairs(
    experiment: ExperimentFolder, baseline: str, candidate: str, operation: str, figure: str
) -> list[tuple[ExperimentRun, ExperimentRun]]:
    """Return the runs of each pair that both have the figure."""

    def runs(arm: str) -> dict[int, ExperimentRun]:
        return {
            run.block: run
            for run in experiment.of(arm)
            if run.block is not None and math.isfinite(_value(run, operation, figure))
        }

    first, second = runs(baseline), runs(candidate)
    return [(first[block], second[block]) for block in sorted(first.keys() & second.keys())]


def _value(run: ExperimentRun, operation: str, figure: str) -> float:
    """Return the figure, NaN where the run has none above 0."""
    value = run.figure(operation, figure)
    return math.nan if value is None else value


def _title(operation: str, figure: str) -> str:
    return figure if operation == ALL else f"{figure} of {operation}"
