"""The charts of what the members report of themselves."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from reporting.analyse import member_rates, series
from reporting.render.chart import Figure
from reporting.render.drawing import Frame
from reporting.render.metric_charts import Metric, metric_figure
from reporting.text import natural
from reporting.verdict.judged_run import JudgedRun


@dataclass(frozen=True, slots=True)
class MemberChart:
    """A metric at the moment of a poll, or a column of `member_rates`, that has a chart of its own.

    A chart that is not `always` there is left out if no value is other than 0.
    """

    column: str
    slug: str
    title: str
    y_title: str
    caption: str
    number_format: str = ",.3~f"
    always: bool = False


_BETWEEN: Final = "Mean between two polls, as the member counts it, in whole milliseconds for each."
_SINCE_START: Final = "avg_latency"

CHARTS: Final = (
    MemberChart(
        "outstanding_requests",
        "member-outstanding-requests",
        "Outstanding requests",
        "requests",
        "Requests that the member had accepted and not yet answered. A growing queue means a member at its limit.",
        ",.0f",
        always=True,
    ),
    MemberChart(
        "read_latency_ms",
        "member-read-latency",
        "Read latency",
        "mean read latency (ms)",
        f"{_BETWEEN} From the member's receipt of a read to its answer, without the network.",
    ),
    MemberChart(
        "update_latency_ms",
        "member-update-latency",
        "Update latency",
        "mean update latency (ms)",
        f"{_BETWEEN} From the member's receipt of a write to its answer, without the network.",
    ),
    MemberChart(
        _SINCE_START,
        "member-average-latency",
        "Average latency",
        "average latency (ms)",
        "As the member counts it: mean over all requests since it started. It changes slowly and excludes the network. "
        "Members from 3.6 on have read and update latency instead.",
        always=True,
    ),
    MemberChart(
        "fsync_ms",
        "member-fsync",
        "Fsync time",
        "mean fsync time (ms)",
        f"{_BETWEEN} How long the transaction log took to reach the disk. Each write waits for it on a majority.",
    ),
    MemberChart(
        "quorum_ack_ms",
        "member-quorum-ack",
        "Quorum latency",
        "mean quorum latency (ms)",
        f"{_BETWEEN} From the leader's proposal of a write to the acknowledgement by a majority. Only a leader has it.",
    ),
    MemberChart(
        "propagation_ms",
        "member-propagation",
        "Commit latency",
        "mean commit latency (ms)",
        f"{_BETWEEN} From the leader's proposal of a write to its commit on the member. The clocks of both machines "
        "enter it.",
    ),
    MemberChart(
        "jvm_pause_ms",
        "member-jvm-pauses",
        "JVM pauses",
        "pause between two polls (ms)",
        "Time between two polls in which the JVM stood still, mostly for garbage collection, as ZooKeeper's pause "
        "monitor (jvm.pause.monitor) noticed it.",
    ),
    MemberChart(
        "throttled_per_s",
        "member-throttled",
        "Throttled requests",
        "requests/s",
        "Requests that the member throttled or let wait because too many were outstanding.",
    ),
    MemberChart(
        "packets_per_s",
        "member-packets",
        "Packets",
        "packets/s",
        "Packets that the member received from clients and sent to them.",
        ",.0f",
    ),
    MemberChart(
        "num_alive_connections",
        "member-connections",
        "Connections",
        "connections",
        "Open client connections of each member.",
        ",.0f",
        always=True,
    ),
    MemberChart(
        "znode_count", "member-znodes", "Znodes", "znodes", "Nodes in the member's data tree.", ",.0f", always=True
    ),
    MemberChart(
        "watch_count",
        "member-watches",
        "Watches",
        "watches",
        "Watches that clients have set on the member.",
        ",.0f",
        always=True,
    ),
)


def of_members(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """One figure for each of `CHARTS` that any member gave."""
    rates = member_rates.build(judged.run, judged.timeline)
    rates["throttled_per_s"] = rates[["throttled_ops_per_s", "throttle_waits_per_s"]].sum(axis=1, min_count=1)
    rates["packets_per_s"] = rates[["packets_received_per_s", "packets_sent_per_s"]].sum(axis=1, min_count=1)
    names = sorted(judged.run.metrics["member"].unique(), key=natural)
    figures = []
    for chart in CHARTS:
        found = _values(chart, judged, rates)
        if not len(found) or not (chart.always or (found["value"] > 0).any()):
            continue
        title = f"{chart.title} of each member"
        metric = Metric(
            *(chart.slug, title, chart.y_title, chart.caption, chart.number_format, "members", title.lower()),
            mark_gaps=True,
        )
        figures.append(metric_figure(metric, found, "member", names, frame))
    return figures


def _values(chart: MemberChart, judged: JudgedRun, rates: pd.DataFrame) -> pd.DataFrame:
    """The values of a chart; those since the start only of members that have no newer ones."""
    if chart.column in rates:
        return series.over_polls(
            rates[["time_s", "member", "reachable"]].assign(value=rates[chart.column]), judged.timeline
        )
    found = series.members(judged.run, judged.timeline, chart.column)
    if chart.column == _SINCE_START:
        newer = rates.loc[rates[["read_latency_ms", "update_latency_ms"]].notna().any(axis=1), "member"].unique()
        found = found[~found["member"].isin(newer)]
    return found
