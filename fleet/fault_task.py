"""What the action `follow_load` is told of faults, as the conductor takes it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fleet.fault_conductor import Conductor
from fleet.fault_hosts import FaultHosts, Place
from fleet.inventory import HostVariables
from fleet.member_configuration import Member, listed
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault


def conductor_of(
    faults: Mapping[str, Any], hostvars: Mapping[str, Mapping[str, Any]], show: Callable[[str], object]
) -> Conductor:
    """Return what does the faults, started. Raises InputError for a host that cannot be reached in its way.

    `faults` has `run_id`, `plan` and `run_time_s`; `members`, those of the filter `ensemble_members`; `places`, by
    member, what the role `zookeeper` has set up; and `load_hosts`, their names.
    """
    members = faults["members"]
    sides = {
        member["name"]: {
            "address": member["address"],
            "ports": [int(member["peer_port"]), int(member["election_port"])],
            "client": int(member["client_port"]),
            "reconfigure": _listed(member, members),
        }
        for member in members
    }
    load_hosts = [str(name) for name in faults["load_hosts"]]
    for name in load_hosts:
        sides.setdefault(name, {"address": str(hostvars[name].get("ansible_host") or name), "ports": [], "client": 0})
    fleet = FaultFleet(
        members=tuple(member["name"] for member in members),
        observers=frozenset(member["name"] for member in members if member["peer_type"] == "observer"),
        load_hosts=tuple(load_hosts),
    )
    places = {
        name: Place(
            str(place["launcher"]),
            str(place["address"]),
            int(place["client_port"]),
            str(place["admin"]),
            float(place["start_timeout_s"]),
        )
        for name, place in faults["places"].items()
    }
    variables = {name: HostVariables(name, hostvars[name]) for name in places}
    plan = [PlannedFault.of(fault) for fault in faults["plan"]]
    hosts = FaultHosts(places, variables)
    return Conductor(str(faults["run_id"]), plan, fleet, sides, float(faults["run_time_s"]), hosts, show)


def _listed(member: Mapping[str, Any], members: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a member's host needs for reconfig: the member in the list, and where all serve clients."""
    between, _, listens = listed(Member.of(member), "-").partition(":-;")
    return {
        "server_id": int(member["id"]),
        "role": str(member["peer_type"]),
        "between": between,
        "listens": listens,
        "clients": [[str(other["address"]), int(other["client_port"])] for other in members],
    }
