"""What the action `follow_load` is told of faults, as the conductor takes it."""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from fleet.dispatch_conductor import DispatchConductor
from fleet.dispatch_requests import Requests
from fleet.endpoints import endpoint
from fleet.fault_clock import FaultClock, offsets_of
from fleet.fault_conductor import SERVES_LIMIT_S, Conductor
from fleet.fault_hosts import FaultHosts, Place
from fleet.fault_power import PowerSwitch
from fleet.hosts import Host
from fleet.inventory import HostVariables
from fleet.member_configuration import Member, listed
from zk_locust.contract.connect_string import parse_connect_string
from zk_locust.contract.dispatch_settings import Dispatch
from zk_locust.contract.faults.fleet import WAITS_S, FaultFleet
from zk_locust.contract.faults.limits import STOP_TIMEOUT_S
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.targets import clock_stepped
from zk_locust.contract.run_files import DISPATCH_REQUESTS


def become_of(options: Mapping[str, Any], password: str) -> dict[str, Any]:
    """Return, as variables, what a command line (`CLIARGS`, and the password of -K) says of becoming another user."""
    given = {f"ansible_{name}": options.get(name) for name in ("become", "become_method", "become_user")}
    return {name: value for name, value in given.items() if value} | (
        {"ansible_become_password": password} if password else {}
    )


def laid_over(become: Mapping[str, Any], of_host: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the variables of a host, with those of the command line where it has none."""
    return ChainMap({}, *cast(list[dict[str, Any]], [of_host, become]))  # each is evaluated only when it is asked for


def conductor_of(
    faults: Mapping[str, Any],
    hostvars: Mapping[str, Mapping[str, Any]],
    show: Callable[[str], object],
    become: Mapping[str, Any],
) -> Conductor:
    """Return what does the planned faults, started. Raises InputError for a host that cannot be reached in its way.

    `become` are variables of the command line, over which those of a host are laid.

    `faults` has `run_id`, `plan` and `run_time_s`; `members`, those of the filter `ensemble_members`; `places`, by
    member, what the role `zookeeper` has set up; `load_launcher`, what does faults on each host of the `workers`; and
    `load_hosts`, their names, the master's first.
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
    of_load = Place(str(faults.get("load_launcher") or ""))
    places = {str(name): of_load for name in faults.get("workers") or ()} | _places(faults)
    plan = [PlannedFault.of(fault) for fault in faults["plan"]]
    commands = {
        name: (str(place["power_off"]), str(place["power_on"]))
        for name, place in faults["places"].items()
        if place.get("power_off")
    }
    # A host whose clock is stepped would wait for another moment than ours.
    clock = _clock(faults, hostvars, {*places, *load_hosts} - clock_stepped(plan, _fleet(faults)))
    hosts = FaultHosts(places, _variables(places, hostvars, become))
    serves_limit_s = max([SERVES_LIMIT_S, *(place.start_timeout_s for place in places.values())])
    return Conductor(
        str(faults["run_id"]), plan, _fleet(faults), sides, clock, hosts, show, PowerSwitch(commands), serves_limit_s
    )


def dispatch_conductor_of(
    faults: Mapping[str, Any],
    hostvars: Mapping[str, Mapping[str, Any]],
    show: Callable[[str], object],
    become: Mapping[str, Any],
) -> DispatchConductor:
    """Return what does what the run's dispatcher asks for, started. Raises InputError as `conductor_of`.

    `faults` has besides `dispatch`, that of the plan, and `folder`, that of the run on the master's host.
    """
    places = _places(faults)
    master = str(faults["load_hosts"][0])
    host = Host(endpoint(_variables([master], hostvars, become)[master]))
    members = {
        address: str(member["name"])
        for member in faults["members"]
        for address in parse_connect_string(str(member["client"])).members
    }
    return DispatchConductor(
        str(faults["run_id"]),
        Dispatch.of(faults["dispatch"]),
        float(faults["run_time_s"]),
        _fleet(faults),
        members,
        _clock(faults, hostvars, {*places, master}),
        FaultHosts(places, _variables(places, hostvars, become)),
        Requests(host, f"{faults['folder']}/{DISPATCH_REQUESTS}"),
        show,
        host.end,
    )


def _fleet(faults: Mapping[str, Any]) -> FaultFleet:
    members = faults["members"]
    return FaultFleet(
        members=tuple(member["name"] for member in members),
        observers=frozenset(member["name"] for member in members if member["peer_type"] == "observer"),
        load_hosts=tuple(map(str, faults["load_hosts"])),
        workers=tuple(map(str, faults.get("workers") or ())),
        waits_s=min((float(member["waits_s"]) for member in members), default=WAITS_S),
    )


def _places(faults: Mapping[str, Any]) -> dict[str, Place]:
    return {
        name: Place(
            str(place["launcher"]),
            str(place["address"]),
            int(place["client_port"]),
            str(place["admin"]),
            float(place["start_timeout_s"]),
            float(place.get("stop_timeout_s", STOP_TIMEOUT_S)),
        )
        for name, place in faults["places"].items()
    }


def _variables(
    names: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], become: Mapping[str, Any]
) -> dict[str, HostVariables]:
    return {name: HostVariables(name, laid_over(become, hostvars[name])) for name in names}


def _clock(faults: Mapping[str, Any], hostvars: Mapping[str, Mapping[str, Any]], names: Iterable[str]) -> FaultClock:
    clocks = {name: hostvars[name].get("preflight_clock") for name in names}
    return FaultClock(float(faults["run_time_s"]), str(faults["load_hosts"][0]), offsets_of(clocks))


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
