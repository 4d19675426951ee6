"""The rate around each fault of an experiment: a faint line for each repeat, and the median of each arm."""

from functools import partial
from typing import Any, Final

import altair as alt
import pandas as pd

from reporting.analyse.recovery_answers import RecoveryAnswers
from reporting.read.experiment_folder import ExperimentFolder
from reporting.read.parsing import number
from reporting.render import theme
from reporting.render.chart import Figure, drawn_name, ranges

_HEIGHT: Final = 200
MOST_POINTS: Final = 24_000
"""Of all repeats in all charts: the page contains each as text."""


def build(experiment: ExperimentFolder, found: RecoveryAnswers) -> dict[str, Figure]:
    """Return a chart for each fault whose runs tell it."""
    courses = _courses(experiment, found)
    step = 1 + len(courses) // MOST_POINTS
    figures = {}
    for place, fault in enumerate(found.faults, 1):
        data = courses[courses["fault"] == fault]
        if len(data):
            figures[fault] = _figure(experiment, place, fault, data, step)
    return figures


def _courses(experiment: ExperimentFolder, found: RecoveryAnswers) -> pd.DataFrame:
    """Return `fault`, `arm`, `run`, `step`, `time_s` since the fault began, and `per_s` that succeeded, of all runs."""
    numbered = dict(zip(found.numbers, found.faults, strict=True))
    rows: list[tuple[object, ...]] = []
    for run in experiment.counted:
        for fault in run.report.get("faults") or ():
            place, around = number(fault.get("number")), fault.get("around")
            if place is not None and isinstance(around, dict) and int(place) in numbered:
                named = numbered[int(place)], drawn_name(run.arm), run.number
                rows += [(*named, at, *each) for at, each in enumerate(_points(around))]
    return pd.DataFrame(rows, columns=["fault", "arm", "run", "step", "time_s", "per_s"])


def _points(around: dict[str, Any]) -> list[tuple[float, float]]:
    from_s, step_s = number(around.get("from_s")), number(around.get("step_s"))
    told = around.get("succeeded_per_s")
    if from_s is None or step_s is None or not isinstance(told, list):
        return []
    values = [number(value) for value in told]
    return [(round(from_s + (at + 0.5) * step_s, 3), value) for at, value in enumerate(values) if value is not None]


def _figure(experiment: ExperimentFolder, place: int, fault: str, data: pd.DataFrame, step: int) -> Figure:
    arms = [drawn_name(arm) for arm in experiment.arms if drawn_name(arm) in set(data["arm"])]
    medians = data.groupby(["arm", "step"], as_index=False).agg(time_s=("time_s", "first"), per_s=("per_s", "median"))
    # Where few repeats go on for longer than the others, a median would be of other runs than before.
    full = data.groupby("arm")["run"].nunique()
    there = data.groupby(["arm", "step"])["run"].nunique()
    keeps = [there[arm, at] * 2 > full[arm] for arm, at in zip(medians["arm"], medians["step"], strict=True)]
    medians = medians[keeps]
    last_s = float(medians["time_s"].max())
    faint = data[(data["step"] % step == 0) & (data["time_s"] <= last_s)]
    repeats = ", ".join(f"{arm}: {full[arm]}" for arm in arms)
    return Figure(
        f"course-{place}",
        f"Operations a second around {fault}",
        "Each faint line is a repeat, in steps of 100 ms, and the bold one the median of an arm's repeats.",
        f"Line chart over time from 5 s before the fault. Repeats: {repeats}. "
        + ranges(medians, "arm", "per_s", "a second"),
        False,
        "answer",
        partial(_draw, faint[["arm", "run", "time_s", "per_s"]], medians[["arm", "time_s", "per_s"]], arms),
    )


def _draw(faint: pd.DataFrame, medians: pd.DataFrame, arms: list[str], interactive: bool) -> alt.LayerChart:
    domain = [float(faint["time_s"].min()), float(faint["time_s"].max())]
    x = alt.X("time_s:Q").scale(domain=domain, nice=False).axis(format="~f").title("seconds since the fault began")
    y = alt.Y("per_s:Q").axis(format="~s").title("operations a second")
    look = theme.Look(arms)
    legend = alt.Legend(symbolOpacity=1, columns=look.legend_columns) if len(arms) > 1 else None
    colour = alt.Color("arm:N").scale(domain=arms, range=look.colours).sort(arms).legend(legend)
    dash = alt.StrokeDash("arm:N").scale(domain=arms, range=look.dashes).sort(arms).legend(legend)
    runs = alt.Chart(faint).mark_line(strokeWidth=0.8, opacity=0.22, interpolate="step", clip=True)
    bold = alt.Chart(medians).mark_line(strokeWidth=1.8, interpolate="step", clip=True)
    bold = bold.encode(x=x, y=y, color=colour, strokeDash=dash)
    if interactive:
        bold = bold.encode(
            tooltip=[
                alt.Tooltip("arm:N", title="arm"),
                alt.Tooltip("time_s:Q", title="seconds", format=",.1f"),
                alt.Tooltip("per_s:Q", title="a second", format=",.0f"),
            ]
        )
    begins = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=theme.INK, strokeDash=[3, 3]).encode(x="at:Q")
    return alt.LayerChart(layer=[begins, runs.encode(x=x, y=y, color=colour, detail="run:N"), bold], height=_HEIGHT)
