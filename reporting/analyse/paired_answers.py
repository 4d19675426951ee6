"""The answer of an experiment of pairs: what differs between each arm and the first one, with which confidence."""

import math
from dataclasses import dataclass

from reporting.analyse.comparison import Answer, Comparison, compare_pairs, judge
from reporting.read.experiment_folder import ExperimentFolder, ExperimentRun
from zk_locust.contract.experiment import ALL


@dataclass(frozen=True, slots=True)
class FigureAnswer:
    """What the pairs say about one figure: `candidate` beside `baseline`, and the runs' values of both in pairs.

    Rates are per second, latencies in microseconds.
    """

    baseline: str
    candidate: str
    operation: str
    figure: str
    values: tuple[tuple[float, float], ...]
    comparison: Comparison
    decision: Answer

    @property
    def title(self) -> str:
        """For people: p99 of get."""
        return self.figure if self.operation == ALL else f"{self.figure} of {self.operation}"


@dataclass(frozen=True, slots=True)
class PairedAnswers:
    """All answers, and figures that have too few pairs to be compared, by name."""

    answers: tuple[FigureAnswer, ...]
    missing: tuple[str, ...]


def build(experiment: ExperimentFolder) -> PairedAnswers:
    """Compare each arm with the first one, figure by figure, with Holm's correction over all figures."""
    baseline, *candidates = experiment.arms
    operations = sorted({name for run in experiment.counted for name in run.operations()})
    wanted = [ALL, *(operations if len(operations) > 1 else [])]
    pairs: dict[tuple[str, str, str], tuple[tuple[float, float], ...]] = {}
    missing = []
    for candidate in candidates:
        for operation in wanted:
            for figure in experiment.settings["figures"]:
                found = _pairs(experiment, baseline, candidate, operation, figure)
                if len(found) >= 2:
                    pairs[candidate, operation, figure] = found
                else:
                    missing.append(f"{figure} of {operation}, {candidate}: {len(found)} complete pairs, two are needed")
    equivalence = float(experiment.settings["equivalence"])
    compared = {key: compare_pairs(found, equivalence=equivalence) for key, found in pairs.items()}
    names = {key: "\0".join(key) for key in compared}
    decisions = judge({names[key]: comparison for key, comparison in compared.items()})
    answers = tuple(
        FigureAnswer(baseline, candidate, operation, figure, pairs[key], compared[key], decisions[names[key]])
        for key in compared
        for candidate, operation, figure in [key]
    )
    return PairedAnswers(answers, tuple(missing))


def _pairs(
    experiment: ExperimentFolder, baseline: str, candidate: str, operation: str, figure: str
) -> tuple[tuple[float, float], ...]:
    def values(arm: str) -> dict[int, float]:
        found = {run.block: _finite(run, operation, figure) for run in experiment.of(arm) if run.block is not None}
        return {block: value for block, value in found.items() if block is not None and value is not None}

    first, second = values(baseline), values(candidate)
    return tuple((first[block], second[block]) for block in sorted(first.keys() & second.keys()))


def _finite(run: ExperimentRun, operation: str, figure: str) -> float | None:
    value = run.figure(operation, figure)
    return value if value is not None and math.isfinite(value) else None
