"""Which planned faults would meet one process, shape one network interface, step one clock or change one member's
place in the list at the same time.

Their hosts refuse the second one, since to heal one would end the other; here it is refused before the run.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.operations import ROLLING_USUAL_S
from zk_locust.contract.faults.planned import PlannedFault

_OF_PROCESS: Final = (
    *(actions.KILL, actions.PAUSE, actions.STOP, actions.RESTART, actions.GC),
    *(actions.SLOW_DISK, actions.FULL_DISK, actions.POWER_OFF, actions.REPLACE_MEMBER),
    *actions.ROLLING,
)
_SHAPING: Final = (actions.DELAY, actions.BANDWIDTH)
_KINDS: Final = {
    _OF_PROCESS: "meet one process",
    _SHAPING: "shape the network of one host",
    (actions.CLOCK_STEP,): "step the clock of one host",
    (actions.RECONFIGURE,): "reconfigure one member",
}
"""Of each kind a member has one at a time, as its host sees it too (`host_faults.actions`)."""
_ANSWERS: Final = (
    *(*_SHAPING, actions.GC, actions.SLOW_DISK, actions.CLOCK_STEP, actions.RECONFIGURE),
    *actions.ROLLING,  # the leader answers until it comes last
)
"""A member with such a fault still says its role, so another fault may choose it."""
_SINGLE: Final = (actions.LEADER, actions.FOLLOWER, actions.OBSERVER, actions.ANY)
_ROLES_S: Final = 5.0
"""Members are asked for their role at most so long before the fault: what happens within it is not in the answer."""

_HEALS_S: Final = 1.0
"""How long a host takes to heal a fault that has ended, or to do one without a length, in the best case."""


def overlap_problems(plan: Sequence[PlannedFault], fleet: FaultFleet | None) -> list[str]:
    """Return a line for each fault that may meet a member in which another one still is.

    Without a `fleet`, a rolling restart or upgrade is over at once, and load hosts have no names.
    """
    of_load = {actions.LOAD, *(fleet.loaded if fleet is not None else ())}
    of_load -= set(fleet.members if fleet is not None else ())
    problems = []
    for fault in plan:
        what = next((said for kind, said in _KINDS.items() if fault.do in kind), "")
        for before, over_s in _lasting(plan, fault, len(fleet.members) if fleet is not None else 0):
            if _may_meet(before, fault, of_load):
                is_of_all = {before.do, fault.do} & {*actions.ROLLING}
                problems.append(
                    f"{fault.prefix}{fault.title} at {fault.at_s:g} s may {what} while {before.beside(fault)} from"
                    f" {before.at_s:g} s on still lasts, and a host refuses the second; begin it at {over_s:g} s"
                    + ("" if is_of_all else ", or name other targets")
                )
    return problems


def _lasting(plan: Sequence[PlannedFault], fault: PlannedFault, members: int) -> Iterator[tuple[PlannedFault, float]]:
    """Yield those of its kind that began before it, or with it, and are not over; and when they are, seconds."""
    for before in plan:
        if before.number < fault.number and any(fault.do in kind and before.do in kind for kind in _KINDS):
            rolls_s = ROLLING_USUAL_S * members if before.do in actions.ROLLING else 0.0
            over_s = max(before.ends_s + _HEALS_S, before.at_s + rolls_s)
            if fault.at_s < over_s:
                yield before, over_s


def _may_meet(before: PlannedFault, fault: PlannedFault, of_load: AbstractSet[str]) -> bool:
    """Whether one member may have both. Who does not answer has no role, so a role does not choose such a member."""
    silent = before.do not in _ANSWERS and fault.at_s - before.at_s > _ROLES_S
    pairs = [(one, other) for one in before.targets for other in fault.targets if not (silent and other in _SINGLE)]
    if before.do == actions.RECONFIGURE:  # it changes roles
        pairs = [(actions.ANY if one in actions.ROLES else one, other) for one, other in pairs]
    return any(_may_be_same(one, other, of_load) for one, other in pairs)


def _may_be_same(one: str, other: str, of_load: AbstractSet[str]) -> bool:
    """Whether two targets may be the same host: two names, or two of leader, follower and observer, are not."""
    if {one, other} & of_load:
        return {one, other} <= of_load and (one == other or actions.LOAD in (one, other))
    if {one, other} <= {actions.LEADER, actions.FOLLOWER, actions.OBSERVER}:
        return one == other
    if actions.OBSERVER in (one, other) and {actions.MINORITY, actions.MAJORITY} & {one, other}:
        return False  # these are voters
    return one == other or one in actions.ROLES or other in actions.ROLES
