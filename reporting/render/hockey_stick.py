"""The hockey stick: latency over the offered rate, with the steps of a search and what they led to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import pandas as pd

from reporting.analyse.capacity_steps import LOAD_SIDE, MET, NOT_MET, STATES
from reporting.render import drawing, theme
from reporting.render.drawing import Lines
from zk_locust.contract.verdicts import VOID

HEIGHT: Final = 320
_ROW: Final = 15  # pixels of a line of names within the plot
_WIDE: Final = 20  # rates that differ by more than this factor get a log scale
_SHAPES: Final = {MET: "circle", NOT_MET: "cross", LOAD_SIDE: "triangle-up", VOID: "triangle-down"}


@dataclass(frozen=True, slots=True)
class Sticks:
    """What to draw. Latencies are in milliseconds, rates per second.

    `steps` has `arm`, `rate`, `value`, `upper` (NaN where a step has none), `state` and `run`. `lines` has `arm`,
    `rate` and `value` of the typical step of each rate. `spans` has `arm`, `low` and `high` of each capacity, and
    `knees` has `arm` and `rate`. `limit` is the objective's, and `figure` its percentile.
    """

    arms: Sequence[str]
    steps: pd.DataFrame
    lines: pd.DataFrame
    spans: pd.DataFrame
    knees: pd.DataFrame
    limit: float | None
    objective: str
    figure: str


def draw(sticks: Sticks, *, interactive: bool) -> alt.LayerChart:
    """The chart."""
    steps = sticks.steps
    values = pd.concat([steps["value"], steps["upper"], pd.Series([sticks.limit], dtype=float)]).dropna()
    known = Lines(steps, sticks.arms, f"{sticks.figure} (ms), log scale", log=True, y_domain=_domain(values))
    looks = theme.Look(sticks.arms)
    legend = alt.Legend(columns=looks.legend_columns, symbolOpacity=1) if len(sticks.arms) > 1 else None
    colour = alt.Color("arm:N").scale(domain=list(sticks.arms), range=looks.colours).sort(list(sticks.arms))
    colour = colour.legend(legend)
    states = [state for state in STATES if state in set(steps["state"])]
    shapes = alt.Legend(
        symbolType="circle",
        symbolFillColor=theme.SHADE,
        symbolStrokeWidth=0,
        symbolSize=110,
        symbolOpacity=1,
        columns=2,
    )
    shape = (
        alt.Shape("state:N").scale(domain=states, range=[_SHAPES[each] for each in states]).sort(states).legend(shapes)
    )
    layers = [*_spans(sticks, colour), *_limit(sticks, known), *_knees(sticks, colour)]
    line = alt.Chart(sticks.lines).mark_line(strokeWidth=1.8, clip=True)
    layers.append(line.encode(x=_x(steps), y=drawing.y_axis(known), color=colour))
    bars = alt.Chart(steps.dropna(subset=["value", "upper"])).mark_rule(strokeWidth=1.5, opacity=0.6, clip=True)
    layers.append(bars.encode(x=_x(steps), y=drawing.y_axis(known), y2=alt.Y2("upper:Q"), color=colour))
    for data, y in (
        (steps.dropna(subset=["value"]), drawing.y_axis(known)),
        (steps[steps["value"].isna()], alt.YValue(HEIGHT - 7)),  # type: ignore[no-untyped-call]
    ):
        if len(data):
            points = alt.Chart(data).mark_point(filled=True, size=90, opacity=0.9)
            layers.append(points.encode(x=_x(steps), y=y, color=colour, shape=shape, **_tooltip(sticks, interactive)))
    return alt.LayerChart(layer=layers, height=HEIGHT)


def _domain(values: pd.Series) -> tuple[float, float]:
    low, high = drawing.log_domain(values)
    return low * 0.9, high * 1.3  # room for names above, and for steps without a latency below


def _x(steps: pd.DataFrame, column: str = "rate") -> alt.X:
    low, high = float(steps["rate"].min()), float(steps["rate"].max())
    x = alt.X(f"{column}:Q").title("offered rate (operations a second)")
    if high > _WIDE * low:
        ticks = drawing.log_ticks(low * 0.85, high * 1.15)
        scale = alt.Scale(type="log", domain=[low * 0.85, high * 1.15], nice=False)
        return x.scale(scale).axis(values=ticks, tickCount=len(ticks), format=",.6~g")
    return x.scale(domain=[0, high * 1.06], nice=False).axis(format=",.6~g", tickCount=8)


def _spans(sticks: Sticks, colour: alt.Color) -> list[alt.Chart]:
    if not len(sticks.spans):
        return []
    bands = alt.Chart(sticks.spans).mark_rect(opacity=0.25, clip=True)
    return [bands.encode(x=_x(sticks.steps, "low"), x2=alt.X2("high:Q"), color=colour)]


def _limit(sticks: Sticks, known: Lines) -> list[alt.Chart]:
    if sticks.limit is None:
        return []
    base = alt.Chart(pd.DataFrame({"value": [sticks.limit], "name": [f"objective: {sticks.objective}"]}))
    name = base.mark_text(align="left", baseline="bottom", dx=4, dy=-3, fontSize=11, color=theme.FAULT)
    return [
        base.mark_rule(color=theme.FAULT, strokeDash=[4, 3], strokeWidth=1.2).encode(y=drawing.y_axis(known)),
        name.encode(y=drawing.y_axis(known), x=alt.XValue(0), text=alt.Text("name:N")),  # type: ignore[no-untyped-call]
    ]


def _knees(sticks: Sticks, colour: alt.Color) -> list[alt.Chart]:
    """A rule at each knee, and its name beside it: to the left where the right half begins."""
    found: list[alt.Chart] = []
    middle = (float(sticks.steps["rate"].min()) + float(sticks.steps["rate"].max())) / 2
    for row, (arm, rate) in enumerate(zip(sticks.knees["arm"], sticks.knees["rate"], strict=True)):
        name = f"knee {rate:,g}/s" if len(sticks.arms) == 1 else f"{arm}: knee {rate:,g}/s"
        base = alt.Chart(pd.DataFrame({"arm": [arm], "rate": [rate], "name": [name]}))
        side: dict[str, Any] = {"align": "right", "dx": -5} if rate > middle else {"align": "left", "dx": 5}
        label = base.mark_text(baseline="top", fontSize=11, limit=180, **side)
        found += [
            base.mark_rule(strokeDash=[2, 3], strokeWidth=1.5).encode(x=_x(sticks.steps), color=colour),
            label.encode(
                x=_x(sticks.steps),
                y=alt.YValue(4 + _ROW * row),  # type: ignore[no-untyped-call]
                text=alt.Text("name:N"),
            ),
        ]
    return found


def _tooltip(sticks: Sticks, interactive: bool) -> dict[str, Any]:
    if not interactive:
        return {}
    shown = [
        alt.Tooltip("arm:N", title="arm"),
        alt.Tooltip("rate:Q", title="offered/s", format=",.6~g"),
        alt.Tooltip("value:Q", title=f"{sticks.figure} (ms)", format=",.4~g"),
        alt.Tooltip("upper:Q", title="upper end of its interval (ms)", format=",.4~g"),
        alt.Tooltip("state:N", title="objectives"),
        alt.Tooltip("run:Q", title="run"),
    ]
    return {"tooltip": shown}
