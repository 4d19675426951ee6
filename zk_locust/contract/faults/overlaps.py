"""Which planned faults would meet one process, or shape one network interface, at the same time.

Their hosts refuse the second one, since to heal one would end the other; here it is refused before the run.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.planned import PlannedFault

_OF_PROCESS: Final = (
    *(actions.KILL, actions.PAUSE, actions.STOP, actions.RESTART, actions.GC),
    *(actions.SLOW_DISK, actions.FULL_DISK, actions.POWER_OFF, actions.REPLACE_MEMBER),
)
_SHAPING: Final = (actions.DELAY, actions.BANDWIDTH)
_ANSWERS: Final = (*_SHAPING, actions.GC, actions.SLOW_DISK)
"""A member with such a fault still says its role, so another fault may choose it."""
_SINGLE: Final = (actions.LEADER, actions.FOLLOWER, actions.OBSERVER, actions.ANY)
_ROLES_S: Final = 5.0
"""Members are asked for their role at most so long before the fault: what happens within it is not in the answer."""

_HEALS_S: Final = 1.0
"""How long a host takes to heal a fault that has ended, or to do one without a length, in the best case."""


def overlap_problems(plan: Sequence[PlannedFault]) -> list[str]:
    """Return a line for each fault that may meet a member in which another one still is."""
    problems = []
    for fault in plan:
        for before in _lasting(plan, fault):
            if _may_meet(before, fault):
                what = "shape the network of one host" if fault.do in _SHAPING else "meet one process"
                problems.append(
                    f"{fault.title} at {fault.at_s:g} s may {what} while {before.title} from {before.at_s:g} s on still"
                    f" lasts, and a host refuses the second; begin it at {before.ends_s + _HEALS_S:g} s, or name other"
                    " targets"
                )
    return problems


def _lasting(plan: Sequence[PlannedFault], fault: PlannedFault) -> Iterator[PlannedFault]:
    """Yield those of its kind that began before it, or with it, and have not ended."""
    for before in plan:
        same = any(fault.do in kind and before.do in kind for kind in (_OF_PROCESS, _SHAPING))
        if same and before.number < fault.number and fault.at_s < before.ends_s + _HEALS_S:
            yield before


def _may_meet(before: PlannedFault, fault: PlannedFault) -> bool:
    """Whether one member may have both. Who does not answer has no role, so a role does not choose such a member."""
    silent = before.do not in _ANSWERS and fault.at_s - before.at_s > _ROLES_S
    pairs = [(one, other) for one in before.targets for other in fault.targets if not (silent and other in _SINGLE)]
    return any(_may_be_same(one, other) for one, other in pairs)


def _may_be_same(one: str, other: str) -> bool:
    """Whether two targets may be the same member: two names, or two of leader, follower and observer, are not."""
    if {one, other} <= {actions.LEADER, actions.FOLLOWER, actions.OBSERVER}:
        return one == other
    if actions.OBSERVER in (one, other) and {actions.MINORITY, actions.MAJORITY} & {one, other}:
        return False  # these are voters
    return one == other or one in actions.ROLES or other in actions.ROLES
