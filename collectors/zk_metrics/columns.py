"""The columns of `zk-metrics.csv`: one row for each poll of each member, a column for each metric.

`MEMBER_COLUMNS` come first, then `COMMON_METRICS`, then a column for each further metric in the order in which it was
first other than 0. A metric that is always 0 has no column. Rows from before a column was added are empty there.

A cell is empty if the member did not report the metric at that poll. If a member does not answer, `reachable` is 0,
`detail` gives the reason, and all metrics are empty.
"""

from typing import Final

REACHABLE: Final = "reachable"
POLL_MS: Final = "poll_ms"

MEMBER_COLUMNS: Final[tuple[str, ...]] = (
    "timestamp",  # UTC, ISO 8601 with microseconds: when the answer was complete, or given up
    "elapsed_s",  # the same moment, seconds on the collector's monotonic clock since it started
    "member",  # the member's name in the inventory, or its admin address
    REACHABLE,  # 1, or 0 for a poll without a usable answer
    POLL_MS,  # from the request to the complete answer, milliseconds; empty without one
    "detail",  # why a member was not reachable; empty otherwise
)

COMMON_METRICS: Final[tuple[str, ...]] = (
    "server_state",  # leader, follower, observer or standalone
    "version",
    "num_alive_connections",
    "outstanding_requests",
    "znode_count",
    "ephemerals_count",
    "watch_count",
    "avg_latency",
    "max_latency",
    "packets_received",
    "packets_sent",
)

METRIC_COLUMNS: Final[tuple[str, ...]] = MEMBER_COLUMNS + COMMON_METRICS

# The columns before: a row for each metric of each poll. Older run folders have them, and reporting reads both.
LONG_COLUMNS: Final[tuple[str, ...]] = ("timestamp", "elapsed_s", "member", "metric", "value", "detail")
