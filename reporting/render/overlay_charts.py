"""The charts of an overlay: distributions of several runs, and their rate and latency over time, drawn together.

Runs of one label have one colour and one dash. Where a label has several runs, their lines are faint.
"""

from collections.abc import Sequence
from typing import Final, Literal

import altair as alt
import pandas as pd

from reporting import text
from reporting.analyse import clocks
from reporting.analyse.headline import TOTAL
from reporting.render import drawing, theme
from reporting.render.chart import Figure, slug
from reporting.render.drawing import Lines
from reporting.render.overlaid_run import SHOWN_PERCENTILES, OverlaidRun

_FAINT: Final = 0.45


def build(runs: Sequence[OverlaidRun], clock: str, most_operations: int) -> list[Figure]:
    """The charts that the runs allow: of all operations, then of the first operations that at least two runs have."""
    found = list(_of_operation(runs, TOTAL, clock, small=False))
    shared = operations(runs)
    for operation in shared[:most_operations] if len(shared) > 1 else []:
        found += _of_operation(runs, operation, clock, small=True)
    return found


def operations(runs: Sequence[OverlaidRun]) -> list[str]:
    """The operations that at least two runs have, in alphabetical order."""
    named = [row.operation for run in runs for row in run.rows if row.operation != TOTAL]
    return sorted({name for name in named if named.count(name) > 1})


def _of_operation(runs: Sequence[OverlaidRun], operation: str, clock: str, *, small: bool) -> list[Figure]:
    word = clocks.NAMES[clock]
    suffix, of = ("", "") if operation == TOTAL else (f"-{slug(operation)}", f" of {operation}")
    figures = [
        _distribution(runs, _rows(runs, "curves", operation, clock), f"distribution{suffix}", word, of, small=small)
    ]
    if not small:
        rates = _rows(runs, "rates", operation, None).rename(columns={"rate_per_s": "value"})
        figures.append(
            _over_time(runs, rates, "rate", "Rate: successful operations a second", "operations a second", log=False)
        )
    latencies = _rows(runs, "latencies", operation, clock).rename(columns={"latency_ms": "value"})
    for percentile in ("p99",) if small else SHOWN_PERCENTILES:
        title = f"{percentile}{of} over time: {word}"
        shown = latencies[latencies["percentile"] == percentile]
        figures.append(
            _over_time(runs, shown, f"{percentile}{suffix}", title, f"{word} (ms), log scale", log=True, small=small)
        )
    return [figure for figure in figures if figure is not None]


def _rows(runs: Sequence[OverlaidRun], part: str, operation: str, clock: str | None) -> pd.DataFrame:
    """The rows of all runs of one operation and clock, with the columns `series` and `label`."""
    frames = []
    for run in runs:
        found: pd.DataFrame = getattr(run, part)
        wanted = found["operation"] == operation
        if clock is not None:
            wanted &= found["clock"] == clock
        frames.append(found[wanted].assign(series=run.name, label=run.label))
    return pd.concat(frames, ignore_index=True)


def _distribution(
    runs: Sequence[OverlaidRun], found: pd.DataFrame, name: str, word: str, of: str, *, small: bool
) -> Figure | None:
    if not len(found):
        return None
    data = found.rename(columns={"latency_ms": "value"})[["inverse", "percentile", "value", "series", "label"]]
    data = data.round({"inverse": 3, "percentile": 4, "value": 4})
    lines = Lines(data, _labels(runs), f"{word} (ms), log scale", log=True, height=_height(small) + 40)
    x = drawing.percentile_axis()
    percentile = alt.Tooltip("percentile:Q", title="percentile", format=".6~g")

    def draw(interactive: bool) -> alt.LayerChart:
        layers = [_lines(runs, lines, x, "monotone")]
        if interactive:
            layers.append(drawing.hover(data, _names(data), x, ["inverse", "percentile"], percentile, ",.4~g"))
        return alt.LayerChart(layer=layers, height=lines.height)

    said = []
    for run in runs:
        ends = data.loc[data["series"] == run.name, "value"]
        said += [f"{run.name}: {ends.min():,.4g} to {ends.max():,.4g} ms." for _ in ends[:1]]
    return Figure(
        name,
        f"Distribution{of}: {word} at each percentile",
        "Of the measured stage; each step to the right adds a nine. A curve ends where less than one operation lies "
        "beyond it.",
        f"Line chart of {word} by percentile from p50 to p99.99. {' '.join(said)}",
        small,
        "overlay",
        draw,
    )


