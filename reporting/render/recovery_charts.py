"""A chart of each fault: what succeeded and failed around it, from 5 s before until the load had recovered."""

from functools import partial
from typing import Any, Final

import altair as alt
import numpy as np
import pandas as pd

from reporting.analyse.moments import Placed, placed_moments
from reporting.analyse.recovery import BEFORE_S, Recovery
from reporting.render import theme
from reporting.render.chart import Figure, ranges
from reporting.verdict.judged_run import JudgedRun

STEP_S: Final = 0.1
_AFTER_S: Final = 5.0
_LONGEST_S: Final = 120.0
_HEIGHT: Final = 200
_SERIES: Final = ("succeeded", "failed")
MOST: Final = 20
"""Faults of a run that have a chart; the table has all."""


def of_faults(judged: JudgedRun) -> list[Figure]:
    """Return a chart for each fault, where the moments were recorded."""
    if not judged.recoveries:
        return []
    moments = placed_moments(judged.run, judged.timeline)
    return [_figure(each, moments) for each in judged.recoveries[:MOST]] if moments.known else []


def courses(judged: JudgedRun) -> dict[int, dict[str, Any]]:
    """Return what succeeded and failed around each fault as `report.json` has it, by the fault's number."""
    if not judged.recoveries:
        return {}
    moments = placed_moments(judged.run, judged.timeline)
    return {each.number: _course(each, moments) for each in judged.recoveries[:MOST]} if moments.known else {}


def _course(fault: Recovery, moments: Placed) -> dict[str, Any]:
    data = steps(fault, moments)
    rates = {f"{name}_per_s": data["per_s"][data["series"] == name].tolist() for name in _SERIES}
    return {"from_s": -BEFORE_S, "step_s": STEP_S} | rates


def _figure(fault: Recovery, moments: Placed) -> Figure:
    data = steps(fault, moments)
    title = f"Fault {fault.number}: {fault.title}"
    caption = "The grey area is the fault. Each point is 100 ms of all workers."
    shows = ranges(data, "series", "per_s", "a second")
    description = f"Line chart over time from 5 s before the fault: operations a second. {shows}"
    draw = partial(_draw, data, fault)
    return Figure(f"fault-{fault.number}", title, caption, description, True, "faults", draw)


def steps(fault: Recovery, moments: Placed) -> pd.DataFrame:
    """Return `time_s` (since the fault began; the middle of each step), `series` and `per_s`."""
    until_s = min(fault.until_s, fault.settled_s + _AFTER_S, fault.start_s + _LONGEST_S)
    edges = np.arange(fault.start_s - BEFORE_S, until_s + STEP_S / 2, STEP_S)
    rows = moments.rows
    frames = []
    for name, column in zip(_SERIES, ("requests", "failures"), strict=True):
        counts, _ = np.histogram(rows["end_s"], edges, weights=rows[column])
        middles = (edges[:-1] + edges[1:]) / 2 - fault.start_s
        frames.append(pd.DataFrame({"time_s": middles.round(3), "series": name, "per_s": (counts / STEP_S).round(1)}))
    return pd.concat(frames, ignore_index=True)


def _draw(data: pd.DataFrame, fault: Recovery, interactive: bool) -> alt.LayerChart:
    domain = [float(data["time_s"].min()), float(data["time_s"].max())]
    x = alt.X("time_s:Q").scale(domain=domain, nice=False).axis(format="~f").title("seconds since the fault began")
    colour = (
        alt.Color("series:N")
        .scale(domain=list(_SERIES), range=[theme.PALETTE[0], theme.FAULT])
        .sort(list(_SERIES))
        .legend(alt.Legend(title=None, symbolType="stroke"))
    )
    span = pd.DataFrame({"from": [0.0], "to": [round(min(domain[1], fault.end_s - fault.start_s), 3)]})
    area = alt.Chart(span).mark_rect(color=theme.SHADE, opacity=0.25).encode(x=alt.X("from:Q"), x2="to:Q")
    begins = alt.Chart(span).mark_rule(color=theme.INK, strokeDash=[3, 3]).encode(x="from:Q")
    y = alt.Y("per_s:Q").axis(format="~s").title("operations a second")
    lines = alt.Chart(data).mark_line(strokeWidth=1.4, interpolate="step").encode(x=x, y=y, color=colour)
    if interactive:
        tooltip = [
            alt.Tooltip("time_s:Q", title="seconds", format=",.1f"),
            alt.Tooltip("series:N", title="operations that"),
            alt.Tooltip("per_s:Q", title="a second", format=",.0f"),
        ]
        lines = lines.encode(tooltip=tooltip)
    return alt.LayerChart(layer=[area, begins, lines], height=_HEIGHT)
