"""The actions and the targets that a fault may name."""

from dataclasses import dataclass
from typing import Final

LEADER: Final = "leader"
FOLLOWER: Final = "follower"
OBSERVER: Final = "observer"
ANY: Final = "any"
MINORITY: Final = "minority"
MAJORITY: Final = "majority"
ALL: Final = "all"
ROLES: Final = (LEADER, FOLLOWER, OBSERVER, ANY, MINORITY, MAJORITY, ALL)
"""Targets beside the names of members. Each is resolved at the moment of the fault."""
LOAD: Final = "load"
"""All load hosts: the target of what can be done to them, and the other side of a fault of the network."""

DISPATCHER: Final = "dispatcher"
"""Who asked for a fault that was not planned, in its note."""

BOTH: Final = "both"
WAYS: Final = (BOTH, "in", "out")
"""Which way a fault of the network works, as its target sees it."""

KILL: Final = "kill"
PAUSE: Final = "pause"
STOP: Final = "stop"
RESTART: Final = "restart"
ROLLING_RESTART: Final = "rolling-restart"
GC: Final = "gc"
PARTITION: Final = "partition"
LOSS: Final = "loss"
SLOW_DISK: Final = "slow-disk"
FULL_DISK: Final = "full-disk"
MEMORY_PRESSURE: Final = "memory-pressure"
POWER_OFF: Final = "power-off"
CLOCK_STEP: Final = "clock-step"
DELAY: Final = "delay"
BANDWIDTH: Final = "bandwidth"
DROP_CONNECTIONS: Final = "drop-connections"
EXPIRE_SESSIONS: Final = "expire-sessions"
ROLLING_UPGRADE: Final = "rolling-upgrade"
REPLACE_MEMBER: Final = "replace-member"
SNAPSHOT: Final = "snapshot"
RECONFIGURE: Final = "reconfigure"

REMOVE: Final = "remove"
CHANGES: Final = (REMOVE, "role")
"""What `reconfigure` does: it takes the target out of the list of members, or makes a voter an observer (and back)."""
ROLLING: Final = (ROLLING_RESTART, ROLLING_UPGRADE)
"""What goes through all members, one after the other: these have no target."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a fault does.

    `lasts` says whether it has a length: it must be given (True), may be given (None, and is 0 without), or must not
    be (False). `stops` says whether a member that it meets serves nobody meanwhile. `of_network`: it is between
    two groups, needs nftables on the members' hosts, and each member needs an address of its own. `on_load`: it can be
    done to a load host too. `on_external`: to a member of an external ensemble, whose process is not ours to start.
    `amounts` are the keys of its entry that say how much. `percent` is the share that it meets, unless the fault says
    another; None where there is no such share. `meets` is what its host counts: packets, connections or sessions;
    empty where it counts nothing.
    """

    name: str
    does: str
    lasts: bool | None
    stops: bool = True
    of_network: bool = False
    on_load: bool = False
    on_external: bool = False
    amounts: tuple[str, ...] = ()
    percent: float | None = None
    meets: str = ""


ACTIONS: Final[dict[str, Action]] = {
    action.name: action
    for action in (
        Action(
            KILL,
            "SIGKILL to the member's process; it is started again after `for`, at once without",
            None,
            on_load=True,
        ),
        Action(PAUSE, "SIGSTOP to the member's process, and SIGCONT after `for`", True, on_load=True, on_external=True),
        Action(STOP, "the member is stopped in order, and started again after `for`", True),
        Action(RESTART, "the member is stopped in order, and started again at once", False),
        Action(
            ROLLING_RESTART,
            "every member is restarted, one after the other, the leader last; each must serve before the next",
            False,
            stops=False,
        ),
        Action(GC, "the member's JVM collects garbage, as jcmd's GC.run", False, stops=False, on_external=True),
        Action(
            PARTITION,
            "no packet of ZooKeeper's ports passes between the target and `from` (all other members without)",
            True,
            of_network=True,
            on_external=True,
            meets="packets",
        ),
        Action(
            LOSS,
            "`percent` of these packets are lost, as `partition` loses all",
            True,
            stops=False,
            of_network=True,
            on_external=True,
            percent=50.0,
            meets="packets",
        ),
        Action(
            DELAY,
            "each of these packets takes `latency` longer, by up to `jitter` more or less",
            True,
            stops=False,
            of_network=True,
            meets="packets",
        ),
        Action(
            BANDWIDTH,
            "these packets pass at `rate` at most, each way by itself",
            True,
            stops=False,
            of_network=True,
            meets="packets",
        ),
        Action(
            DROP_CONNECTIONS,
            "`percent` of the member's client connections are reset; the sessions live on",
            False,
            stops=False,
            percent=100.0,
            meets="connections",
        ),
        Action(
            EXPIRE_SESSIONS,
            "`percent` of the sessions that are connected to the member are ended by the ensemble",
            False,
            stops=False,
            percent=100.0,
            meets="sessions",
        ),
        Action(
            SLOW_DISK,
            "the member's process writes at most `writes_per_s` times, or `write_kib_per_s`, to the disks of its data",
            True,
            stops=False,
            amounts=("writes_per_s", "write_kib_per_s"),
        ),
        Action(
            FULL_DISK,
            "a file takes what is free where the member writes its log, but `leave_mib`",
            True,
            amounts=("leave_mib", "allow_shared_disk"),
        ),
        Action(
            MEMORY_PRESSURE,
            "a process takes `mib`, or `percent` of the host's memory",
            True,
            stops=False,
            on_load=True,
            on_external=True,
            amounts=("mib", "percent"),
        ),
        Action(POWER_OFF, "the host goes away without warning, and comes back after `for`", None),
        Action(
            CLOCK_STEP,
            "the wall clock of the member's host is stepped by `by`, and back after `for`",
            True,
            stops=False,
            amounts=("by_ms",),
        ),
        Action(
            ROLLING_UPGRADE,
            "every member is stopped and started with the release `to`, one after the other, the leader last",
            False,
            stops=False,
        ),
        Action(REPLACE_MEMBER, "the member is stopped, loses its data, and is started empty with the same id", False),
        Action(RECONFIGURE, "the member is taken out of the ensemble's list, or gets another role, by reconfig", True),
        Action(SNAPSHOT, "the member writes a snapshot, by its AdminServer", False, stops=False),
    )
}
