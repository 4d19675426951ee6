"""The columns of `locust-stats.csv`, `slow-operations.csv` and `events.csv`, and the fields of `locust-distrib.jsonl`.

`locust-stats.csv` has, for every interval, one row for each operation over all workers (`worker` is `all`), one
row for all operations over all workers (`name` is `Aggregated`, `type` is empty), and one row for all operations
of each worker, with that worker's CPU. Counts and percentiles are cumulative from the start of the stage; a rate is a
difference of counts divided by a difference of `elapsed_s`.

`locust-distrib.jsonl` has one JSON object a line: the latency distribution of one operation over all workers within
one interval. The distribution of a stage is the sum of its lines. Two lines may carry the same interval, when a
worker's figures arrived late: they add up too.

`slow-operations.csv` has one row for each of the slowest operations of each worker in each interval, over all names
together, failed and censored ones too. Their times are on the master's clock, so that they can be compared with other
workers' and with `elapsed_s`.
"""

from typing import Final

from zk_locust.contract.clock_names import CLOCKS

ALL_WORKERS: Final = "all"
AGGREGATED: Final = "Aggregated"

PERCENTILES: Final[dict[str, float]] = {
    "p50_us": 50.0,
    "p90_us": 90.0,
    "p95_us": 95.0,
    "p99_us": 99.0,
    "p99.9_us": 99.9,
    "p99.99_us": 99.99,
}

CLOCK_PERCENTILES: Final[dict[str, float]] = {"p50_us": 50.0, "p99_us": 99.0, "p99.9_us": 99.9, "max_us": 100.0}

STATS_COLUMNS: Final[tuple[str, ...]] = (
    "timestamp",  # UTC, ISO 8601 with microseconds: the end of the interval; a label, never subtracted
    "elapsed_s",  # end of the interval, seconds on the master's monotonic clock since the load started
    "stage",  # warm-up, measured or cool-down
    "interval",  # number of the interval within its stage, from 0
    "worker",  # "all", or one worker's name
    "type",  # Locust's request type, "zookeeper" for operations; empty where name is "Aggregated"
    "name",  # operation, or "Aggregated"
    "requests",  # cumulative within the stage: successful operations
    "failures",  # cumulative within the stage: failed operations (not contained in requests)
    "mean_us",  # service time of the successful operations of the stage so far, microseconds
    "min_us",
    *PERCENTILES,
    "max_us",
    "overflows",  # latencies above one hour: counted here and in requests, in no percentile
    "suppressed",  # cumulative: failures that --exception-behavior or --ignore-connection-down hide; not in failures
    "censored",  # cumulative: operations that were under way when the stage ended, or were cut off by their user's end
    "censored_max_us",  # the longest of them had waited this long
    "offered",  # cumulative, open loop and Aggregated only, as the three below: operations that were due
    "missed",  # cumulative: due on a worker that was not there
    "dropped",  # cumulative: given up in the queue, before they were sent
    "queued",  # due and not sent at the end of the interval
    *(f"{clock}_{which}" for clock in CLOCKS for which in CLOCK_PERCENTILES),  # as of service time; empty where absent
    *(f"lateness_{which}" for which in CLOCK_PERCENTILES),  # worker rows only: how late the worker's 5 ms heartbeat is
    "away_percent",  # worker rows only: beats of the stage so far that came at least one beat (5 ms) late, percent
    "gc_ms",  # worker rows only: time in Python's garbage collector within the interval, milliseconds
    "users",  # simulated users running, of all workers or of this one
    "cpu_percent",  # worker rows only: CPU used by the worker process in the interval, percent of one core
    "cpu_wait_percent",  # worker rows only: time it was runnable but waited for a core, percent
    "errors",  # JSON object, error name to cumulative count within the stage
)

DISTRIBUTION_FIELDS: Final[tuple[str, ...]] = (
    "timestamp",  # as above
    "elapsed_s",  # as above
    "interval_s",  # length of the interval, seconds (the last of a stage is shorter)
    "stage",
    "interval",
    "type",
    "name",
    "requests",  # successful operations in this interval = sum of the histogram's counts + overflows
    "failures",  # failed operations in this interval
    "sum_us",  # exact sum of the latencies of the successful operations
    "min_us",  # exact; null without successful operations
    "max_us",
    "overflows",
    "suppressed",  # within this interval, as above
    "censored",  # waiting times so far of the operations that were censored in this interval: an object as of a clock
    *CLOCKS,  # absent where not measured; an object with count, sum_us, min_us, max_us, overflows and histogram
    "histogram",  # object: lowest value of the bucket in microseconds (as a string) to count, 3 significant digits
)

MOMENT_COLUMNS: Final[tuple[str, ...]] = (
    "start",  # seconds since 1970, by the wall clock as it was when the file was begun: it never jumps
    "end",  # the same; 50 ms later, or more where the worker was late
    "type",
    "name",  # empty, with an empty type, in a row that says only how long operations wait
    "requests",  # successful operations that ended in this time
    "failures",  # failed or suppressed ones
    "sum_us",  # of the latencies of the successful ones
    "max_us",  # empty without any
    "waits_us",  # how long the operation that has waited longest was under way at the end; empty in rows of operations
    "censored",  # operations of which nobody waits for the end any more
    "above",  # successful ones that took longer than --stats-objective; empty without
)

SESSION_COLUMNS: Final[tuple[str, ...]] = (
    "start",  # seconds since 1970, as in the file of moments beside it
    "end",  # the same; when it was noticed, at most 50 ms late, and 200 ms of what has no length
    "event",  # one of SESSION_EVENTS
    "session",  # session id, in hexadecimal; empty where it is not known
    "member",  # the one that the session is connected to, as the client says it, or was last
    "before",  # moved: the member before; replaced: the session before
)
SILENT: Final = "silent"
"""From when a session asked until it had a successful reply; what fails in between is no reply."""
UNANSWERED: Final = "unanswered"
"""The same without a reply until the file ended."""
MOVED: Final = "moved"
"""A session was connected to another member."""
REPLACED: Final = "replaced"
"""A session was given up or had expired, and another one took its place."""
SESSION_EVENTS: Final = (SILENT, UNANSWERED, MOVED, REPLACED)

SLOW_COLUMNS: Final[tuple[str, ...]] = (
    "stage",
    "interval",  # the one in which the operation ended, as above
    "worker",
    "type",
    "name",
    "due_s",  # seconds since the load started, as elapsed_s, and so the next three; empty in a closed loop
    "sent_s",
    "arrived_s",  # when the reply reached the worker's machine; empty where the client does not know it
    "handled_s",  # when the worker had handled the reply, or stopped waiting
    "latency_us",  # from due (closed loop: from sent) to arrived, or to handled where that is not known
    "outcome",  # ok, failed, or censored: it had waited so long, and was still under way
    "session",  # session id, as in the members' logs (0x10001a2b3c40000); empty where the client does not know it
    "member",  # host:port of the member that the session was connected to, or was last; empty where it is not known
    "xid",  # number of the request within its connection; empty except with the client native
)
