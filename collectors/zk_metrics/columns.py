"""The columns of `zk-metrics.csv`: one row for each metric of each member at each poll.

A member that did not answer has one row at that poll: `metric` is `reachable`, `value` is 0, and `detail` says why.
A member that answered has `reachable` 1, with the time its answer took, in `poll_ms`.
"""

from typing import Final

REACHABLE: Final = "reachable"
POLL_MS: Final = "poll_ms"

METRIC_COLUMNS: Final[tuple[str, ...]] = (
    "timestamp",  # UTC, ISO 8601 with microseconds: when the poll was sent
    "elapsed_s",  # seconds on the collector's monotonic clock since it started
    "member",  # the member's name in the inventory, or its admin address
    "metric",  # the name that ZooKeeper's "monitor" command gives it (avg_latency, znode_count, …)
    "value",  # a number, or text as it came (server_state, version)
    "detail",  # why a member was not reachable; empty otherwise
)
