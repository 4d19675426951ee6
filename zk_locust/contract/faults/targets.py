"""Which members a fault meets, from the roles that they have at its moment."""

import random
from collections.abc import Iterable, Mapping

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault

_ORDER = ("observer", "follower", "leader", "standalone")


class NoTargetError(Exception):
    """No member has the role that the fault is for; the message says so."""


def resolved(fault: PlannedFault, fleet: FaultFleet, roles: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the members that a fault meets, and those (or load hosts) of its other side.

    `roles` has what each member says of itself: leader, follower, observer or standalone; empty if it does not serve.
    The same roles give the same members: the seed and the number decide. Raises NoTargetError.
    """
    chance = random.Random(f"{fault.seed}.{fault.number}")
    if fault.do in actions.ROLLING:
        serving = [name for name in fleet.members if roles.get(name)]
        if not serving:
            raise NoTargetError("no member serves")
        return sorted(serving, key=lambda name: _ORDER.index(roles[name]) if roles[name] in _ORDER else 0), []
    met: list[str] = []
    for target in fault.targets:
        met += [name for name in _members(target, fleet, roles, chance, frozenset()) if name not in met]
    others: list[str] = []
    for other in fault.others or ((actions.ALL,) if fault.action.of_network else ()):
        if other == actions.LOAD:
            others += [name for name in fleet.load_hosts if name not in others]
        elif other in fleet.load_hosts and other not in fleet.members:
            others.append(other)
        else:
            found = _members(other, fleet, roles, chance, frozenset(met))
            others += [name for name in found if name not in others and name not in met]
    return met, others


def _members(
    target: str, fleet: FaultFleet, roles: Mapping[str, str], chance: random.Random, without: frozenset[str]
) -> list[str]:
    """Return the members, or the load hosts, that a role or a name means, apart from some."""
    if target in fleet.members:
        return [target]
    if target == actions.LOAD or target in fleet.loaded:
        return list(fleet.loaded) if target == actions.LOAD else [target]
    left = [name for name in fleet.members if name not in without]
    voters = [name for name in fleet.voters if name not in without]
    if target == actions.ALL:
        return left
    if target in (actions.MINORITY, actions.MAJORITY):
        wanted = fleet.majority if target == actions.MAJORITY else len(fleet.voters) - fleet.majority
        return sorted(chance.sample(voters, min(wanted, len(voters))))
    if target == actions.ANY:
        found = [name for name in left if roles.get(name)]
    elif target == actions.LEADER:
        found = [name for name in left if roles.get(name) in ("leader", "standalone")]
    else:
        found = [name for name in left if roles.get(name) == target]
    if not found:
        raise NoTargetError("no member serves" if target == actions.ANY else f"no member is {target} at that moment")
    return [chance.choice(found)]


def clock_stepped(plan: Iterable[PlannedFault], fleet: FaultFleet) -> frozenset[str]:
    """Return the members whose hosts' clocks a plan may step: all, where it names a role."""
    targets = {target for fault in plan if fault.do == actions.CLOCK_STEP for target in fault.targets}
    return frozenset(fleet.members if targets & {*actions.ROLES} else targets)
