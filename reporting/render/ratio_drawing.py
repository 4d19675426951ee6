"""A forest plot: ratios with their intervals, one below the other."""

import altair as alt
import pandas as pd

from reporting import text
from reporting.analyse.comparison import CHANGED, EQUIVALENT, UNDECIDED
from reporting.render import theme

ROW: int = 26  # pixels

_COLOURS = {CHANGED: theme.PALETTE[1], EQUIVALENT: theme.PALETTE[2], UNDECIDED: theme.SHADE}
_SHAPES = {CHANGED: "diamond", EQUIVALENT: "circle", UNDECIDED: "square"}
_FEW_STEPS = 8


def forest(data: pd.DataFrame, equivalence: float, *, interactive: bool) -> alt.LayerChart:
    """Rows with `name`, `ratio`, `low`, `high`, `answer`, and `change`, `interval` and `decided` in words.

    `equivalence` is the share within which ratios are equivalent.
    """
    names = list(data["name"])
    low = min(float(data["low"].min()), 1 / (1 + equivalence)) / 1.01
    high = max(float(data["high"].max()), 1 + equivalence) * 1.01
    ticks = ratio_ticks(low, high)
    expression = "".join(f"abs(datum.value - {at:.6g}) < 1e-6 ? '{text.change(at)}' : " for at in ticks) + "''"
    x = (
        alt.X("ratio:Q")
        .scale(type="log", domain=[low, high], nice=False)
        .axis(values=ticks, tickCount=len(ticks), labelExpr=expression, grid=True)
        .title("change, with the 95 % interval")
    )
    y = alt.Y("name:N").sort(names).axis(labelLimit=150, domain=False, ticks=False).title(None)
    answers = [answer for answer in _COLOURS if answer in set(data["answer"])]
    legend = alt.Legend(symbolType="circle", symbolSize=110, symbolStrokeWidth=1, columns=3)
    colour = alt.Color("answer:N").scale(domain=answers, range=[_COLOURS[each] for each in answers]).sort(answers)
    shape = alt.Shape("answer:N").scale(domain=answers, range=[_SHAPES[each] for each in answers]).sort(answers)
    tooltip = [
        alt.Tooltip("name:N", title="figure"),
        alt.Tooltip("change:N", title="change"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("decided:N", title="answer"),
    ]
    band = pd.DataFrame({"ratio": [1 / (1 + equivalence)], "high": [1 + equivalence]})
    rows = alt.Chart(data)
    interval = rows.mark_rule(strokeWidth=2).encode(x=x.copy(), y=y, color=colour.legend(None))
    points = rows.mark_point(filled=True, size=110, opacity=1).encode(
        x=x,
        y=y,
        color=colour.legend(legend),
        shape=shape.legend(legend),
        **({"tooltip": tooltip} if interactive else {}),
    )
    return alt.LayerChart(
        layer=[
            alt.Chart(band).mark_rect(color=theme.SHADE, opacity=0.16).encode(x=x, x2=alt.X2("high:Q")),
            alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(color=theme.SHADE, strokeWidth=1.5).encode(x=x),
            interval.encode(x=_at(x, "low"), x2=alt.X2("high:Q")),
            points,
        ],
        height=ROW * len(names) + 10,
    )


def _at(x: alt.X, column: str) -> alt.X:
    """The same axis for another column."""
    found: alt.X = x.copy()
    found["shorthand"] = f"{column}:Q"
    return found


def ratio_ticks(low: float, high: float) -> list[float]:
    """Ratios in the domain that are round changes in percent; 1 is always one of them."""
    for percents in (0.5, 1, 2, 5, 10, 20, 25, 50, 100):
        first, last = (round((end - 1) * 100 / percents) for end in (low, high))
        found = [round(1 + at * percents / 100, 6) for at in range(first, last + 1)]
        found = [ratio for ratio in found if ratio > 0 and low <= ratio <= high]
        if len(found) <= _FEW_STEPS and high / low < 2.5:
            return found
    wide = [factor * 10.0**power for power in range(-9, 10) for factor in (1, 2, 5)]
    ratios = [float(f"{ratio:.6g}") for ratio in wide if low <= ratio <= high]
    return ratios if len(ratios) <= _FEW_STEPS else [ratio for ratio in ratios if f"{ratio:e}".startswith("1.0")]
