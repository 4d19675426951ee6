"""The members' metrics, from `zk-metrics.csv` as any version has written it.

| written by | a row is | told from |
|---|---|---|
| this version | a poll of a member, metrics are columns | the columns `member` and `reachable` |
| versions before | a metric of a poll of a member | the columns `metric` and `value` |
| the predecessor of 2019 | a poll of a member, metrics are columns | the column `host_port` |
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from reporting.read.csv_tables import header_of, read_table
from reporting.read.problems import ProblemLog
from reporting.read.table_format import Kind, TableFormat, kinds
from zk_metrics.columns import LONG_COLUMNS, REACHABLE

# What the report shows and judges of a member. The file holds some hundred metrics more.
GAUGES: Final = ("outstanding_requests", "num_alive_connections", "znode_count", "watch_count", "avg_latency", "uptime")
COUNTERS: Final = (
    "packets_received",
    "packets_sent",
    "looking_count",
    "throttled_ops",
    "request_throttle_wait_count",
    "stale_requests",
    "connection_drop_count",
)
"""Since the member's start; `reporting.analyse.member_rates` takes differences."""
SUMMARIES: Final = (
    "readlatency",
    "updatelatency",
    "fsynctime",
    "quorum_ack_latency",
    "propagation_latency",
    "commit_propagation_latency",
    "election_time",
    "jvm_pause_time_ms",
)
"""Each has a count `cnt_` and a sum `sum_` in milliseconds, both since the member's start; 3.6 and later."""
NUMBERS_WANTED: Final = (*GAUGES, *COUNTERS, *(f"{which}_{name}" for name in SUMMARIES for which in ("cnt", "sum")))
TEXTS_WANTED: Final = ("server_state", "version")

MISSING: Final = "the members' metrics are not known"
_PREDECESSORS_MEMBER: Final = "host_port"
_METRICS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(NUMBERS_WANTED, Kind.NUMBER),
    **dict.fromkeys(TEXTS_WANTED, Kind.TEXT),
}
_KINDS: Final[Mapping[str, Kind]] = {
    "timestamp": Kind.TIME,
    "elapsed_s": Kind.NUMBER,
    "member": Kind.TEXT,
    REACHABLE: Kind.NUMBER,
    **_METRICS,
}
COLUMNS: Final = tuple(_KINDS)
_WIDE: Final = TableFormat(
    _KINDS, filled=("timestamp", "elapsed_s", "member"), optional=tuple(_METRICS), compact=NUMBERS_WANTED
)
_LONG: Final = TableFormat(
    kinds(LONG_COLUMNS, text=("member", "metric", "value", "detail")),
    only=("metric", frozenset({REACHABLE, *_METRICS})),
)
_OF_PREDECESSOR: Final = TableFormat(
    {"timestamp": Kind.TIME, _PREDECESSORS_MEMBER: Kind.TEXT, **_METRICS},
    filled=("timestamp", _PREDECESSORS_MEMBER),
    optional=tuple(_METRICS),
)


def read(path: Path, problems: ProblemLog) -> pd.DataFrame:
    """Return a row for each poll of each member, with `COLUMNS`.

    `timestamp` is in seconds since the epoch. `reachable` is 1 or 0; metrics that the member did not tell are NaN or
    empty. In a long file, `NUMBERS_WANTED` may be float32 where nothing is lost.
    """
    header = header_of(path)
    if {"metric", "value"} <= header:
        return _from_long(path, problems)
    if _PREDECESSORS_MEMBER in header:
        return _from_predecessor(path, problems)
    return read_table(path, _WIDE, problems, missing=MISSING)


def _from_long(path: Path, problems: ProblemLog) -> pd.DataFrame:
    found = read_table(path, _LONG, problems, missing=MISSING)
    by_poll = found.groupby(["elapsed_s", "timestamp", "member", "metric"], sort=True)["value"].last()
    return _in_order(by_poll.unstack("metric").reset_index())


def _from_predecessor(path: Path, problems: ProblemLog) -> pd.DataFrame:
    """Read a file without `elapsed_s`: times are counted from the first label."""
    found = read_table(path, _OF_PREDECESSOR, problems, missing=MISSING)
    found = found.rename(columns={_PREDECESSORS_MEMBER: "member"})
    found["elapsed_s"] = found["timestamp"] - found["timestamp"].min()
    # A row without any metric is how it wrote an answer that was none.
    told = found[list(NUMBERS_WANTED)].notna().any(axis=1) | (found[list(TEXTS_WANTED)] != "").any(axis=1)
    found[REACHABLE] = told.astype(float)
    return _in_order(found)


def _in_order(found: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with exactly `COLUMNS`, each of its kind."""
    frame = found.reindex(columns=list(_KINDS)).reset_index(drop=True)
    columns = {
        name: frame[name].astype(object).where(frame[name].notna(), "")
        if kind is Kind.TEXT
        else pd.to_numeric(frame[name], errors="coerce").astype(float)
        for name, kind in _KINDS.items()
    }
    return pd.DataFrame(columns)
