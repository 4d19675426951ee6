"""In which order members are restarted, upgraded or replaced, and when one must not be."""

from collections.abc import Iterable, Mapping

from zk_locust.contract.faults.actions import REPLACE_MEMBER
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault

_LEADING = ("leader", "standalone")


def next_member(left: list[str], roles: Mapping[str, str]) -> str:
    """Return who comes next of those that are left: the first that does not lead now, so the leader comes last."""
    return next((name for name in left if roles.get(name) not in _LEADING), left[0])


def enough_serve(name: str, fleet: FaultFleet, roles: Mapping[str, str]) -> bool:
    """Whether a member may be stopped now: a majority serves without it, or in a pair the other one does."""
    others = [voter for voter in fleet.voters if voter != name and roles.get(voter)]
    return name not in fleet.voters or len(others) >= min(fleet.majority, len(fleet.voters) - 1)


def why_not(fault: PlannedFault, met: Iterable[str], fleet: FaultFleet, roles: Mapping[str, str]) -> str:
    """Return why the fault must not be done to these members now; empty if it may be.

    A member's data is removed only while all other voters serve: a write that was acknowledged might be in no other.
    """
    if fault.do != REPLACE_MEMBER:
        return ""
    met = list(met)
    silent = [name for name in fleet.voters if name not in met and not roles.get(name)]
    if not silent:
        return ""
    do = "does" if len(silent) == 1 else "do"
    return f"{', '.join(silent)} {do} not serve, and only {', '.join(met)} may have some of the data, so it keeps it"
