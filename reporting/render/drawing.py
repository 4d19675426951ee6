"""Charts: functions from a data frame to an Altair chart, without title and without fixed width.

A chart takes its time axis, the shading of what was not measured and the marks of events from a `Frame`, so that all
charts of a run line up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import altair as alt
import pandas as pd

from reporting.analyse.timeline import Timeline
from reporting.render import event_lanes, theme
from reporting.render.event_lanes import Lane
from zk_locust.contract.stage_names import MEASURED

HEIGHT: Final = 240
SMALL_HEIGHT: Final = 170
_ROW: Final = 14  # pixels of a line of names above the plot


@dataclass(frozen=True, slots=True)
class Frame:
    """What all charts over time of one run share: the time axis and what is drawn behind and above the series.

    `unit_s` is the axis unit's length in seconds, `unit` its name. `stages` has `start`, `end` and `stage` of what was
    not measured, `marks` has `time` and `label` of events, all in the axis unit. `lanes` are the strip above the plot.
    """

    end: float
    unit_s: float
    unit: str
    stages: pd.DataFrame
    marks: pd.DataFrame
    lanes: tuple[Lane, ...] = ()

    def axis(self, column: str = "time") -> alt.X:
        """The time axis."""
        title = f"time since the load started ({self.unit})"
        return alt.X(f"{column}:Q").scale(domain=[0, self.end], nice=False).axis(format="~g", tickCount=12).title(title)

    @property
    def room_above(self) -> int:
        """Pixels above the plot that the lanes and the names of stages and events take."""
        names = (_ROW if len(self.stages) else 0) + (_ROW if len(self.marks) else 0)
        return self.room_of_lanes + names

    @property
    def room_of_lanes(self) -> int:
        """Pixels above the plot that the lanes take."""
        return event_lanes.height(self.lanes)

    def in_unit(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with `time`, in the axis unit, for its `time_s`; rounded, since it goes into the page as text."""
        return frame.assign(time=(frame["time_s"] / self.unit_s).round(4)).drop(columns="time_s")


def frame_of(timeline: Timeline, marks: Sequence[tuple[float, str]], lanes: tuple[Lane, ...] = ()) -> Frame:
    """The frame of a run; `marks` are seconds since the load started and a label."""
    end_s = timeline.end_s
    unit_s, unit = (1.0, "s") if end_s <= 300 else (60.0, "min") if end_s <= 3 * 3600 else (3600.0, "h")
    stages = [(s.start_s / unit_s, s.end_s / unit_s, s.stage) for s in timeline.spans if s.stage != MEASURED]
    return Frame(
        end_s / unit_s,
        unit_s,
        unit,
        pd.DataFrame(stages, columns=["start", "end", "stage"]),
        pd.DataFrame(_apart(marks, end_s, unit_s), columns=["time", "label"]),
        lanes,
    )


def _apart(marks: Sequence[tuple[float, str]], end_s: float, unit_s: float) -> list[tuple[float, str]]:
    """Marks within the load. Of marks that are too close for labels, the first says how many follow."""
    found: list[tuple[float, str]] = []
    labelled, followers = -1, 0
    for at_s, label in sorted(mark for mark in marks if 0 <= mark[0] <= end_s):
        if labelled >= 0 and at_s / unit_s - found[labelled][0] < 0.2 * end_s / unit_s:
            followers += 1
            base = found[labelled][1].split(" (+")[0]
            found[labelled] = (found[labelled][0], f"{base} (+{followers})")
            found.append((at_s / unit_s, ""))
        else:
            labelled, followers = len(found), 0
            found.append((at_s / unit_s, label))
    return found