def _over_time(
    runs: Sequence[OverlaidRun],
    found: pd.DataFrame,
    name: str,
    title: str,
    y_title: str,
    *,
    log: bool,
    small: bool = False,
) -> Figure | None:
    if not found["value"].notna().any():
        return None
    end_s = max(run.measured_s for run in runs)
    unit_s, unit = (1.0, "s") if end_s <= 300 else (60.0, "min") if end_s <= 3 * 3600 else (3600.0, "h")
    data = found.assign(time=_together(runs, found) / unit_s)[["time", "value", "series", "label"]]
    data = data.round({"time": 4, "value": 4})
    number_format = ",.4~g" if log else ",.1f"
    domain = drawing.round_log_domain(data["value"].dropna()) if log else None
    height = _height(small)
    lines = Lines(data, _labels(runs), y_title, number_format, log=log, y_domain=domain, height=height)
    x = (
        alt.X("time:Q")
        .scale(domain=[0, end_s / unit_s], nice=False)
        .axis(format="~g", tickCount=12)
        .title(f"time since the measured stage began ({unit})")
    )
    time = alt.Tooltip("time:Q", title=f"time ({unit})", format=",.4~g")

    def draw(interactive: bool) -> alt.LayerChart:
        layers = [_lines(runs, lines, x, "linear")]
        if interactive:
            layers.append(drawing.hover(data, _names(data), x, ["time"], time, number_format))
        return alt.LayerChart(layer=layers, height=lines.height)

    points = sorted({text.duration(run.point_s) for run in runs if run.point_s})
    medians = data.groupby("series", sort=False)["value"].median()
    said = " ".join(f"{series}: median {value:,.4g}." for series, value in medians.items())
    return Figure(
        name,
        title,
        f"Each point is {' or '.join(points)}.",
        f"Line chart over time: {title}. {said}",
        small,
        "overlay",
        draw,
    )


def _together(runs: Sequence[OverlaidRun], found: pd.DataFrame) -> pd.Series:
    """The times of the points. Those of runs with points of the same length are put together, for the tooltips."""
    lengths = [run.point_s for run in runs if run.point_s]
    times: pd.Series = found["time_s"]
    if not lengths or max(lengths) > 1.02 * min(lengths):
        return times
    return (times.groupby(found["series"]).rank("dense") - 0.5) * min(lengths)


def _lines(
    runs: Sequence[OverlaidRun], lines: Lines, x: alt.X, interpolate: Literal["linear", "monotone"]
) -> alt.Chart:
    labels = list(lines.names)
    looks = theme.Look(labels)
    legend = alt.Legend(columns=looks.legend_columns, offset=6, symbolOpacity=1)
    chart: alt.Chart = (
        alt.Chart(lines.data)
        .mark_line(
            strokeWidth=1.8,
            strokeJoin="round",
            interpolate=interpolate,
            clip=True,
            opacity=1.0 if len(labels) == len(runs) else _FAINT,
        )
        .encode(
            x=x,
            y=drawing.y_axis(lines),
            detail="series:N",
            color=alt.Color("label:N").scale(domain=labels, range=looks.colours).legend(legend).sort(labels),
            strokeDash=alt.StrokeDash("label:N").scale(domain=labels, range=looks.dashes).legend(legend).sort(labels),
        )
    )
    return chart


def _labels(runs: Sequence[OverlaidRun]) -> list[str]:
    return list(dict.fromkeys(run.label for run in runs))


def _names(data: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(data["series"]))


def _height(small: bool) -> int:
    return drawing.SMALL_HEIGHT if small else drawing.HEIGHT
