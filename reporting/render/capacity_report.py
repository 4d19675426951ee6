"""What a search for a capacity found, in words and tables."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reporting import text
from reporting.read.experiment_folder import ExperimentFolder, ExperimentRun
from reporting.render.found import FAILED, PASSED, SKIPPED, Check, Found
from reporting.render.report_tables import Table
from zk_locust.contract.experiment import FAILURES, parse_objective

_CHECKS: Final = {"confirmed": PASSED, "at least": PASSED, "none": FAILED, "unconfirmed": SKIPPED, "load side": SKIPPED}


def build(experiment: ExperimentFolder) -> Found:
    """Find what the steps say."""
    capacity: Mapping[str, Mapping[str, Any]] = experiment.content.get("capacity") or {}
    sentences = {arm: _sentence(experiment, arm, capacity.get(arm)) for arm in experiment.arms}
    knees = {arm: knee(experiment.of(arm)) for arm in experiment.arms}
    notes = [
        f"{arm}: above {rate:,g}/s, latency rises faster than the rate (the knee)."
        for arm, rate in knees.items()
        if rate is not None
    ]
    return Found(
        answer=" ".join(sentences.values()),
        notes=tuple(notes),
        tables=tuple(table for arm in experiment.arms if (table := _table(experiment, arm)) is not None),
        checks=tuple(
            Check(f"capacity of {arm}", _CHECKS.get(str((capacity.get(arm) or {}).get("state")), SKIPPED), sentence)
            for arm, sentence in sentences.items()
        ),
        data={"capacity": {arm: dict(found) | {"knee_per_s": knees.get(arm)} for arm, found in capacity.items()}},
    )


def _sentence(experiment: ExperimentFolder, arm: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return f"{arm}: the search has not ended."
    met = " and ".join(experiment.settings["objectives"])
    low, high = found.get("low_per_s"), found.get("high_per_s")
    match found["state"]:
        case "confirmed":
            return f"{arm} carries {low:,g}/s with {met}, and not {high:,g}/s."
        case "at least":
            return f"{arm} carries at least {low:,g}/s with {met}, the highest rate of this experiment."
        case "none":
            return f"{arm} does not meet {met} at {high:,g}/s, the lowest rate of this experiment."
        case "load side":
            more = int(found["more_load_hosts"])
            hosts = "1 load host" if more == 1 else f"{more} load hosts"
            carried = "" if low is None else f"{arm} meets {met} at {low:,g}/s. "
            limit = f"At {found['limited_at_per_s']:,g}/s, the load hosts were the limit, and not {arm}"
            return f"{carried}{limit}; at least {hosts} more would be needed."
    between = "an unknown rate" if low is None else f"{low:,g}/s"
    return f"{arm}: runs contradict one another; {met} holds up to {between}, and not always above."


def knee(runs: Sequence[ExperimentRun]) -> float | None:
    """Return the rate of the step that lies furthest below the line from the first step to the last, 0 to 1 each way.

    That is the knee of the curve of the first objective's latency over the rate (Kneedle, Satopaa et al. 2011). None
    for fewer than four rates, or a curve without one.
    """
    points = sorted(dict(_latencies(runs)).items())
    if len(points) < 4 or points[-1][1] <= points[0][1]:
        return None
    (x0, y0), (x1, y1) = points[0], points[-1]
    below = [(((x - x0) / (x1 - x0)) - ((y - y0) / (y1 - y0)), x) for x, y in points]
    distance, rate = max(below)
    return rate if distance > 0.2 else None


def _latencies(runs: Sequence[ExperimentRun]) -> list[tuple[float, float]]:
    """Return rate and value of the first objective that is a latency, step by step."""
    found = []
    for run in runs:
        for each in run.step.get("objectives") or []:
            if parse_objective(each["objective"]).figure != FAILURES:
                if each["value"] is not None and run.rate_per_s is not None:
                    found.append((run.rate_per_s, float(each["value"])))
                break
    return found


def _table(experiment: ExperimentFolder, arm: str) -> Table | None:
    runs = sorted((run for run in experiment.runs if run.arm == arm and run.step), key=lambda run: run.rate_per_s or 0)
    if not runs:
        return None
    objectives = list(experiment.settings["objectives"])
    rows = []
    for run in runs:
        by_objective = {each["objective"]: each for each in run.step.get("objectives") or []}
        state = "load side" if not run.counts else "met" if run.passed else "not met"
        cells = [_value(by_objective.get(objective)) for objective in objectives]
        growth = run.step.get("backlog_per_s")
        success = text.percent(float(run.step.get("success") or 0))
        backlog = text.NOTHING if growth is None else f"{growth:,.1f}"
        rows.append((f"{run.rate_per_s:,g}", state, *cells, success, backlog, str(run.number)))
    head = ("offered/s", "objectives", *objectives, "succeeded", "backlog growth/s", "run")
    note = (
        "The run's figure, and in brackets the upper end of its 95 % interval, which must meet the objective. 99.9 % "
        "must succeed, and the backlog may grow by 0.5 % of the offered rate at most."
    )
    return Table(f"Steps of {arm}", head, tuple(rows), 2, note=note)


def _value(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return text.NOTHING
    if parse_objective(found["objective"]).figure == FAILURES:
        return f"{text.percent(found['value'])} ({text.percent(found['upper'])})"
    upper = text.NOTHING if found["upper"] is None else text.latency_ms(found["upper"])
    return f"{text.latency_ms(found['value'])} ({upper}) ms"