@dataclass(frozen=True, slots=True)
class Lines:
    """What to draw as lines: `data` has the columns `time_s`, `series` and `value`.

    A point that stands for several values may have the `least` and the `greatest` of them too: they make a band. The
    value is the greatest where that is missing.
    `names` gives the order, colour and dash of the series. `limit` is a horizontal line. With `mark_gaps`, a triangle
    at the bottom marks each point without a value: a gap may be too short to be seen.
    """

    data: pd.DataFrame
    names: Sequence[str]
    y_title: str
    number_format: str = ",.0f"
    log: bool = False
    height: int = HEIGHT
    limit: float | None = None
    y_max: float | None = None
    y_domain: tuple[float, float] | None = None
    colours: Sequence[str] = field(default_factory=tuple)
    mark_gaps: bool = False


def over_time(lines: Lines, frame: Frame, *, interactive: bool) -> alt.LayerChart:
    """Lines over time above the shaded stages, a rule for each event; a rule with all values when `interactive`."""
    data = frame.in_unit(lines.data)
    if lines.log:  # 0 has no place there
        low, _ = lines.y_domain or log_domain(data["value"])
        ends = data.columns.intersection(["least", "greatest"])
        data[ends] = data[ends].clip(lower=low)
    looks = theme.Look(lines.names)
    y = y_axis(lines)
    base = alt.Chart(data)
    series = _series(looks, lines.colours, legend=len(lines.names) > 1, offset=6 + frame.room_above)
    line = base.mark_line(strokeWidth=1.8, strokeJoin="round").encode(x=frame.axis(), y=y, **series)
    layers: list[alt.Chart] = [*shading(frame)]
    if lines.limit is not None:
        layers.append(_limit(lines.limit, lines))
    layers += _band(base, lines, frame, series["color"])
    layers.append(line)
    if lines.mark_gaps and data["value"].isna().any():
        layers.append(_gaps(data, looks, frame, lines.height))
    if data.groupby("series")["value"].count().max() <= 2:  # one or two points make no visible line
        layers.append(line.mark_point(filled=True, size=40))
    layers += event_marks(frame, interactive=interactive)
    if interactive:
        time = alt.Tooltip("time:Q", title=f"time ({frame.unit})", format=",.4~g")
        layers.append(hover(data, lines.names, frame.axis(), ["time"], time, lines.number_format))
    return alt.LayerChart(layer=layers, height=lines.height)


def _band(base: alt.Chart, lines: Lines, frame: Frame, colour: alt.Color) -> list[alt.Chart]:
    """The area of each series from its least to its greatest; nothing for points that stand for one value.

    It has steps, because a peak of one point would be too narrow to be seen.
    """
    if "least" not in lines.data:
        return []
    end = "greatest" if "greatest" in lines.data else "value"
    opacity = 0.3 / math.sqrt(len(lines.names))  # bands of several series cover each other
    area: alt.Chart = (
        base.transform_filter("isValid(datum.least)")
        .mark_area(opacity=opacity, interpolate="step", clip=True)
        .encode(x=frame.axis(), y=y_axis(lines, "least"), y2=alt.Y2(f"{end}:Q"), color=colour)
    )
    return [area]


def percentile_axis() -> alt.X:
    """The axis from p50 to p99.99 of `inverse`, on which each factor of ten is one more nine."""
    labels = {2: "p50", 10: "p90", 100: "p99", 1000: "p99.9", 10000: "p99.99"}
    expression = "".join(f"datum.value == {value} ? '{label}' : " for value, label in labels.items()) + "''"
    return (
        alt.X("inverse:Q")
        .scale(type="log", domain=[2, 10_000], nice=False)
        .axis(values=list(labels), labelExpr=expression, grid=True)
        .title("percentile of the successful operations")
    )


