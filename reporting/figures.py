"""Which charts a report has, in their order, with titles and captions.

A figure's chart is made twice: interactive and as wide as its place on the page, and still, with title and a fixed
width, for `figures/`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import altair as alt
import pandas as pd

from reporting import charts, series, text, theme, workers
from reporting.charts import Frame, Lines
from reporting.results import Results
from reporting.series import LoadSeries
from reporting.verdict import CPU_SHORT_PERCENT

FILE_WIDTH: Final = 860
SMALL_FILE_WIDTH: Final = 420
MAX_OPERATION_CHARTS: Final = 6
MAX_WORKER_LINES: Final = 8


@dataclass(frozen=True, slots=True)
class MemberMetric:
    """A metric of the members that has a chart."""

    metric: str
    slug: str
    title: str
    y_title: str
    caption: str
    number_format: str = ",.0f"


MEMBER_METRICS: Final = (
    MemberMetric(
        "outstanding_requests",
        "member-outstanding-requests",
        "Outstanding requests",
        "requests",
        "Requests that the member had taken in and not yet answered. A queue that grows is a member at its limit.",
    ),
    MemberMetric(
        "avg_latency",
        "member-average-latency",
        "Average latency",
        "average latency (ms)",
        "As the member counts it: mean over all requests since it started. It moves slowly and is without the network.",
        ",.3~f",
    ),
    MemberMetric(
        "num_alive_connections",
        "member-connections",
        "Connections",
        "connections",
        "Open client connections of each member.",
    ),
    MemberMetric("znode_count", "member-znodes", "Znodes", "znodes", "Nodes in the member's data tree."),
    MemberMetric("watch_count", "member-watches", "Watches", "watches", "Watches that clients have set on the member."),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart of the report.

    `slug` is its file name without suffix; `description` says in words what the chart shows, for who cannot see it.
    """

    slug: str
    title: str
    caption: str
    description: str
    small: bool
    group: str  # load, workers or members: the part of the report it stands in
    draw: Callable[[bool], alt.LayerChart]

    def page_spec(self) -> dict[str, Any]:
        """Vega-Lite specification for the page: interactive, as wide as its container, described, without a title."""
        chart = self.draw(True).properties(
            width="container",
            description=self.description,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        )
        return _as_dict(chart)

    def file_spec(self, subtitle: str) -> dict[str, Any]:
        """Vega-Lite specification for a file: still, on white, with title and `subtitle`."""
        chart = self.draw(False).properties(
            width=SMALL_FILE_WIDTH if self.small else FILE_WIDTH,
            description=self.description,
            padding=14,
            title=alt.TitleParams(text=self.title, subtitle=[subtitle]),
        )
        found = _as_dict(chart)
        found["config"] = found["config"] | {"background": "white"}
        return found


def _as_dict(chart: alt.LayerChart) -> dict[str, Any]:
    with alt.data_transformers.enable("default", max_rows=None):
        found: dict[str, Any] = chart.to_dict()
    found["config"] = theme.config()
    return found


def build(results: Results) -> list[Figure]:
    """The figures that the run's files allow, the most important first."""
    run, timeline = results.run, results.timeline
    found = workers.build(run, timeline, CPU_SHORT_PERCENT)
    frame = charts.frame_of(timeline, [(loss.at_s, f"{loss.worker} lost") for loss in found.losses])
    load = series.load_series(run, timeline)
    figures = [
        *_load_figures(load, frame),
        *_distribution_figures(results, load),
        *_worker_figures(results, frame),
        *_member_figures(results, frame),
    ]
    return _with_unique_slugs(figures)


def _with_unique_slugs(figures: list[Figure]) -> list[Figure]:
    """Operations whose names differ only in what a file name leaves out get a number."""
    seen: Counter[str] = Counter()
    unique = []
    for figure in figures:
        seen[figure.slug] += 1
        number = seen[figure.slug]
        unique.append(figure if number == 1 else replace(figure, slug=f"{figure.slug}-{number}"))
    return unique


