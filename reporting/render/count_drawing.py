"""Charts of counts: a heat map of latency over time, and a histogram of waiting times."""

import math
from typing import Final

import altair as alt
import pandas as pd

from reporting.analyse.clocks import ROWS_A_DECADE, HeatMap
from reporting.render import drawing, theme
from reporting.render.drawing import Frame


def heat_map(found: HeatMap, frame: Frame, y_title: str, *, interactive: bool) -> alt.LayerChart:
    """Cells over time and latency, coloured by their number of operations."""
    cells = found.cells
    data = pd.DataFrame(  # short names, because the page contains each cell as text
        {
            "s": (cells["start_s"] / frame.unit_s).round(3),
            "e": (cells["end_s"] / frame.unit_s).round(3),
            "k": cells["row"],
            "n": cells["count"],
        }
    )
    low_ms, high_ms = (10 ** (row / ROWS_A_DECADE) / 1000 for row in (cells["row"].min(), cells["row"].max() + 1))
    ticks = drawing.log_ticks(low_ms, high_ms)
    y = (
        alt.Y("low:Q")
        .scale(type="log", domain=[low_ms, high_ms], nice=False)
        .axis(alt.Axis(values=ticks, tickCount=len(ticks), format=",.6~g"))
        .title(y_title)
    )
    edges = class_edges(found.most)
    colour = (
        alt.Color("n:Q", title="operations")
        .scale(type="threshold", domain=edges or [2], range=list(theme.CLASSES[: max(2, len(edges) + 1)]))
        .legend(
            alt.Legend(
                **{"type": "symbol", "symbolType": "square", "symbolSize": 150, "symbolStrokeWidth": 0},
                title="operations in a cell",
                titleFontWeight="normal",
                titleColor=theme.INK,
                format=",d",
                columns=3,
                offset=6 + frame.room_above,
            )
        )
    )
    tooltip = [
        alt.Tooltip("s:Q", title=f"from ({frame.unit})", format=",.4~g"),
        alt.Tooltip("low:Q", title="at least (ms)", format=",.3~g"),
        alt.Tooltip("high:Q", title="less than (ms)", format=",.3~g"),
        alt.Tooltip("n:Q", title="operations", format=",d"),
    ]
    rects = (
        alt.Chart(data)
        .transform_calculate(
            low=f"pow(10, datum.k / {ROWS_A_DECADE}) / 1000", high=f"pow(10, (datum.k + 1) / {ROWS_A_DECADE}) / 1000"
        )
        .mark_rect()
        .encode(
            x=frame.axis("s"), x2="e:Q", y=y, y2="high:Q", color=colour, **({"tooltip": tooltip} if interactive else {})
        )
    )
    return alt.LayerChart(
        layer=[*drawing.shading(frame), rects, *drawing.event_marks(frame)], height=drawing.HEIGHT + 20
    )


def class_edges(most: int) -> list[int]:
    """Return round numbers that divide the counts up to `most` into at most as many classes as there are colours."""
    classes = len(theme.CLASSES)
    rounded = [_nearest_round(most ** (number / classes)) for number in range(1, classes)]
    return sorted({edge for edge in rounded if 1 < edge <= most})


def _nearest_round(value: float) -> int:
    power = 10 ** math.floor(math.log10(max(value, 1.0)))
    return int(min((power, 2 * power, 5 * power, 10 * power), key=lambda each: abs(math.log(each / value))))


_ROOM: Final = 1.05


def histogram(data: pd.DataFrame, x_title: str, y_title: str, *, interactive: bool) -> alt.LayerChart:
    """Bars from `low_s` to `high_s` as high as `count`."""
    data = data.assign(zero=0)
    most = int(data["count"].max())
    ticks = list(range(most + 1)) if most <= 5 else None
    axis = alt.Axis(format=",d", values=ticks, tickCount=most + 1) if ticks else alt.Axis(format=",d")
    tooltip = [
        alt.Tooltip("low_s:Q", title="at least (s)", format=",.4~g"),
        alt.Tooltip("high_s:Q", title="less than (s)", format=",.4~g"),
        alt.Tooltip("count:Q", title="operations", format=",d"),
    ]
    bars = (
        alt.Chart(data)
        .mark_rect(color=theme.PALETTE[0], stroke="white", strokeWidth=1)
        .encode(
            x=alt.X("low_s:Q")
            .scale(domain=[0, float(data["high_s"].max())], nice=False)
            .axis(format="~g", tickCount=8)
            .title(x_title),
            x2="high_s:Q",
            y=alt.Y("count:Q").scale(domain=[0, most * _ROOM], nice=False).axis(axis).title(y_title),
            y2="zero:Q",
            **({"tooltip": tooltip} if interactive else {}),
        )
    )
    return alt.LayerChart(layer=[bars], height=drawing.SMALL_HEIGHT)
