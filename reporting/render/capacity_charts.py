"""The charts of a search for a capacity: latency over the offered rate, for each objective that is a latency."""

from collections.abc import Iterator

import pandas as pd

from reporting import text
from reporting.analyse.capacity_steps import STATES, ArmCapacity, CapacityAnswers, Checked, Step
from reporting.render import hockey_stick
from reporting.render.chart import Figure, drawn_name
from reporting.render.hockey_stick import Sticks
from zk_locust.contract.experiment import FAILURES

_WORDS = {"met": "met", "not met": "not met", "load side": "limited by the load side", "void": "void"}


def build(found: CapacityAnswers) -> list[Figure]:
    """A chart for each latency; nothing before the first step that has one."""
    steps = [(arm, step) for arm in found.arms for step in arm.steps]
    names = dict.fromkeys(
        each.objective.text for _, step in steps for each in step.checked if each.objective.figure != FAILURES
    )
    if not names and any(step.latency() for _, step in steps):
        return [_figure(found, None, 1)]
    return [_figure(found, name, number) for number, name in enumerate(names, 1)]


def _latency(step: Step, name: str | None) -> Checked | None:
    """The step's value of this objective; without objectives that are latencies, its usual one."""
    return step.latency() if name is None else next((x for x in step.checked if x.objective.text == name), None)


def _figure(found: CapacityAnswers, name: str | None, number: int) -> Figure:
    arms = [drawn_name(each.arm) for each in found.arms if each.steps]
    steps = pd.DataFrame(
        [row for each in found.arms for row in _rows(each, name)],
        columns=["arm", "rate", "value", "upper", "state", "run"],
    ).astype({"value": float, "upper": float})
    counted = steps[steps["state"].isin(["met", "not met"])].dropna(subset=["value"])
    lines = counted.groupby(["arm", "rate"], sort=False)["value"].median().reset_index()
    # The knee is that of the first latency.
    knees = [
        (drawn_name(each.arm), each.knee_per_s) for each in found.arms if each.knee_per_s is not None and number == 1
    ]
    spans = [
        (drawn_name(each.arm), each.answer["low_per_s"], each.answer["high_per_s"])
        for each in found.arms
        if each.answer and each.answer.get("low_per_s") and each.answer.get("high_per_s")
    ]
    limit = next((each.objective.limit / 1000 for _, each in _checked(found, name) if each.objective.limit), None)
    figure = (name or "p99").partition("<")[0].strip()
    sticks = Sticks(
        arms,
        steps,
        lines,
        pd.DataFrame(spans, columns=["arm", "low", "high"]),
        pd.DataFrame(knees, columns=["arm", "rate"]),
        limit,
        name or "",
        figure,
    )
    caption = (
        f"Each mark is a step: {figure} at the offered rate, with a line up to the upper end of its 95 % interval. The "
        "curve joins the medians of the steps at each rate."
    )
    caption += " The coloured band is the capacity." if spans else ""
    caption += " Above the knee, latency rises faster than the rate." if knees else ""
    caption += " Steps without a latency stand at the bottom." if steps["value"].isna().any() else ""
    return Figure(
        f"hockey-stick-{number}",
        f"{figure} over offered rate",
        caption,
        f"Chart of {figure} over the offered rate, log scale. {' '.join(_said(each, name) for each in found.arms)}",
        False,
        "answer",
        lambda interactive: hockey_stick.draw(sticks, interactive=interactive),
    )


def _checked(found: CapacityAnswers, name: str | None) -> Iterator[tuple[Step, Checked]]:
    for arm in found.arms:
        for step in arm.steps:
            if (checked := _latency(step, name)) is not None:
                yield step, checked


def _rows(found: ArmCapacity, name: str | None) -> Iterator[tuple[str, float, float | None, float | None, str, int]]:
    for step in found.steps:
        checked = _latency(step, name)
        value, upper = (None, None) if checked is None else (checked.value, checked.upper)
        shown = (None if each is None else round(max(each, 1) / 1000, 4) for each in (value, upper))
        yield drawn_name(found.arm), step.rate_per_s, *shown, step.state, step.run.number  # type: ignore[misc]


def _said(found: ArmCapacity, name: str | None) -> str:
    counts = [(state, sum(step.state == state for step in found.steps)) for state in STATES]
    words = ", ".join(f"{count} {_WORDS[state]}" for state, count in counts if count)
    ends = [(step.rate_per_s, each.value) for step in found.steps if (each := _latency(step, name)) and each.value]
    reach = ""
    if ends:
        (low, first), (high, last) = ends[0], ends[-1]
        reach = f"; {text.latency_ms(first)} ms at {low:,g}/s, {text.latency_ms(last)} ms at {high:,g}/s"
    knee = "" if found.knee_per_s is None else f"; knee at {found.knee_per_s:,g}/s"
    return f"{found.arm}: {words or 'no steps'}{reach}{knee}."
