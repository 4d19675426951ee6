"""What a member's counters say of the time between two polls: differences, because they count since its start.

A mean is the difference of a sum divided by that of its count, a rate the difference of a count divided by the time.
A restart sets all counters to 0. Between a poll before and one after it nothing is known, so there is no figure.
"""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from reporting.analyse.timeline import Timeline
from reporting.read.member_metrics import COUNTERS, SUMMARIES
from reporting.read.run_folder import RunFolder

_SUMS: Final = [f"sum_{name}" for name in SUMMARIES]
_COUNTS: Final = [f"cnt_{name}" for name in SUMMARIES]
_CUMULATIVE: Final = [*COUNTERS, *_COUNTS, *_SUMS]


class Rate(NamedTuple):
    """A figure of the time between two polls."""

    column: str
    metric: str
    kind: str  # mean (of a summary, ms), total (of a summary, ms), or rate (of a counter, 1/s)


RATES: Final = (
    Rate("read_latency_ms", "readlatency", "mean"),
    Rate("update_latency_ms", "updatelatency", "mean"),
    Rate("fsync_ms", "fsynctime", "mean"),
    Rate("quorum_ack_ms", "quorum_ack_latency", "mean"),
    Rate("propagation_ms", "propagation_latency", "mean"),
    Rate("commit_propagation_ms", "commit_propagation_latency", "mean"),
    Rate("election_ms", "election_time", "total"),
    Rate("jvm_pause_ms", "jvm_pause_time_ms", "total"),
    Rate("packets_received_per_s", "packets_received", "rate"),
    Rate("packets_sent_per_s", "packets_sent", "rate"),
    Rate("throttled_ops_per_s", "throttled_ops", "rate"),
    Rate("throttle_waits_per_s", "request_throttle_wait_count", "rate"),
    Rate("stale_requests_per_s", "stale_requests", "rate"),
    Rate("connection_drops_per_s", "connection_drop_count", "rate"),
)


def build(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    """One row for each poll: `member`, `reachable`, `start_s`, `time_s`, and a column for each of `RATES`.

    A figure holds from `start_s`, the member's answer before, to `time_s`, seconds since the load started. It is NaN
    if it is not known: at a member's first answer, at a poll without one, after a restart, a mean if nothing happened.
    """
    rows = run.metrics
    time_s = rows["elapsed_s"] + timeline.metrics_offset_s
    polls = rows[["member", "reachable"]].assign(time_s=time_s)
    answered = rows["reachable"] == 1
    member = rows["member"][answered].astype("category")
    tells_all = rows["uptime"].notna()

    # Column by column: all of a day at once are large.
    def grown(column: str) -> pd.Series:
        # Before a metric's first value other than 0 its cells are empty. Members that tell `uptime` tell all metrics.
        began = rows[column].notna().cummax()
        known = rows[column].astype(float).mask(~began & tells_all, 0.0)[answered]
        return known.groupby(member, observed=True).diff()

    started_anew = rows["uptime"][answered].astype(float).groupby(member, observed=True).diff() < 0
    for column in _CUMULATIVE:
        started_anew |= grown(column) < 0
    start_s = time_s[answered].groupby(member, observed=True).shift()
    passed_s = (time_s[answered] - start_s).where(lambda length_s: length_s > 0)
    polls["start_s"] = start_s
    for rate in RATES:
        if rate.kind == "rate":
            polls[rate.column] = grown(rate.metric).mask(started_anew) / passed_s
        elif rate.kind == "total":
            polls[rate.column] = grown(f"sum_{rate.metric}").mask(started_anew)
        else:
            count = grown(f"cnt_{rate.metric}").mask(started_anew)
            polls[rate.column] = grown(f"sum_{rate.metric}").mask(started_anew) / count.where(count > 0, np.nan)
    return polls
