"""The columns of `events.csv`, and the names of events that the load writes and the verdict reads."""

from typing import Final

EVENT_COLUMNS: Final[tuple[str, ...]] = (
    "timestamp",  # UTC, ISO 8601 with microseconds
    "source",  # controller, master, or a host's name
    "event",  # phase-start, phase-end, stage-start, worker-ready, worker-lost, step-start, step-end, run-start, …
    "subject",  # the phase, stage, worker … that it happened to
    "detail",  # free text for people
    "duration_s",  # how long it took, seconds; the timestamp is then its beginning; empty for a moment
    "clock",  # the host by whose wall clock the timestamp is; empty: the source's own, or the controller's
)

CONTROLLER: Final = "controller"
"""The source of what the controller has recorded: the phases of a run."""
RUN_START: Final = "run-start"
"""A second or later test began in one Locust process; the subject is its number. Its figures go to files of its own."""
STRANGER_REFUSED: Final = "stranger-refused"
"""A process without this run's token tried to join the master; the subject is its address."""
FALSE_MASTER_REFUSED: Final = "false-master-refused"
"""A worker reached something at the master's address that has not this run's token; the subject is the worker."""
OPERATIONS_UNREPORTED: Final = "operations-unreported"
"""A lost worker has sent operations and not reported what became of them: the subject is the worker, and the detail
begins with their number where it is known."""
LEFT_TREE_REMOVED: Final = "left-tree-removed"
"""Nodes of a killed run were removed before the load; the subject is their path."""
NO_ARRIVAL_TIMES: Final = "no-arrival-times"
"""A kernel gives no arrival times of replies, so service time contains client delay; the subject is the worker."""
METRICS_SOURCE: Final = "metrics-source"
"""A member's metrics come from another source than before, or at first not from the best one; the subject is the
member, the detail says which source, and why no better one."""
WARM_UP_ENDED: Final = "warm-up-ended"
"""An automatic warm-up ended; the subject is `STATIONARY` or `LIMIT_REACHED`, the detail says more."""
STATIONARY: Final = "stationary"
"""Rate, p50 and p99 had become stationary."""
LIMIT_REACHED: Final = "limit-reached"
"""They had not within the limit, or no statistics were recorded that could show it."""
USER_STAGE_START: Final = "user-stage-start"
"""A stage of users began; the subject is its number, the detail its users and its length."""
USERS_CHANGED: Final = "users-changed"
"""The number of users was changed while the load went on; the subject is what did it: `LOAD_SHAPE`,
`CONTROL_PROGRAM` or `CONTROL_FUNCTION`."""
CONTROL_FAILED: Final = "control-failed"
"""A control program or function ended with an error; the detail is its message."""
MEMBER_DISABLED: Final = "member-disabled"
"""A dispatcher disabled a member; the subject is the member."""
MEMBER_ENABLED: Final = "member-enabled"
"""A dispatcher enabled a member again; the subject is the member."""
DISPATCH_FAILED: Final = "dispatch-failed"
"""A member was not disabled or enabled, or a dispatcher ended with an error; the detail is the message."""
LOAD_SHAPE: Final = "load shape"
"""A LoadTestShape of the locustfile."""
CONTROL_PROGRAM: Final = "control program"
"""`--control-program`."""
CONTROL_FUNCTION: Final = "control function"
"""A function of the locustfile that `register_controller` names."""

GC_PAUSE: Final = "gc-pause"
"""A member's JVM stood still for its garbage collector; a span, as the next three. The subject is the member."""
JVM_PAUSE: Final = "jvm-pause"
"""A member's JVM stood still, as its pause monitor saw it."""
SLOW_FSYNC: Final = "slow-fsync"
"""A member's transaction log took long to reach the disk."""
ELECTION: Final = "election"
"""A member had no role; the detail is its new one."""
SESSION_EXPIRED: Final = "session-expired"
"""The ensemble gave a session up; the subject is the member that says so."""
CONNECTION_CLOSED: Final = "connection-closed"
"""A member closed a client's connection; the subject is the member."""
MEMBER_RESTART: Final = "member-restart"
"""A member's server started during the load."""
CLOCK_STEP: Final = "clock-step"
"""A host's wall clock was set; the subject is the host, the detail by how many seconds."""
WORKER_LOST: Final = "worker-lost"
"""A worker does not report any more; the subject is the worker."""
WORKER_LATE: Final = "worker-late"
"""A span in which a worker ran nothing, longer than a threshold; the subject is the worker."""
EVENTS_LEFT_OUT: Final = "events-left-out"
"""A member's logs say more than is recorded; the detail says how much."""
FAULT: Final = "fault"
"""What was done to a member on purpose, a span; the subject is the member, the detail says what was planned."""
MEMBER_EVENTS: Final = frozenset(
    {GC_PAUSE, JVM_PAUSE, SLOW_FSYNC, ELECTION, SESSION_EXPIRED, CONNECTION_CLOSED, MEMBER_RESTART, EVENTS_LEFT_OUT}
)
"""What is read from members' logs."""