def _lines(frame: pd.DataFrame, series_column: str, value_column: str) -> pd.DataFrame:
    return frame.rename(columns={series_column: "series", value_column: "value"})[["time_s", "series", "value"]].round(
        {"value": 4, "time_s": 4}
    )


def _load_figures(load: LoadSeries, frame: Frame) -> list[Figure]:
    if not load.operations:
        return []
    point = f"Each point is {text.duration(series.typical_bin_s(load.bins))}."
    names = load.operations
    rates = load.rates()
    rate = Lines(_lines(rates, "operation", "rate_per_s"), names, "operations a second", ",.1f")
    figures = [
        Figure(
            "rate",
            "Rate: successful operations a second",
            point,
            "Line chart of successful operations a second over time. "
            + _ranges(rates, "operation", "rate_per_s", "a second"),
            False,
            "load",
            lambda interactive: charts.over_time(rate, frame, interactive=interactive),
        )
    ]
    if rates["failures_per_s"].sum() > 0:
        failing = [name for name in names if rates.loc[rates["operation"] == name, "failures_per_s"].sum() > 0]
        # the colours stay those of the operations
        looks = dict(zip(names, theme.look(names).colours, strict=True))
        data = _lines(rates[rates["operation"].isin(failing)], "operation", "failures_per_s")
        failure = Lines(
            data,
            failing,
            "failures a second",
            ",.1f",
            height=charts.SMALL_HEIGHT,
            colours=[looks[name] for name in failing],
        )
        figures.append(
            Figure(
                "failures",
                "Failures: failed operations a second",
                "Failed operations are in no rate and in no latency.",
                "Line chart of failed operations a second over time. "
                + _ranges(rates, "operation", "failures_per_s", "a second"),
                False,
                "load",
                lambda interactive: charts.over_time(failure, frame, interactive=interactive),
            )
        )
    return [*figures, *_latency_figures(load, frame, point)]


def _latency_figures(load: LoadSeries, frame: Frame, point: str) -> list[Figure]:
    names = load.operations
    frames: dict[str | None, pd.DataFrame] = {None: load.latencies()}
    if 1 < len(names) <= MAX_OPERATION_CHARTS:
        frames |= {name: load.latencies(name) for name in names}
    domain = charts.log_domain(pd.concat([found["latency_ms"] for found in frames.values()]))
    percentiles = [f"p{percentile:g}" for percentile in series.TIME_PERCENTILES]
    figures = []
    for name, found in frames.items():
        if not found["latency_ms"].notna().any():
            continue
        lines = Lines(
            _lines(found, "percentile", "latency_ms"),
            percentiles,
            "latency (ms), log scale",
            ",.4~g",
            log=True,
            y_domain=domain,
            height=charts.HEIGHT if name is None else charts.SMALL_HEIGHT,
        )
        whose = "all operations" if len(names) > 1 else names[0]
        figures.append(
            Figure(
                "latency" if name is None else f"latency-{slug(name)}",
                f"Latency over time: {whose if name is None else name}",
                (
                    f"p50, p95 and p99 of the successful operations that ended in each interval. {point}"
                    if name is None
                    else point
                ),
                f"Line chart of latency percentiles over time, {whose if name is None else name}. "
                + _ranges(found, "percentile", "latency_ms", "ms"),
                name is not None,
                "load",
                lambda interactive, lines=lines: charts.over_time(lines, frame, interactive=interactive),  # type: ignore[misc]
            )
        )
    return figures