def percentile_curve(
    data: pd.DataFrame, names: Sequence[str], y_title: str, *, interactive: bool, faint: pd.DataFrame | None = None
) -> alt.LayerChart:
    """Latency by percentile, p50 to p99.99: `data` has the series' name, `inverse`, `percentile`, `latency_ms`.

    `faint` are more lines, behind and thin: `series`, `line`, `inverse` and `value`.
    """
    data = data.rename(columns={data.columns[0]: "series", "latency_ms": "value"}).round(
        {"inverse": 3, "percentile": 4}
    )
    looks = theme.Look(names)
    x = percentile_axis()
    every = data["value"] if faint is None else pd.concat([data["value"], faint["value"]])
    lines = Lines(data, names, y_title, log=True, y_domain=log_domain(every))
    chart = alt.Chart(data)
    series = _series(looks, (), legend=len(names) > 1, offset=6)
    layers: list[alt.Chart] = []
    if faint is not None:
        thin = alt.Chart(faint).mark_line(strokeWidth=1, opacity=0.35, interpolate="monotone", clip=True)
        layers.append(thin.encode(x=x, y=y_axis(lines), color=series["color"], detail=alt.Detail("line:N")))
    layers += [
        chart.mark_line(strokeWidth=1.8, interpolate="monotone", clip=True).encode(x=x, y=y_axis(lines), **series)
    ]
    if interactive:
        percentile = alt.Tooltip("percentile:Q", title="percentile", format=".6~g")
        layers.append(hover(data, names, x, ["inverse", "percentile"], percentile, ",.4~g"))
    return alt.LayerChart(layer=layers, height=HEIGHT + 40)


def log_ticks(low: float, high: float) -> list[float]:
    """Values of 1, 2 and 5 times powers of ten within the domain; fewer in a wide domain."""
    decades = math.log10(high / low)
    factors = (1, 2, 5) if decades <= 2.2 else (1, 3) if decades <= 3 else (1,)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    return [float(f"{value:.6g}") for value in values if low <= value <= high]


def log_domain(values: pd.Series) -> tuple[float, float]:
    """A domain for positive values, with a little room at both ends."""
    found = values.dropna()
    return (float(found.min()) * 0.85, float(found.max()) * 1.2) if len(found) else (0.1, 10.0)


def round_log_domain(values: pd.Series) -> tuple[float, float]:
    """As `log_domain`, but values within a decade get a domain that begins and ends with a tick: 1, 2 or 5."""
    low, high = float(values.min()), float(values.max())
    if high >= 10 * low:
        return log_domain(values)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks = [float(f"{factor * 10.0**power:.6g}") for power in powers for factor in (1, 2, 5)]
    return max(tick for tick in ticks if tick < low), min(tick for tick in ticks if tick > high)


def y_axis(lines: Lines, column: str = "value") -> alt.Y:
    """The axis of the values of `lines`, for one of their columns."""
    y = alt.Y(f"{column}:Q").title(lines.y_title)
    if lines.log:
        low, high = lines.y_domain or log_domain(lines.data["value"])
        ticks = log_ticks(low, high)
        axis = alt.Axis(values=ticks, tickCount=len(ticks), format=",.6~g")  # or Vega thins them out
        return y.scale(type="log", domain=[low, high], nice=False).axis(axis)
    highest = lines.data["greatest" if "greatest" in lines.data else "value"].max()
    top = max(lines.y_max or 0.0, 0.0 if highest != highest else float(highest))
    if top <= 5 and lines.number_format == ",.0f":  # counts: no ticks between whole numbers
        most = max(1, math.ceil(top))
        return y.scale(domain=[0, most * 1.05], nice=False).axis(
            alt.Axis(format="d", values=list(range(most + 1)), tickCount=most + 1)
        )
    # a flat line at zero needs some height to be visible
    return y.scale(domain=[0, top * 1.05 if top > 0 else 1.0], nice=True).axis(alt.Axis(format=",.6~g"))


def _series(looks: theme.Look, colours: Sequence[str], *, legend: bool, offset: int) -> dict[str, Any]:
    """Colour and dash of the series, in one legend."""
    # a band's colour is faint, and its legend is also that of the lines
    shown = alt.Legend(columns=looks.legend_columns, offset=offset, symbolOpacity=1) if legend else None
    names = list(looks.names)
    return {
        "color": alt.Color("series:N")
        .scale(domain=names, range=list(colours) or looks.colours)
        .legend(shown)
        .sort(names),
        "strokeDash": alt.StrokeDash("series:N").scale(domain=names, range=looks.dashes).legend(shown).sort(names),
    }


