"""An experiment as pandas data frames, for notebooks and scripts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from reporting.analyse import experiment_answers
from reporting.analyse.capacity_steps import CapacityAnswers
from reporting.analyse.experiment_answers import AnsweredExperiment
from reporting.analyse.headline import TOTAL
from reporting.analyse.matrix_effects import MatrixAnswers
from reporting.analyse.paired_figures import PairedFigures
from reporting.analyse.recovery_answers import RecoveryAnswers
from reporting.read import experiment_folder
from zk_locust.contract.experiment import FIGURES

_RUN: Final = {"run": "Int64", "arm": "string", "block": "Int64", "run_id": "string"}
_RUNS: Final = _RUN | {
    **dict.fromkeys(("verdict", "path"), "string"),
    **{"counts": "boolean", "rate_per_s": "float64", "passed": "boolean", "load_limited": "boolean"},
    "took_s": "float64",
}
_FIGURES: Final = _RUN | {"operation": "string", "figure": "string", "value": "float64"}
_COMPARISONS: Final = {
    **dict.fromkeys(("baseline", "candidate", "operation", "figure", "verdict", "answer"), "string"),
    "more_pairs": "Int64",
    **dict.fromkeys(("ratio", "low", "high", "p_value", "spread"), "float64"),
    "pairs": "Int64",
}
_STEPS: Final = {
    **{"run": "Int64", "arm": "string", "run_id": "string", "rate_per_s": "float64", "state": "string"},
    **{"objective": "string", "value": "float64", "upper": "float64", "limit": "float64", "met": "boolean"},
    **{"success": "float64", "backlog_per_s": "float64"},
}
_RECOVERIES: Final = _RUN | {"fault": "string", "figure": "string", "time_s": "float64", "ended": "boolean"}
_CELLS: Final = {"arm": "string", "figure": "string", "mean": "float64", "runs": "Int64"}


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment: what it is, and its data frames. Rates are per second, and latencies in microseconds.

    Numbers are float64 or Int64, texts string, truth values boolean; what there is not is NaN or `pd.NA`. A frame that
    the kind does not have is empty, and has its columns.

    `runs` has a row for each run, in the order in which they were run: `run` (its number), `arm`, `block` (the pair or
    pass), `run_id`, `verdict`, `path` (of its folder), `counts` (False for one that was void and repeated),
    `rate_per_s` (offered by a search), `passed`, `load_limited`, `took_s`.

    `figures` has a row for each figure of each operation of each run that counts: `run`, `arm`, `block`, `run_id`,
    `operation` (also `all operations`), `figure` (`rate`, `mean`, `p50`, `p95`, `p99`, `p99.9`), `value`.

    `comparisons` (compare, noise, recovery): `baseline`, `candidate`, `operation` (a fault in recovery), `figure`,
    `verdict` (the gravest of the figure in any of the runs), `answer` (changed, equivalent or undecided), `more_pairs`,
    `ratio` (candidate by baseline), `low`, `high` (its 95 % interval), `p_value` (not corrected), `spread`, `pairs`. A
    void figure has none.

    `recoveries` (recovery) has a row for each figure of each fault of each run: `run`, `arm`, `block`, `run_id`,
    `fault`, `figure`, `time_s` since the fault began, and `ended`: without, it was not over then.

    `steps` (capacity) has a row for each objective of each step: `run`, `arm`, `run_id`, `rate_per_s`, `state` (met,
    not met, load side, void), `objective`, `value`, `upper` (the upper end of its interval), `limit`, `met`, `success`
    and `backlog_per_s`. For failures, the three figures are shares from 0 to 1.

    `capacity` (capacity) has a row for each arm whose search has ended: `arm`, `state`, `low_per_s`, `high_per_s`,
    `knee_per_s`.

    `cells` (matrix) has a row for each figure of each cell: a text column for each axis, `arm`, `figure`, `mean`
    (geometric, over the runs), `runs`.
    """

    path: Path
    experiment_id: str
    kind: str
    state: str
    arms: tuple[str, ...]
    settings: Mapping[str, Any]
    runs: pd.DataFrame
    figures: pd.DataFrame
    comparisons: pd.DataFrame
    steps: pd.DataFrame
    capacity: pd.DataFrame
    cells: pd.DataFrame
    recoveries: pd.DataFrame
    problems: tuple[str, ...]


