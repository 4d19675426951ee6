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
"""All load hosts, as the other side of a fault of the network."""

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
    two groups, needs nftables on the members' hosts, and each member needs an address of its own.
    """

    name: str
    does: str
    lasts: bool | None
    stops: bool = True
    of_network: bool = False


ACTIONS: Final[dict[str, Action]] = {
    action.name: action
    for action in (
        Action(KILL, "SIGKILL to the member's process; it is started again after `for`, at once without", None),
        Action(PAUSE, "SIGSTOP to the member's process, and SIGCONT after `for`", True),
        Action(STOP, "the member is stopped in order, and started again after `for`", True),
        Action(RESTART, "the member is stopped in order, and started again at once", False),
        Action(
            ROLLING_RESTART,
            "every member is restarted, one after the other, the leader last; each must serve before the next",
            False,
            stops=False,
        ),
        Action(GC, "the member's JVM collects garbage, as jcmd's GC.run", False, stops=False),
        Action(
            PARTITION,
            "no packet of ZooKeeper's ports passes between the target and `from` (all other members without)",
            True,
            of_network=True,
        ),
        Action(
            LOSS, "`percent` of these packets are lost, as `partition` loses all", True, stops=False, of_network=True
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
