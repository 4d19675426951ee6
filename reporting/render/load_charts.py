"""The charts of the load: rate, failures, latency over time, latency distribution."""

from typing import Final

import pandas as pd

from reporting import text
from reporting.analyse import series
from reporting.analyse.series import LoadSeries
from reporting.render import drawing, theme
from reporting.render.chart import Figure, line_figure, lines_of, ranges, slug
from reporting.render.drawing import Frame, Lines
from reporting.verdict.judged_run import JudgedRun

MAX_OPERATION_CHARTS: Final = 6


def over_time(load: LoadSeries, frame: Frame) -> list[Figure]:
    """Rate, failures if there were any, and latency percentiles over time; nothing without distributions."""
    if not load.operations:
        return []
    point = f"Each point is {text.duration(series.typical_bin_s(load.bins))}."
    names = load.operations
    rates = load.rates()
    rate = Lines(lines_of(rates, "operation", "rate_per_s"), names, "operations a second", ",.1f")
    title = "Rate: successful operations a second"
    shows = f"successful operations a second. {ranges(rates, 'operation', 'rate_per_s', 'a second')}"
    figures = [line_figure("rate", title, point, shows, rate, frame, group="load", small=False)]
    if rates["failures_per_s"].sum() > 0:
        failing = [name for name in names if rates.loc[rates["operation"] == name, "failures_per_s"].sum() > 0]
        # the colours stay those of the operations
        looks = dict(zip(names, theme.Look(names).colours, strict=True))
        data = lines_of(rates[rates["operation"].isin(failing)], "operation", "failures_per_s")
        failure = Lines(
            data,
            failing,
            "failures a second",
            ",.1f",
            height=drawing.SMALL_HEIGHT,
            colours=[looks[name] for name in failing],
        )
        title, caption = "Failures: failed operations a second", "Rate and latency do not include failed operations."
        shows = f"failed operations a second. {ranges(rates, 'operation', 'failures_per_s', 'a second')}"
        figures.append(line_figure("failures", title, caption, shows, failure, frame, group="load", small=False))
    return [*figures, *_latency_figures(load, frame, point)]


def _latency_figures(load: LoadSeries, frame: Frame, point: str) -> list[Figure]:
    names = load.operations
    frames: dict[str | None, pd.DataFrame] = {None: load.latencies()}
    if 1 < len(names) <= MAX_OPERATION_CHARTS:
        frames |= {name: load.latencies(name) for name in names}
    domain = drawing.log_domain(pd.concat([found["latency_ms"] for found in frames.values()]))
    percentiles = [f"p{percentile:g}" for percentile in series.TIME_PERCENTILES]
    figures = []
    for name, found in frames.items():
        if not found["latency_ms"].notna().any():
            continue
        lines = Lines(
            lines_of(found, "percentile", "latency_ms"),
            percentiles,
            "latency (ms), log scale",
            ",.4~g",
            log=True,
            y_domain=domain,
            height=drawing.HEIGHT if name is None else drawing.SMALL_HEIGHT,
        )
        of = name or ("all operations" if len(names) > 1 else names[0])
        slug_ = "latency" if name is None else f"latency-{slug(name)}"
        what = "" if name else "p50, p95 and p99 of the successful operations that ended in each interval. "
        shows = f"latency percentiles of {of}. {ranges(found, 'percentile', 'latency_ms', 'ms')}"
        small = name is not None
        figures.append(
            line_figure(slug_, f"Latency over time: {of}", what + point, shows, lines, frame, group="load", small=small)
        )
    return figures


def distribution(judged: JudgedRun, load: LoadSeries) -> list[Figure]:
    """Latency by percentile over the measured stage; nothing without distributions."""
    curves = series.percentile_curves(judged.run)
    if not len(curves):
        return []
    parts = []
    for row in judged.headline.rows:
        if row.p50_us is not None:
            latency = (f"p50 {text.latency_ms(row.p50_us)} ms", f"p99 {text.latency_ms(row.p99_us)} ms")
            parts.append(f"{row.operation}: {', '.join(latency)}, p99.9 {text.latency_ms(row.p999_us)} ms.")
    return [
        Figure(
            "distribution",
            "Latency distribution: how slow the slowest are",
            "Latency at each percentile over the measured stage; each step to the right adds a nine. A curve "
            "ends where less than one operation lies beyond it.",
            "Line chart of latency by percentile from p50 to p99.99. " + " ".join(parts),
            False,
            "load",
            lambda interactive: drawing.percentile_curve(curves, load.operations, interactive=interactive),
        )
    ]