def _distribution_figures(results: Results, load: LoadSeries) -> list[Figure]:
    curves = series.percentile_curves(results.run)
    if not len(curves):
        return []
    parts = []
    for row in results.headline.rows:
        if row.p50_us is not None:
            latency = (f"p50 {text.latency_ms(row.p50_us)} ms", f"p99 {text.latency_ms(row.p99_us)} ms")
            parts.append(f"{row.operation}: {', '.join(latency)}, p99.9 {text.latency_ms(row.p999_us)} ms.")
    return [
        Figure(
            "distribution",
            "Latency distribution: how slow the slowest are",
            "Latency at each percentile over the measured part; every step to the right is one more nine. A curve ends "
            "where less than one operation lies beyond it.",
            "Line chart of latency by percentile from p50 to p99.99. " + " ".join(parts),
            False,
            "load",
            lambda interactive: charts.percentile_curve(curves, load.operations, interactive=interactive),
        )
    ]


def _member_figures(results: Results, frame: Frame) -> list[Figure]:
    figures = []
    for metric in MEMBER_METRICS:
        found = series.members(results.run, results.timeline, metric.metric)
        if not len(found):
            continue
        names = sorted(results.run.metrics["member"].unique(), key=natural)
        lines = Lines(
            _lines(found, "member", "value"), names, metric.y_title, metric.number_format, height=charts.SMALL_HEIGHT
        )
        figures.append(
            Figure(
                metric.slug,
                f"{metric.title} of each member",
                metric.caption,
                f"Line chart of {metric.title.lower()} of each member over time. "
                + _ranges(found, "member", "value", ""),
                True,
                "members",
                lambda interactive, lines=lines: charts.over_time(lines, frame, interactive=interactive),  # type: ignore[misc]
            )
        )
    return figures


def _worker_figures(results: Results, frame: Frame) -> list[Figure]:
    found = series.worker_cpu(results.run, results.timeline)
    if not len(found):
        return []
    figures = []
    for slug_, title, caption, column, rule in (
        (
            "worker-cpu",
            "CPU that each worker wanted",
            "Running or waiting for a core, in percent of one core. Above the dotted line, at "
            f"{CPU_SHORT_PERCENT:.0f} %, a worker is short of CPU: then the load generator may be what was measured.",
            "runnable_percent",
            CPU_SHORT_PERCENT,
        ),
        (
            "worker-cpu-wait",
            "Of which waiting for a core",
            "Ready to run while other processes of the machine had its cores.",
            "waiting_percent",
            None,
        ),
    ):
        data, names = _few_workers(_lines(found, "worker", column))
        lines = Lines(data, names, "percent of one core", ",.0f", height=charts.SMALL_HEIGHT, limit=rule, y_max=100)
        figures.append(
            Figure(
                slug_,
                title,
                caption,
                f"Line chart over time: {title.lower()}. " + _ranges(found, "worker", column, "percent"),
                True,
                "workers",
                lambda interactive, lines=lines: charts.over_time(lines, frame, interactive=interactive),  # type: ignore[misc]
            )
        )
    return figures


def _few_workers(data: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The workers' lines, or for many workers the busiest, the median and the least busy at each time."""
    names = sorted(data["series"].unique(), key=natural)
    if len(names) <= MAX_WORKER_LINES:
        return data, names
    grouped = data.groupby("time_s")["value"]
    frames = [
        getattr(grouped, how)().reset_index().assign(series=name)
        for how, name in (("max", "busiest worker"), ("median", "median"), ("min", "least busy"))
    ]
    return pd.concat(frames, ignore_index=True), ["busiest worker", "median", "least busy"]


def _ranges(frame: pd.DataFrame, series_column: str, value_column: str, unit: str) -> str:
    """In words, for who cannot see the chart: the range of the first few series."""
    said = []
    for name, group in list(frame.groupby(series_column))[:6]:
        values = group[value_column].dropna()
        if len(values):
            low, median, high = values.min(), values.median(), values.max()
            said.append(f"{name}: {low:,.4g} to {high:,.4g} {unit}".rstrip() + f", median {median:,.4g}.")
    return " ".join(said)


def slug(name: str) -> str:
    """A name as part of a file name: lower-case letters, digits and hyphens."""
    found = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in found.split("-") if part) or "operation"


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key under which zk2 comes before zk10."""
    import re

    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
