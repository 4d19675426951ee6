"""Charts of counts: a heat map of latency over time, and a histogram of waiting times."""

import math

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
    classes = count_classes(found.most)
    names = [name for _, name in classes]
    expression = "".join(f"datum.n <= {most} ? '{name}' : " for most, name in classes[:-1]) + f"'{names[-1]}'"
    colour = (
        alt.Color("class:N")
        .scale(domain=names, range=list(theme.CLASSES[: len(names)]))
        .sort(names)
        .legend(
            alt.Legend(
                symbolType="square",
                symbolSize=150,
                symbolStrokeWidth=0,
                title="operations in a cell",
                titleFontWeight="normal",
                titleColor=theme.INK,
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
            **{"class": expression},
            low=f"pow(10, datum.k / {ROWS_A_DECADE}) / 1000",
            high=f"pow(10, (datum.k + 1) / {ROWS_A_DECADE}) / 1000",
        )
        .mark_rect()
        .encode(
            x=frame.axis("s"),
            x2=alt.X2("e:Q"),
            y=y,
            y2=alt.Y2("high:Q"),
            color=colour,
            **({"tooltip": tooltip} if interactive else {}),
        )
    )
    return alt.LayerChart(
        layer=[*drawing.shading(frame), rects, *drawing.event_marks(frame, interactive=interactive)],
        height=drawing.HEIGHT + 20,
    )


def count_classes(most: int) -> list[tuple[int, str]]:
    """Return the classes of counts from 1 to `most`, at most as many as there are colours: largest count and name."""
    divisor = len(theme.CLASSES)
    rounded = {_nearest_round(most ** (number / divisor)) for number in range(1, divisor)}
    starts = [1, *sorted(start for start in rounded if 1 < start <= most)]
    ends = [start - 1 for start in starts[1:]] + [most]
    return [
        (end, f"{start:,}" if start == end else f"{start:,}\N{EN DASH}{end:,}")
        for start, end in zip(starts, ends, strict=True)
    ]


def _nearest_round(value: float) -> int:
    power = 10 ** math.floor(math.log10(max(value, 1.0)))
    return int(min((power, 2 * power, 5 * power, 10 * power), key=lambda each: abs(math.log(each / value))))


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
            x2=alt.X2("high_s:Q"),
            y=alt.Y("count:Q").scale(domain=[0, most * 1.05], nice=False).axis(axis).title(y_title),
            y2=alt.Y2("zero:Q"),
            **({"tooltip": tooltip} if interactive else {}),
        )
    )
    return alt.LayerChart(layer=[bars], height=drawing.SMALL_HEIGHT)
