"""A search for a capacity: its steps, the answer of each arm, and the knee of its latency over the rate."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reporting.analyse.headline import TOTAL
from reporting.read.experiment_folder import ExperimentFolder, ExperimentRun
from zk_locust.contract.experiment import FAILURES, Objective, parse_objective
from zk_locust.contract.verdicts import VOID

MET: Final = "met"
NOT_MET: Final = "not met"
LOAD_SIDE: Final = "load side"
STATES: Final = (MET, NOT_MET, LOAD_SIDE, VOID)

_KNEE: Final = 0.2  # what is less far below the line is the curve of a queue that has no knee yet
_USUAL: Final = "p99"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a step found for an objective: the figure, the upper end of its interval, and whether that meets it.

    Microseconds, or shares (0 to 1) for failures; None where the step has no such figure.
    """

    objective: Objective
    value: float | None
    upper: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A run at an offered rate, operations a second.

    `state` is `met` or `not met` (all objectives, successes and backlog); `load side` where the load side was the
    limit, and `void` for a run without a result: these two say nothing about the ensemble.
    """

    run: ExperimentRun
    rate_per_s: float
    state: str
    checked: tuple[Checked, ...]

    def latency(self) -> Checked | None:
        """The first objective that is a latency; without one, p99 of all operations."""
        found = next((each for each in self.checked if each.objective.figure != FAILURES), None)
        if found is None and (value := self.run.figure(TOTAL, _USUAL)) is not None:
            return Checked(Objective(_USUAL, _USUAL, TOTAL, 0.0), value, None, met=True)
        return found


@dataclass(frozen=True, slots=True)
class ArmCapacity:
    """The steps of an arm by rate, the search's answer as in the manifest (None before its end), and the knee."""

    arm: str
    steps: tuple[Step, ...]
    answer: Mapping[str, Any] | None
    knee_per_s: float | None


@dataclass(frozen=True, slots=True)
class CapacityAnswers:
    """What the steps say, arm by arm."""

    arms: tuple[ArmCapacity, ...]


def build(experiment: ExperimentFolder) -> CapacityAnswers:
    """Return what the steps say."""
    answers: Mapping[str, Mapping[str, Any]] = experiment.content.get("capacity") or {}
    found = []
    for arm in experiment.arms:
        steps = [_step(run) for run in experiment.runs if run.arm == arm and run.rate_per_s is not None]
        steps.sort(key=lambda step: step.rate_per_s)
        found.append(ArmCapacity(arm, tuple(steps), answers.get(arm), knee(steps)))
    return CapacityAnswers(tuple(found))


def _step(run: ExperimentRun) -> Step:
    state = MET if run.passed else NOT_MET
    if not run.counts:
        state = LOAD_SIDE if run.load_limited else VOID
    checked = tuple(
        Checked(parse_objective(each["objective"]), each["value"], each["upper"], bool(each.get("met")))
        for each in run.step.get("objectives") or []
    )
    return Step(run, float(run.rate_per_s or 0.0), state, checked)


def typical_latencies(steps: Sequence[Step]) -> list[tuple[float, float]]:
    """Return each rate, and the median over its steps of the latency in microseconds; only steps that count."""
    by_rate: dict[float, list[float]] = {}
    for step in steps:
        found = step.latency() if step.run.counts else None
        if found is not None and found.value is not None:
            by_rate.setdefault(step.rate_per_s, []).append(found.value)
    return [(rate, statistics.median(values)) for rate, values in sorted(by_rate.items())]


def knee(steps: Sequence[Step]) -> float | None:
    """Return the rate of the step that lies furthest below the line from the first step to the last, 0 to 1 each way.

    That is the knee of the curve of latency over the rate (Kneedle, Satopaa et al. 2011). None for fewer than four
    rates, or a curve without one.
    """
    points = typical_latencies(steps)
    if len(points) < 4 or points[-1][1] <= points[0][1]:
        return None
    (x0, y0), (x1, y1) = points[0], points[-1]
    below = [(((x - x0) / (x1 - x0)) - ((y - y0) / (y1 - y0)), x) for x, y in points]
    distance, rate = max(below)
    return rate if distance > _KNEE else None