def _at_y(pixels: float) -> alt.YValue:
    # As an object: for `alt.value`, Altair looks the class up by hashing its schema, which takes 2.5 ms.
    return alt.YValue(pixels)  # type: ignore[no-untyped-call]


def shading(frame: Frame) -> list[alt.Chart]:
    """The shading and the names of what was not measured."""
    if not len(frame.stages):
        return []
    base = alt.Chart(frame.stages)
    shade = base.mark_rect(color=theme.SHADE, opacity=0.16).encode(x=frame.axis("start"), x2=alt.X2("end:Q"))
    dy = -3 - frame.room_of_lanes
    style: dict[str, Any] = {"baseline": "bottom", "dy": dy, "fontSize": 10, "color": theme.INK}
    # A name may be wider than its stage: the first extends to the right of its start, the last to the left of its end.
    ends = ((frame.stages[:1], "left", "start"), (frame.stages[1:].tail(1), "right", "end"))
    names = [
        alt.Chart(stage)
        .mark_text(**style | {"align": side})
        .encode(x=frame.axis(at), y=_at_y(0), text=alt.Text("stage:N"))
        for stage, side, at in ends
        if len(stage)
    ]
    return [shade, *names]


def event_marks(frame: Frame, *, interactive: bool) -> list[alt.Chart]:
    """The lanes of events, and a rule and a label for each mark."""
    drawn = event_lanes.layers(frame.lanes, frame.axis("s"), "e:Q", frame.unit_s, frame.unit, interactive=interactive)
    if len(frame.marks):
        base = alt.Chart(frame.marks).encode(x=frame.axis())
        dy = -3 - frame.room_of_lanes - (_ROW if len(frame.stages) else 0)
        drawn += [
            base.mark_rule(color=theme.FAULT, strokeWidth=1.5, strokeDash=[4, 3]),
            base.mark_text(baseline="bottom", dy=dy, fontSize=10, fontWeight="bold", color=theme.FAULT).encode(
                y=_at_y(0), text=alt.Text("label:N")
            ),
        ]
    return drawn


def _limit(value: float, lines: Lines) -> alt.Chart:
    base = alt.Chart(pd.DataFrame({"value": [value]}))
    rule: alt.Chart = base.mark_rule(color=theme.FAULT, strokeDash=[2, 2], strokeWidth=1).encode(y=y_axis(lines))
    return rule


def _gaps(data: pd.DataFrame, looks: theme.Look, frame: Frame, height: int) -> alt.Chart:
    names = list(looks.names)
    points = data.loc[data["value"].isna(), ["time", "series"]]
    colour = alt.Color("series:N").scale(domain=names, range=looks.colours).sort(names)
    mark: alt.Chart = (
        alt.Chart(points)
        .mark_point(shape="triangle-up", filled=True, size=60, opacity=1)
        .encode(x=frame.axis(), y=_at_y(height - 4), color=colour)
    )
    return mark


def hover(
    data: pd.DataFrame, names: Sequence[str], x: alt.X, fields: Sequence[str], where: alt.Tooltip, number_format: str
) -> alt.Chart:
    """A rule at the nearest `x` that shows `where` it is and the value of every series there.

    `fields` are the columns that `x` and `where` take.
    """
    nearest = alt.selection_point(nearest=True, on="pointerover", clear="pointerout", fields=[fields[0]], empty=False)
    tooltip = [where] + [
        alt.Tooltip(field=_escaped(name), type="quantitative", title=name, format=number_format) for name in names[:20]
    ]
    rule: alt.Chart = (
        alt.Chart(data)
        .transform_pivot("series", value="value", groupby=list(fields))
        .mark_rule(color=theme.SHADE)
        .encode(x=x, opacity=alt.when(nearest).then(alt.value(0.8)).otherwise(alt.value(0)), tooltip=tooltip)
        .add_params(nearest)
    )
    return rule


def _escaped(name: str) -> str:
    """A name as a Vega field: dots and brackets would be read as a path."""
    return "".join("\\" + c if c in ".[]\\'\"" else c for c in name)
