"""A forest plot: ratios with their intervals, one below the other."""

import math
from typing import Any, Final

import altair as alt
import pandas as pd

from reporting.analyse.comparison import CHANGED, EQUIVALENT, UNDECIDED
from reporting.render import theme

ROW: Final = 26  # pixels
_COLOURS: Final = {CHANGED: theme.PALETTE[1], EQUIVALENT: theme.PALETTE[2], UNDECIDED: theme.SHADE}
_SHAPES: Final = {CHANGED: "diamond", EQUIVALENT: "circle", UNDECIDED: "square"}
_STEPS: Final = (0.5, 1, 2, 5, 10, 20, 25)  # percent
_MOST_TICKS: Final = 8
_WIDE: Final = ((0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0))


def forest(data: pd.DataFrame, equivalence: float, *, interactive: bool) -> alt.LayerChart:
    """Rows with `name`, `ratio`, `low`, `high`, `answer`, and `change`, `interval` and `decided` in words.

    `equivalence` is the share within which ratios are equivalent.
    """
    names = list(data["name"])
    low, high = ratio_domain(data, equivalence)
    answers = [answer for answer in _COLOURS if answer in set(data["answer"])]
    legend = alt.Legend(symbolSize=110, symbolStrokeWidth=0, columns=3)
    y = alt.Y("name:N").sort(names).axis(labelLimit=150, domain=False, ticks=False).title(None)
    colour = (
        alt.Color("answer:N")
        .scale(domain=answers, range=[_COLOURS[each] for each in answers])
        .sort(answers)
        .legend(legend)
    )
    shape = (
        alt.Shape("answer:N")
        .scale(domain=answers, range=[_SHAPES[each] for each in answers])
        .sort(answers)
        .legend(legend)
    )
    tooltip = [
        alt.Tooltip("name:N", title="figure"),
        alt.Tooltip("change:N", title="change"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("decided:N", title="answer"),
    ]
    more: dict[str, Any] = {"tooltip": tooltip} if interactive else {}
    band = alt.Chart(pd.DataFrame({"low": [1 / (1 + equivalence)], "high": [1 + equivalence]}))
    none = alt.Chart(pd.DataFrame({"ratio": [1.0]}))
    rows = alt.Chart(data)
    layers = [
        band.mark_rect(color=theme.SHADE, opacity=0.16).encode(x=_x("low", low, high), x2="high:Q"),
        none.mark_rule(color=theme.SHADE, strokeWidth=1.5).encode(x=_x("ratio", low, high)),
        rows.mark_rule(strokeWidth=2, clip=True).encode(x=_x("low", low, high), x2="high:Q", y=y, color=colour),
        rows.mark_point(filled=True, size=110, opacity=1).encode(
            x=_x("ratio", low, high), y=y, color=colour, shape=shape, **more
        ),
    ]
    # An arrow where an interval goes on beyond the chart.
    for column, end, angle, beyond in (("low", low, -90, data["low"] < low), ("high", high, 90, data["high"] > high)):
        if beyond.any():
            arrows = alt.Chart(data[beyond].assign(**{column: end}))
            arrow = arrows.mark_point(shape="triangle", filled=True, size=70, opacity=1, angle=angle)
            layers.append(arrow.encode(x=_x(column, low, high), y=y, color=colour))
    return alt.LayerChart(layer=layers, height=ROW * len(names) + 10)


def _x(column: str, low: float, high: float) -> alt.X:
    ticks = ratio_ticks(low, high)
    expression = "".join(f"abs(datum.value / {at:.6g} - 1) < 1e-6 ? '{_tick(at)}' : " for at in ticks) + "''"
    return (
        alt.X(f"{column}:Q")
        .scale(type="log", domain=[low, high], nice=False)
        .axis(values=ticks, tickCount=len(ticks), labelExpr=expression, grid=True)
        .title("change, with the 95 % interval")
    )


def ratio_domain(data: pd.DataFrame, equivalence: float) -> tuple[float, float]:
    """Return the ends of the axis, as far from 1 on both sides: one wide interval must not hide all others."""
    extents = data[["low", "high"]].map(lambda ratio: abs(math.log(ratio))).max(axis=1)
    points = data["ratio"].map(lambda ratio: abs(math.log(ratio))).max()
    least = 2 * math.log(1 + equivalence)
    wanted = max(3 * float(extents.median()), 1.1 * float(points), least)
    half = min(wanted, max(1.03 * float(extents.max()), least))
    return math.exp(-half), math.exp(half)


def ratio_ticks(low: float, high: float) -> list[float]:
    """Ratios in the domain that are round changes; 1 is always one of them."""
    for percents in _STEPS:
        first, last = (math.trunc((end - 1) * 100 / percents) for end in (low, high))
        if last - first < _MOST_TICKS:
            return [round(1 + at * percents / 100, 6) for at in range(first, last + 1)]
    fine, wide = _WIDE
    return [ratio for ratio in (fine if high <= fine[-1] else wide) if low <= ratio <= high]


def _tick(ratio: float) -> str:
    if ratio >= 2:
        return f"{ratio:g} times"
    return f"{round((ratio - 1) * 100, 4):+g} %" if ratio != 1 else "0 %"
