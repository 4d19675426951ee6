"""The charts of what processes report of themselves: the workers' CPU, the members' metrics."""

from dataclasses import dataclass
from typing import Final

from reporting.analyse import series
from reporting.analyse.spread import LEAST
from reporting.render import drawing
from reporting.render.chart import Figure, few_lines, line_figure, lines_of, ranges
from reporting.render.drawing import Frame, Lines
from reporting.render.machine_charts import BAND
from reporting.text import natural
from reporting.verdict.judged_run import JudgedRun
from reporting.verdict.thresholds import CPU_SHORT_PERCENT

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
        "Requests that the member had accepted and not yet answered. A growing queue means a member at its limit.",
    ),
    MemberMetric(
        "avg_latency",
        "member-average-latency",
        "Average latency",
        "average latency (ms)",
        "As the member counts it: mean over all requests since it started. It changes slowly and excludes the network.",
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


def of_workers(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """CPU that the workers wanted and waited for over time; nothing when it was not recorded."""
    found = series.worker_cpu(judged.run, judged.timeline)
    if not len(found):
        return []
    figures = []
    for slug_, title, caption, column, rule in (
        (
            "worker-cpu",
            "CPU that each worker wanted",
            "Running or waiting for a core, in percent of one core. Above the dotted line, at "
            f"{CPU_SHORT_PERCENT:.0f} %, a worker is short of CPU: then the load generator may limit the result.",
            "runnable_percent",
            CPU_SHORT_PERCENT,
        ),
        (
            "worker-cpu-wait",
            "Of which waiting for a core",
            "Ready to run while other processes used the cores of the machine.",
            "waiting_percent",
            None,
        ),
    ):
        data, names = few_lines(lines_of(found, "worker", column), MAX_WORKER_LINES, "busiest worker")
        lines = Lines(data, names, "percent of one core", ",.0f", height=drawing.SMALL_HEIGHT, limit=rule, y_max=100)
        shows = f"{title.lower()}. {ranges(found, 'worker', column, 'percent')}"
        if column + LEAST in found:
            caption += " Each point is a mean of several intervals; the band is from their least to their greatest."
        figures.append(line_figure(slug_, title, caption, shows, lines, frame, group="workers"))
    return figures


def of_members(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """One figure for each of `MEMBER_METRICS` that any member gave."""
    figures = []
    for metric in MEMBER_METRICS:
        found = series.members(judged.run, judged.timeline, metric.metric)
        if not len(found):
            continue
        names = sorted(judged.run.metrics["member"].unique(), key=natural)
        lines = Lines(
            lines_of(found, "member", "value"), names, metric.y_title, metric.number_format, height=drawing.SMALL_HEIGHT
        )
        title = f"{metric.title} of each member"
        caption = f"{metric.caption} {BAND}" if f"value{LEAST}" in found else metric.caption
        shows = f"{title.lower()}. {ranges(found, 'member', 'value', '')}"
        figures.append(line_figure(metric.slug, title, caption, shows, lines, frame, group="members"))
    return figures
