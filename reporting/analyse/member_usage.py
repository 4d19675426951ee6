"""What each member did during the load, in one row."""

from dataclasses import dataclass

import pandas as pd

from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from reporting.text import natural


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member: its state and version as it said last, and its metrics from the load's start to its end.

    Figures are None where the member never gave them. `avg_latency_ms` is the member's own mean since it started.
    """

    member: str
    state: str
    version: str
    polls: int
    answered: int
    most_outstanding: float | None
    most_connections: float | None
    last_znodes: float | None
    most_watches: float | None
    avg_latency_ms: float | None


def build(run: RunFolder, timeline: Timeline) -> list[MemberRow]:
    """One row for each member that was polled, in the order of their names."""
    metrics = run.metrics
    if timeline.end_s > 0 and timeline.metrics_offset_s == timeline.metrics_offset_s:
        at_s = metrics["elapsed_s"] + timeline.metrics_offset_s
        metrics = metrics[(at_s >= 0) & (at_s <= timeline.end_s)]
    rows = []
    for member, found in metrics.groupby("member"):
        version = _last_text(found, "version")
        rows.append(
            MemberRow(
                member=str(member),
                state=_last_text(found, "server_state"),
                version=version.split(",")[0].split("-")[0],
                polls=len(found),
                answered=int((found["reachable"] == 1).sum()),
                most_outstanding=_figure(found, "outstanding_requests", "max"),
                most_connections=_figure(found, "num_alive_connections", "max"),
                last_znodes=_figure(found, "znode_count", "last"),
                most_watches=_figure(found, "watch_count", "max"),
                avg_latency_ms=_figure(found, "avg_latency", "last"),
            )
        )
    return sorted(rows, key=lambda row: natural(row.member))


def _last_text(found: pd.DataFrame, metric: str) -> str:
    texts = found.loc[found[metric] != "", metric]
    return str(texts.iloc[-1]) if len(texts) else ""


def _figure(found: pd.DataFrame, metric: str, how: str) -> float | None:
    values = found[metric].dropna()
    if not len(values):
        return None
    return float(values.max() if how == "max" else values.iloc[-1])
