"""In which order members are restarted, upgraded or replaced, and when a fault must not be done now."""

from collections.abc import Collection, Mapping

from zk_locust.contract.faults.actions import REPLACE_MEMBER
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.quorum import parts
from zk_locust.contract.member_answers import SERVING

_LEADING = ("leader", "standalone")


def next_member(left: list[str], roles: Mapping[str, str]) -> str:
    """Return who comes next of those that are left: the first that does not lead now, so the leader comes last."""
    return next((name for name in left if roles.get(name) not in _LEADING), left[0])


def enough_serve(name: str, fleet: FaultFleet, roles: Mapping[str, str]) -> bool:
    """Whether a member may be stopped now: a majority serves without it, or in a pair the other one does."""
    others = [voter for voter in fleet.voters if voter != name and roles.get(voter)]
    return name not in fleet.voters or len(others) >= min(fleet.majority, len(fleet.voters) - 1)


def why_not(
    fault: PlannedFault,
    met: Collection[str],
    fleet: FaultFleet,
    roles: Mapping[str, str],
    *,
    others: Collection[str] = (),
    tell: bool = True,
) -> str:
    """Return why the fault must not be done to these members now, from those `others`; empty if it may be.

    A member's data is removed only while all other voters serve: a write that was acknowledged might be in no other.
    What stops members, or parts them, must leave a majority of those that serve now, unless the plan allows otherwise;
    that is not judged where members do not `tell` their roles at all.
    """
    silent = [name for name in fleet.voters if name not in met and not roles.get(name)]
    if fault.do == REPLACE_MEMBER and silent:
        do = "does" if len(silent) == 1 else "do"
        return (
            f"{', '.join(silent)} {do} not serve, and only {', '.join(met)} may have some of the data, so it keeps it"
        )
    lost = _lost(fault, met, others, fleet)
    if fault.allow_no_quorum or not lost or not tell:
        return ""
    serving = [name for name in fleet.voters if name not in lost and roles.get(name) in SERVING]
    if len(serving) >= fleet.majority:
        return ""
    named = f" ({', '.join(serving)})" if serving else ""
    return (
        f"{len(serving)} of the other voters serve{named}, and {fleet.majority} are a majority; leave more time after"
        " the fault before, or write allow_no_quorum: true"
    )


def _lost(fault: PlannedFault, met: Collection[str], others: Collection[str], fleet: FaultFleet) -> Collection[str]:
    """Return the voters that a majority has to do without meanwhile: of a partition those of the smaller side."""
    if not fault.action.stops and not parts(fault, fleet):
        return ()
    of_met, of_others = ([name for name in side if name in fleet.voters] for side in (met, others))
    return min(of_met, of_others, key=len) if fault.action.of_network else of_met
