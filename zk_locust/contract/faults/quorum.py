"""Whether planned faults leave the ensemble without a majority, whatever the roles are."""

import math
from collections.abc import Iterable, Sequence

from zk_locust.contract.faults import actions
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault

_LEAST_S = {actions.KILL: 10.0, actions.STOP: 10.0, actions.RESTART: 10.0, actions.REPLACE_MEMBER: 30.0}
_AFTER_S = {actions.FULL_DISK: 10.0, actions.POWER_OFF: 60.0}
"""So long after it has healed, the member is started again or its host boots."""
_LEAST_LOSS_PERCENT = 50.0
_LEAST_DELAY_SHARE = 0.5
"""From so much on, a member may lose the others: half of its packets are lost, or a round trip takes as long as members
wait for each other."""
_REMEDY = "leave some out, or write allow_no_quorum: true"


def quorum_problems(judged: Iterable[PlannedFault], plan: Sequence[PlannedFault], fleet: FaultFleet) -> list[str]:
    """Return a line for each fault that may leave no majority, by itself or with others that last at its beginning.

    Members that are named count once, those that are met by a role each time: who has the role is not known yet.
    """
    problems = []
    for fault in judged:
        beside = [
            other for other in plan if other is not fault and other.at_s <= fault.at_s < other.at_s + _away_s(other)
        ]
        sides = [_lost(each, fleet) for each in (fault, *beside)]
        number = sum(count for count, _ in sides) + len({name for _, names in sides for name in names})
        left = max(0, len(fleet.voters) - number)
        if left < fleet.majority and any(sides[0]):
            also = "".join(f", with {other.beside(fault)} from {other.at_s:g} s on," for other in beside)
            problems.append(
                f"{fault.prefix}{fault.title} at {fault.at_s:g} s{also} leaves {left} of {len(fleet.voters)} voters,"
                f" and {fleet.majority} are a majority; {_REMEDY}"
            )
    return problems


def _away_s(fault: PlannedFault) -> float:
    """Return for how long members are away, seconds: one that is started again does not serve at once."""
    if fault.do in actions.ROLLING:
        return math.inf
    return max(fault.for_s, _LEAST_S.get(fault.do, 0.0)) + _AFTER_S.get(fault.do, 0.0)


def parts(fault: PlannedFault, fleet: FaultFleet) -> bool:
    """Whether so many packets are lost or so late that the two sides may lose each other, as with a partition."""
    if fault.do == actions.LOSS:
        return fault.percent >= _LEAST_LOSS_PERCENT
    late_s = (fault.latency_ms + fault.jitter_ms) / 1000
    return fault.do == actions.DELAY and late_s >= _LEAST_DELAY_SHARE * fleet.waits_s


def _lost(fault: PlannedFault, fleet: FaultFleet) -> tuple[int, frozenset[str]]:
    """Return how many voters a majority has to do without meanwhile: by roles, and by their names.

    Of a partition it is the side with fewer voters.
    """
    if fault.do in actions.ROLLING:
        return 1, frozenset()
    if not fault.action.stops and not parts(fault, fleet):
        return 0, frozenset()
    targets = fault.targets
    if fault.action.of_network:
        others = fault.others or (actions.ALL,)
        if all(other not in fleet.members and other in (actions.LOAD, *fleet.load_hosts) for other in others):
            return 0, frozenset()
        met = fleet.most_voters(targets)
        rest = len(fleet.voters) - met
        if actions.ALL in others:
            if rest < met:
                return rest, frozenset()
        elif fleet.most_voters(others) < met:
            targets = others
    named = frozenset(name for name in targets if name in fleet.voters)
    return fleet.most_voters([name for name in targets if name not in fleet.members]), named