def load(path: Path | str) -> Experiment:
    """Read and compute the experiment in the folder `path` (`results/experiments/<id>`), in any state.

    What could not be read is in `problems`. Raises InputError when the folder is none of an experiment, or of another
    schema.
    """
    answered = experiment_answers.build(experiment_folder.load(Path(path)))
    experiment = answered.experiment
    axes = answered.answers.axes if isinstance(answered.answers, MatrixAnswers) else ()
    return Experiment(
        path=experiment.path,
        experiment_id=experiment.experiment_id,
        kind=experiment.kind,
        state=str(experiment.content["state"]),
        arms=tuple(experiment.arms),
        settings=experiment.settings,
        runs=_frame(_runs(answered), _RUNS),
        figures=_frame(_figures(answered), _FIGURES),
        comparisons=_frame(_comparisons(answered), _COMPARISONS),
        steps=_frame(_steps(answered), _STEPS),
        capacity=_frame(
            _capacity(answered),
            {"arm": "string", "state": "string"} | dict.fromkeys(("low_per_s", "high_per_s", "knee_per_s"), "float64"),
        ),
        cells=_frame(_cells(answered), dict.fromkeys(axes, "string") | _CELLS),
        recoveries=_frame(_recoveries(answered), _RECOVERIES),
        problems=experiment.problems,
    )


def _frame(rows: Iterable[Sequence[object]], columns: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns), dtype=object).astype(dict(columns))


def _runs(answered: AnsweredExperiment) -> list[tuple[object, ...]]:
    return [
        (
            *(
                run.number,
                run.arm,
                run.block,
                run.run_id or None,
                run.verdict,
                None if run.path is None else str(run.path),
            ),
            *(run.counts, run.rate_per_s, run.passed, run.load_limited, run.took_s),
        )
        for run in answered.experiment.runs
    ]


def _figures(answered: AnsweredExperiment) -> list[tuple[object, ...]]:
    return [
        (run.number, run.arm, run.block, run.run_id, operation, figure, value)
        for run in answered.experiment.counted
        for operation in (TOTAL, *run.operations())
        for figure in FIGURES
        if (value := run.figure(operation, figure)) is not None
    ]


def _comparisons(answered: AnsweredExperiment) -> list[tuple[object, ...]]:
    found = answered.answers
    pairs = found.pairs if isinstance(found, RecoveryAnswers) else found
    if not isinstance(pairs, PairedFigures):
        return []
    return [
        (
            *(each.baseline, each.candidate, each.operation, each.figure),
            *(each.verdict, each.decision.word, each.decision.more_pairs),
            *(ratio.ratio, ratio.low, ratio.high, ratio.p_value, ratio.spread, ratio.pairs),
        )
        for each in pairs.answers
        for ratio in [each.comparison]
    ]


def _recoveries(answered: AnsweredExperiment) -> list[tuple[object, ...]]:
    found = answered.answers
    if not isinstance(found, RecoveryAnswers):
        return []
    return [
        (run.number, run.arm, run.block, run.run_id, sample.fault, sample.figure, time.seconds, time.ended)
        for sample in found.samples
        for run in answered.experiment.of(sample.arm)
        if run.block is not None and (time := sample.times.get(run.block)) is not None
    ]


def _steps(answered: AnsweredExperiment) -> list[tuple[object, ...]]:
    if not isinstance(answered.answers, CapacityAnswers):
        return []
    rows: list[tuple[object, ...]] = []
    for arm in answered.answers.arms:
        for step in arm.steps:
            run = step.run
            own = (run.number, run.arm, run.run_id or None, step.rate_per_s, step.state)
            found: list[tuple[object, ...]] = [
                (x.objective.text, x.value, x.upper, x.objective.limit, x.met) for x in step.checked
            ]
            rest = (run.step.get("success"), run.step.get("backlog_per_s"))
            rows += [(*own, *each, *rest) for each in found or [(None,) * 5]]
    return rows


def _capacity(answered: AnsweredExperiment) -> list[tuple[object, ...]]:
    if not isinstance(answered.answers, CapacityAnswers):
        return []
    return [
        (arm.arm, arm.answer.get("state"), arm.answer.get("low_per_s"), arm.answer.get("high_per_s"), arm.knee_per_s)
        for arm in answered.answers.arms
        if arm.answer is not None
    ]


def _cells(answered: AnsweredExperiment) -> list[tuple[object, ...]]:
    if not isinstance(answered.answers, MatrixAnswers):
        return []
    return [
        (*cell.place, cell.name, figure, cell.typical, len(cell.values))
        for figure, cells in answered.answers.cells.items()
        for cell in cells
    ]
