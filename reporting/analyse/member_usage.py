"""What each member did during the load, in one row."""

from typing import Final

import pandas as pd

from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from reporting.text import natural

_USED: Final = [
    *("elapsed_s", "member", "reachable", "server_state", "version", "outstanding_requests"),
    *("num_alive_connections", "znode_count", "watch_count", "avg_latency"),
]


def build(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    """One row for each member that was polled, in the order of their names, from the load's start to its end.

    `state`, `version`, `znodes` and `avg_latency_ms` are the last that the member reported; the latter is its own mean
    since it started. `outstanding`, `connections` and `watches` are maxima. What it never reported is missing.
    """
    metrics = run.metrics[_USED]
    if timeline.end_s > 0 and timeline.metrics_offset_s == timeline.metrics_offset_s:
        at_s = metrics["elapsed_s"] + timeline.metrics_offset_s
        metrics = metrics[(at_s >= 0) & (at_s <= timeline.end_s)]
    texts = {name: metrics[name].where(metrics[name] != "") for name in ("server_state", "version")}
    rows = metrics.assign(**texts, answered=metrics["reachable"] == 1).groupby("member")
    found = rows.agg(
        state=("server_state", "last"),
        version=("version", "last"),
        polls=("answered", "size"),
        answered=("answered", "sum"),
        outstanding=("outstanding_requests", "max"),
        connections=("num_alive_connections", "max"),
        znodes=("znode_count", "last"),
        watches=("watch_count", "max"),
        avg_latency_ms=("avg_latency", "last"),
    )
    return found.loc[sorted(found.index, key=natural)].reset_index()
