"""What a search for a capacity found, in words and tables."""

from collections.abc import Mapping
from typing import Any, Final

from reporting import text
from reporting.analyse.capacity_steps import ArmCapacity, CapacityAnswers, Checked
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.found import FAILED, PASSED, SKIPPED, Check, Found, Tile
from reporting.render.report_tables import Table
from zk_locust.contract.experiment import FAILURES

_CHECKS: Final = {"confirmed": PASSED, "at least": PASSED, "none": FAILED, "unconfirmed": SKIPPED, "load side": SKIPPED}

_OPEN_ENDS: Final = {
    "at least": "the highest rate of this experiment",
    "none": "the lowest rate of this experiment",
    "load side": "the load side was the limit",
}


def build(experiment: ExperimentFolder, found: CapacityAnswers) -> Found:
    """Say what the steps say."""
    sentences = {each.arm: _sentence(experiment, each.arm, each.answer) for each in found.arms}
    notes = [
        f"{each.arm}: above {each.knee_per_s:,g}/s, latency rises faster than the rate (the knee)."
        for each in found.arms
        if each.knee_per_s is not None
    ]
    return Found(
        answer=" ".join(sentences.values()),
        tiles=tuple(_tile(each) for each in found.arms),
        of_tiles="The highest rate that met the objectives, and the lowest above it that did not.",
        notes=tuple(notes),
        tables=tuple(table for each in found.arms if (table := _table(experiment, each)) is not None),
        checks=tuple(
            Check(
                f"capacity of {each.arm}",
                _CHECKS.get(str((each.answer or {}).get("state")), SKIPPED),
                sentences[each.arm],
            )
            for each in found.arms
        ),
        data={
            "capacity": {
                each.arm: dict(each.answer) | {"knee_per_s": each.knee_per_s}
                for each in found.arms
                if each.answer is not None
            }
        },
    )


def _tile(found: ArmCapacity) -> Tile:
    name = f"Capacity of {found.arm}"
    if found.answer is None:
        return Tile(name, text.NOTHING, "", "the search has not ended")
    low, high = (found.answer.get(end) for end in ("low_per_s", "high_per_s"))
    state = str(found.answer["state"])
    if low is not None and high is not None:
        return Tile(name, f"{low:,g} to {high:,g}", "/s", state)
    value = f"below {high:,g}" if high is not None else text.NOTHING if low is None else f"at least {low:,g}"
    return Tile(name, value, "" if value == text.NOTHING else "/s", _OPEN_ENDS.get(state, state))


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
            limit = f"At {found['limited_at_per_s']:,g}/s, the load side was the limit, and not {arm}"
            return f"{carried}{limit}; at least {hosts} more would be needed, or users if operations were dropped."
    between = "an unknown rate" if low is None else f"{low:,g}/s"
    return f"{arm}: runs contradict one another; {met} holds up to {between}, and not always above."


def _table(experiment: ExperimentFolder, found: ArmCapacity) -> Table | None:
    steps = [step for step in found.steps if step.run.step]
    if not steps:
        return None
    objectives = list(experiment.settings["objectives"])
    rows = []
    for step in steps:
        by_objective = {each.objective.text: each for each in step.checked}
        cells = [_value(by_objective.get(objective)) for objective in objectives]
        growth = step.run.step.get("backlog_per_s")
        rows.append(
            (
                *(f"{step.rate_per_s:,g}", step.state, *cells),
                text.percent(float(step.run.step.get("success") or 0)),
                text.NOTHING if growth is None else f"{growth:,.1f}",
                str(step.run.number),
            )
        )
    head = ("offered/s", "objectives", *objectives, "succeeded", "backlog growth/s", "run")
    note = (
        "The run's figure, and in brackets the upper end of its 95 % interval, which must meet the objective. 99.9 % "
        "must succeed, and the backlog may grow by 0.5 % of the offered rate at most."
    )
    return Table(f"Steps of {found.arm}", head, tuple(rows), 2, note=note)


def _value(found: Checked | None) -> str:
    if found is None or found.value is None:
        return text.NOTHING
    if found.objective.figure == FAILURES:
        return f"{text.percent(found.value)} ({text.NOTHING if found.upper is None else text.percent(found.upper)})"
    upper = text.NOTHING if found.upper is None else text.latency_ms(found.upper)
    return f"{text.latency_ms(found.value)} ({upper}) ms"
