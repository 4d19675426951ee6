"""The charts of the load: rate, failures, latency over time, latency distribution."""

from typing import Final

import pandas as pd

from reporting import text
from reporting.analyse import clocks, series
from reporting.analyse.series import LoadSeries
from reporting.render import drawing, theme
from reporting.render.chart import Figure, line_figure, lines_of, ranges, slug
from reporting.render.drawing import Frame, Lines
from reporting.verdict.judged_run import JudgedRun

MAX_OPERATION_CHARTS: Final = 6


def over_time(judged: JudgedRun, load: LoadSeries, frame: Frame) -> list[Figure]:
    """Rate, failures if there were any, and latency percentiles over time; nothing without distributions."""
    if not load.operations:
        return []
    point = each_point(load)
    names = load.operations
    rates = load.rates()
    rate = Lines(lines_of(rates, "operation", "rate_per_s"), names, "operations a second", ",.1f")
    title = "Rate: successful operations a second"
    shows = f"successful operations a second. {ranges(rates, 'operation', 'rate_per_s', 'a second')}"
    figures = [line_figure("rate", title, each_point(load, "rate"), shows, rate, frame, group="load", small=False)]
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
        caption += f" {each_point(load, 'rate')}" if load.intervals.are_combined else ""
        shows = f"failed operations a second. {ranges(rates, 'operation', 'failures_per_s', 'a second')}"
        figures.append(line_figure("failures", title, caption, shows, failure, frame, group="load", small=False))
    return [*users_over_time(judged, frame), *figures, *_latency_figures(judged, load, frame, point)]


def users_over_time(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """The users that ran and those that were planned, where their number changes."""
    users = judged.users
    if not users.vary:
        return []
    wide = users.frame.rename(columns={"users": "running", "line": "planned"})
    found = wide.melt("time_s", ["running", "planned"], "series", "value").dropna()
    names = [name for name in ("running", "planned") if name in set(found["series"])]
    lines = Lines(found, names, "users", height=drawing.SMALL_HEIGHT)
    by = users.changed_by
    caption = f"{by.capitalize()} changed their number." if by else "Their number was planned to stay the same."
    title = "Users: how many were running"
    shows = f"users. {ranges(found, 'series', 'value', 'users')}"
    return [line_figure("users", title, caption, shows, lines, frame, group="load", small=False)]


def each_point(load: LoadSeries, band: str = "p99") -> str:
    """How much time a point of a line is, as a sentence; and what its `band` shows where it is several intervals."""
    point = f"Each point is {text.duration(series.typical_bin_s(load.bins))}."
    if load.intervals.are_combined:
        length = text.duration(load.intervals.typical_s)
        point += f" The band is from the least to the greatest {band} of its intervals of {length}."
    return point


def _latency_figures(judged: JudgedRun, load: LoadSeries, frame: Frame, point: str) -> list[Figure]:
    names = load.operations
    clock, word = judged.headline.total.clock, latency_word(judged)
    frames: dict[str | None, pd.DataFrame] = {None: load.latencies(clock=clock)}
    if 1 < len(names) <= MAX_OPERATION_CHARTS:
        frames |= {name: load.latencies(name, clock) for name in names}
    domain = drawing.log_domain(latencies_drawn(*frames.values()))
    figures = []
    for name, found in frames.items():
        if not found["latency_ms"].notna().any():
            continue
        of = name or ("all operations" if len(names) > 1 else names[0])
        what = "" if name else "p50, p95 and p99 of the successful operations that ended in each interval. "
        figures.append(
            percentiles_figure(
                found,
                frame,
                slug_="latency" if name is None else f"latency-{slug(name)}",
                title=f"{word} over time: {of}",
                caption=what + point,
                y_title=f"{word.lower()} (ms), log scale",
                domain=domain,
                small=name is not None,
            )
        )
    return figures


def latencies_drawn(*frames: pd.DataFrame) -> pd.Series:
    """All values of `LoadSeries.latencies` that a chart draws, for its domain."""
    drawn = [found[name] for found in frames for name in found.columns if name.startswith("latency_ms")]
    values: pd.Series = pd.concat(drawn)
    return values


def latency_word(judged: JudgedRun) -> str:
    """What the headline's latencies are called: by their clock, or `Latency` where the run's files tell no clocks."""
    return clocks.NAMES[judged.headline.total.clock].capitalize() if clocks.is_recorded(judged.run) else "Latency"


def percentiles_figure(
    found: pd.DataFrame,
    frame: Frame,
    *,
    slug_: str,
    title: str,
    caption: str,
    y_title: str,
    domain: tuple[float, float] | None = None,
    small: bool = True,
) -> Figure:
    """p50, p95 and p99 over time, of `LoadSeries.latencies`."""
    lines = Lines(
        lines_of(found, "percentile", "latency_ms"),
        [f"p{percentile:g}" for percentile in series.TIME_PERCENTILES],
        y_title,
        ",.4~g",
        log=True,
        y_domain=domain,
        height=drawing.SMALL_HEIGHT if small else drawing.HEIGHT,
    )
    shows = f"{title}, percentiles. {ranges(found, 'percentile', 'latency_ms', 'ms')}"
    return line_figure(slug_, title, caption, shows, lines, frame, group="load", small=small)


def distribution(judged: JudgedRun, load: LoadSeries) -> list[Figure]:
    """Latency by percentile over the measured stage; nothing without distributions."""
    word = latency_word(judged)
    curves = series.percentile_curves(judged.run, judged.headline.total.clock)
    if not len(curves):
        return []
    parts = []
    for row in judged.headline.rows:
        if row.p50_us is not None and row.clock == judged.headline.total.clock:
            latency = (f"p50 {text.latency_ms(row.p50_us)} ms", f"p99 {text.latency_ms(row.p99_us)} ms")
            parts.append(f"{row.operation}: {', '.join(latency)}, p99.9 {text.latency_ms(row.p999_us)} ms.")
    return [
        Figure(
            "distribution",
            f"{word} distribution: how slow the slowest are",
            f"{word} at each percentile over the measured stage; each step to the right adds a nine. A curve "
            "ends where less than one operation lies beyond it.",
            f"Line chart of {word.lower()} by percentile from p50 to p99.99. " + " ".join(parts),
            False,
            "load",
            lambda interactive: drawing.percentile_curve(
                curves, load.operations, f"{word.lower()} (ms)", interactive=interactive
            ),
        )
    ]
