"""The inventory contract: what the variables of an inventory mean, and what is wrong with them.

Pure functions over `groups` and `hostvars`; no host and no file is touched. The defaults of the contract are the
defaults of the role `zookeeper`; they are repeated here because a role's defaults are not seen from other hosts.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.zoo_cfg import value_problems
from zk_locust.contract.secrets import is_secret, kind_of, redacted

Groups = Mapping[str, Iterable[str]]
HostVars = Mapping[str, Mapping[str, Any]]

MEMBER_DEFAULTS: dict[str, Any] = {
    "zookeeper_peer_type": "participant",
    "zookeeper_bind_address": "",
    "zookeeper_client_port": 2181,
    "zookeeper_peer_port": 2888,
    "zookeeper_election_port": 3888,
    "zookeeper_admin_port": 8080,
    "zookeeper_install_method": "auto",
    "zookeeper_version": "",
    "zookeeper_home": "",
    "zookeeper_heap": "1g",
    "zookeeper_java_options": [],
    "zookeeper_properties": {},
}
MASTER_PORT = 5557
PORTS = ("zookeeper_client_port", "zookeeper_peer_port", "zookeeper_election_port", "zookeeper_admin_port")
PEER_TYPES = ("participant", "observer")
INSTALL_METHODS = ("auto", "package", "archive", "existing")

# Keys of zoo.cfg that the role writes, and what to set instead.
OWNED_PROPERTIES = {
    "dataDir": "zookeeper_data_dir",
    "dataLogDir": "zookeeper_data_log_dir",
    "clientPort": "zookeeper_client_port",
    "clientPortAddress": "zookeeper_bind_address",
    "admin.serverPort": "zookeeper_admin_port",
    "admin.serverAddress": "zookeeper_bind_address",
    "admin.enableServer": "nothing: the figures come from the AdminServer",
    "peerType": "zookeeper_peer_type",
    "dynamicConfigFile": "nothing: the members come from the inventory",
    "standaloneEnabled": "nothing: it follows from the number of members",
}

_MAY_HOLD_SECRETS = ("zookeeper_properties", "zookeeper_java_options", "benchmark_parameters")
_SSH_PORT = 22
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class _Unreadable:
    """Stands for a variable whose template failed."""

    def __init__(self, error: Exception, name: str) -> None:
        # The text of an error may quote the value.
        self.reason = type(error).__name__ if name in _MAY_HOLD_SECRETS else " ".join(str(error).split())


def _read(variables: Mapping[str, Any], name: str, default: Any) -> Any:
    try:
        value = variables.get(name, default)
    except Exception as error:  # whatever Ansible's templating raises
        return _Unreadable(error, name)
    return default if value is None else value


def _as_int(value: Any) -> int | None:
    """Return an integer, also from the text that `-e name=1` and INI inventories give; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value.strip()) else None


def _as_float(value: Any) -> float | None:
    """Return a finite number, also from text; None for anything else."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _as_bool(value: Any) -> bool:
    return value.strip().lower() in ("true", "yes", "on", "1") if isinstance(value, str) else bool(value)


def _machine(name: str, variables: Mapping[str, Any]) -> str:
    """Name the machine behind an inventory host: several hosts may be one machine."""
    address = str(_read(variables, "ansible_host", name))
    port = _read(variables, "ansible_port", _SSH_PORT)
    if _read(variables, "ansible_connection", "") == "local":
        return "the controller"
    # Another port of the controller's leads through a tunnel, to a machine of its own.
    if address in _LOCAL_NAMES and _as_int(port) == _SSH_PORT:
        return "the controller"
    return f"{address}:{port}"


def _hosts_of_contract(groups: Groups) -> list[str]:
    """Return the hosts of the contract's groups, each once."""
    listed = [name for group in ("zookeeper", "locust_master", "locust_workers") for name in groups.get(group, [])]
    return list(dict.fromkeys(listed))


def _machines(groups: Groups, hostvars: HostVars) -> dict[str, str]:
    """Name the machine behind each host of the contract, those alike that are one machine.

    By their addresses, and once preflight has asked them (`preflight_machine`) by what they have told themselves:
    one machine may have several addresses.
    """
    by_address, told = {}, {}
    for name in _hosts_of_contract(groups):
        variables = hostvars[name]  # each look at them costs a pass over all that Ansible knows
        by_address[name] = _machine(name, variables)
        told[name] = str(variables.get("preflight_machine") or "")
    # An address tells of a host that has not answered what it is, where another host has the same.
    known = {by_address[name]: machine for name, machine in told.items() if machine}
    first: dict[str, str] = {}
    for name, address in by_address.items():
        if told[name]:
            first.setdefault(told[name], address)
    return {name: first.get(known.get(address, ""), address) for name, address in by_address.items()}


def _member(name: str, place: int, variables: Mapping[str, Any], machine: str) -> dict[str, Any]:
    member = {key: _read(variables, key, default) for key, default in MEMBER_DEFAULTS.items()}
    member["zookeeper_id"] = _read(variables, "zookeeper_id", place)
    member["zookeeper_address"] = _read(variables, "zookeeper_address", _read(variables, "ansible_host", name))
    member["name"] = name
    member["machine"] = machine
    return member


def _members(groups: Groups, hostvars: HostVars) -> list[dict[str, Any]]:
    variables = {name: hostvars[name] for name in groups.get("zookeeper", [])}
    machines = _machines({"zookeeper": variables}, variables)
    return [_member(name, place, variables[name], machines[name]) for place, name in enumerate(variables, 1)]


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def ensemble_members(groups: Groups, hostvars: HostVars) -> list[dict[str, Any]]:
    """Return the members in the order of their group, every variable of the contract resolved.

    Keys: name, machine, id, peer_type, address, bind_address, client_port, peer_port, election_port, admin_port,
    version, client (address:port for clients), admin (address:port of the AdminServer).
    """
    resolved = []
    for member in _members(groups, hostvars):
        ports = {name.removeprefix("zookeeper_"): int(member[name]) for name in PORTS}
        resolved.append(
            {
                "name": member["name"],
                "machine": member["machine"],
                "id": int(member["zookeeper_id"]),
                "peer_type": member["zookeeper_peer_type"],
                "address": member["zookeeper_address"],
                "bind_address": member["zookeeper_bind_address"],
                "version": member["zookeeper_version"],
                **ports,
                "client": _host_port(member["zookeeper_address"], ports["client_port"]),
                "admin": _host_port(member["zookeeper_address"], ports["admin_port"]),
            }
        )
    return resolved


def _nearest(value: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(value).lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _group_problems(groups: Groups, managed: bool, controller: Mapping[str, Any]) -> Iterator[str]:
    if managed and not list(groups.get("zookeeper", [])):
        yield (
            "group zookeeper [no host]: name the members there, or set zookeeper_managed: false and"
            " benchmark_parameters.hosts to measure an ensemble of somebody else's"
        )
    if not managed:
        parameters = _read(controller, "benchmark_parameters", {})
        if isinstance(parameters, Mapping) and not parameters.get("hosts"):
            yield (
                "benchmark_parameters.hosts [not set]: with zookeeper_managed: false it must be the connect string,"
                " e.g. {hosts: 'a.example.org:2181,b.example.org:2181'}"
            )
    masters = list(groups.get("locust_master", []))
    if not masters:
        yield "group locust_master [no host]: name exactly one host there; it may also be a worker"
    elif len(masters) > 1:
        yield (
            f"group locust_master [{', '.join(masters)}]: there is one master; leave one host there"
            " and move the others to locust_workers"
        )
    if not list(groups.get("locust_workers", [])):
        yield "group locust_workers [no host]: name at least one host there; it may be the master's"


def _id_problems(members: list[dict[str, Any]]) -> Iterator[str]:
    holders: dict[int, list[str]] = {}
    for member in members:
        number = _as_int(member["zookeeper_id"])
        if number is None or not 1 <= number <= 255:
            yield f"{member['name']}: zookeeper_id [{member['zookeeper_id']}] must be a whole number from 1 to 255"
        else:
            holders.setdefault(number, []).append(member["name"])
    for number, names in holders.items():
        if len(names) > 1:
            yield f"{', '.join(names)}: zookeeper_id [{number}] is used by each of them; give every member its own"


def _heap_problem(name: str, heap: Any) -> Iterator[str]:
    if not re.fullmatch(r"[1-9]\d*[kKmMgG]", str(heap)):
        yield f"{name}: zookeeper_heap [{heap}] must be a number with a unit, e.g. 512m or 4g"


def property_problems(properties: Any, name: str) -> Iterator[str]:
    """Say what is wrong with the `zookeeper_properties` of the member `name`. What may be a secret is not shown."""
    if not isinstance(properties, Mapping):
        yield (
            f"{name}: zookeeper_properties must be a dictionary, e.g. {{tickTime: 2000}}, and is {kind_of(properties)}"
        )
        return
    for key, value in properties.items():
        shown = redacted(key, value)
        if key in OWNED_PROPERTIES:
            yield f"{name}: zookeeper_properties.{key} [{shown}] belongs to the role; set {OWNED_PROPERTIES[key]}"
        elif re.fullmatch(r"(server|group|weight)\.\d+", str(key)):
            yield f"{name}: zookeeper_properties.{key} [{shown}] belongs to the role: members come from the inventory"
        elif isinstance(value, Mapping | list):
            yield f"{name}: zookeeper_properties.{key} must be a single value, and is {kind_of(value)}; quote it"
        elif not str(value).isprintable():
            yield f"{name}: zookeeper_properties.{key} must be a single line without control characters"
        else:
            yield from value_problems(name, {key: value})


def _member_problems(member: dict[str, Any]) -> Iterator[str]:
    name = member["name"]
    unreadable = {key: value for key, value in member.items() if isinstance(value, _Unreadable)}
    for key, value in unreadable.items():
        yield f"{name}: {key} cannot be evaluated: {value.reason}; correct its template in the inventory"

    def check(key: str, judge: Callable[[str, Any], Iterator[str]]) -> Iterator[str]:
        return iter(()) if key in unreadable else judge(name, member[key])

    if member["zookeeper_peer_type"] not in PEER_TYPES and "zookeeper_peer_type" not in unreadable:
        hint = _nearest(member["zookeeper_peer_type"], PEER_TYPES)
        yield f"{name}: zookeeper_peer_type [{member['zookeeper_peer_type']}] must be participant or observer{hint}"
    method = member["zookeeper_install_method"]
    if method not in INSTALL_METHODS and "zookeeper_install_method" not in unreadable:
        hint = _nearest(method, INSTALL_METHODS)
        yield f"{name}: zookeeper_install_method [{method}] must be one of {', '.join(INSTALL_METHODS)}{hint}"
    if method == "existing" and not member["zookeeper_home"]:
        yield f"{name}: zookeeper_home [not set]: zookeeper_install_method existing needs an installation's folder"
    if method == "package" and member["zookeeper_version"]:
        yield (
            f"{name}: zookeeper_version [{member['zookeeper_version']}] cannot be chosen with zookeeper_install_method"
            " package; use archive, or leave the version out"
        )
    version = str(member["zookeeper_version"])
    if "zookeeper_version" not in unreadable and version and not re.fullmatch(r"\d+(\.\d+)+[\w.-]*", version):
        yield f"{name}: zookeeper_version [{version}] must be a release such as 3.9.3"
    for key in PORTS:
        number = _as_int(member[key])
        if key not in unreadable and (number is None or not 1 <= number <= 65535):
            yield f"{name}: {key} [{member[key]}] must be a port from 1 to 65535"
    options = member["zookeeper_java_options"]
    if "zookeeper_java_options" not in unreadable and not isinstance(options, list):
        yield f"{name}: zookeeper_java_options must be a list, e.g. ['-XX:+UseZGC'], and is {kind_of(options)}"
    elif isinstance(options, list):
        for option in options:
            setting, separator, _ = str(option).partition("=")
            # A JVM's arguments are in every process list; zoo.cfg is for the member's own eyes.
            if separator and is_secret(setting):
                key = setting.removeprefix("-D").removeprefix("zookeeper.")
                yield (
                    f"{name}: zookeeper_java_options [{setting}=…] would show a secret in process lists; "
                    f"set zookeeper_properties: {{{key}: …}}"
                )
    yield from check("zookeeper_heap", _heap_problem)
    yield from check("zookeeper_properties", lambda own, properties: property_problems(properties, own))


@dataclass(frozen=True)
class _Socket:
    """Something that is to listen: on `address` (* for all) of `machine`, which others reach as `reached_as`."""

    name: str
    variable: str
    machine: str
    reached_as: str
    address: str
    port: int

    def clashes_with(self, other: _Socket) -> bool:
        """Whether the two cannot both listen."""
        overlap = "*" in (self.address, other.address) or self.address == other.address
        one_address = self.name != other.name and self.reached_as == other.reached_as
        return self.port == other.port and ((self.machine == other.machine and overlap) or one_address)


def _member_sockets(member: dict[str, Any]) -> Iterator[_Socket]:
    everywhere = member["zookeeper_bind_address"] or "*"
    for variable in PORTS:
        port = _as_int(member[variable])
        if port is not None:
            for_members = variable in ("zookeeper_peer_port", "zookeeper_election_port") and everywhere != "*"
            address = member["zookeeper_address"] if for_members else everywhere
            yield _Socket(
                member["name"], variable, member["machine"], str(member["zookeeper_address"]), str(address), port
            )


def _master_sockets(groups: Groups, hostvars: HostVars) -> Iterator[_Socket]:
    masters = list(groups.get("locust_master", []))
    for name in masters if len(masters) == 1 else []:
        port = _as_int(_read(hostvars[name], "locust_master_port", MASTER_PORT))
        if port is not None:
            yield _Socket(name, "locust_master_port", _machines(groups, hostvars)[name], name, "*", port)


def _twice(members: list[dict[str, Any]]) -> dict[str, str]:
    """Return the members that are listed again under another name, and that name: same machine, same ports."""
    first: dict[tuple[Any, ...], str] = {}
    again = {}
    for member in members:
        place = (member["machine"], member["zookeeper_bind_address"], *(member[variable] for variable in PORTS))
        if any(isinstance(part, _Unreadable) for part in place):
            continue
        if first.setdefault(place, member["name"]) != member["name"]:
            again[member["name"]] = first[place]
    return again


def _clash_problems(sockets: Iterable[_Socket]) -> Iterator[str]:
    taken: list[_Socket] = []
    for socket in sockets:
        other = next((other for other in taken if socket.clashes_with(other)), None)
        if other and other.machine != socket.machine:
            yield (
                f"{socket.name}: {socket.variable} [{socket.port}] is also {other.variable} of {other.name}, and both"
                f" are reached as [{socket.reached_as}]; give each its own port, or its own zookeeper_address"
            )
        elif other:
            yield (
                f"{socket.name}: {socket.variable} [{socket.port}] is also {other.variable} of {other.name}"
                f" on the same machine ({socket.machine}); give each its own"
            )
        taken.append(socket)


def _sharing_problems(groups: Groups, hostvars: HostVars) -> Iterator[str]:
    members = _members(groups, hostvars)
    machines = {member["name"]: member["machine"] for member in members}
    again = _twice(members)
    for name, other in again.items():
        yield (
            f"{name}: is {other} once more: the same machine ({machines[name]}) and the same ports;"
            " list a member once, or give each ports of its own"
        )
    once = [member for member in members if member["name"] not in again]
    sockets = [socket for member in once for socket in _member_sockets(member)]
    yield from _clash_problems([*sockets, *_master_sockets(groups, hostvars)])


def _load_host_problems(groups: Groups, hostvars: HostVars) -> Iterator[str]:
    for name in groups.get("locust_workers", []):
        value = _read(hostvars[name], "locust_processes", 0)
        number = _as_int(value)
        if number is None or number < 0:
            shown = value.reason if isinstance(value, _Unreadable) else value
            yield f"{name}: locust_processes [{shown}] must be a number of workers, or 0 for one on each core"
    for name in groups.get("locust_master", []):
        value = _read(hostvars[name], "locust_master_port", MASTER_PORT)
        port = _as_int(value)
        if port is None or not 1 <= port <= 65535:
            shown = value.reason if isinstance(value, _Unreadable) else value
            yield f"{name}: locust_master_port [{shown}] must be a port from 1 to 65535"


def _sampling_problems(groups: Groups, hostvars: HostVars) -> Iterator[str]:
    for name in _hosts_of_contract(groups):
        value = _read(hostvars[name], "benchmark_host_metrics_interval_s", 1)
        seconds = _as_float(value)
        if seconds is None or not (seconds == 0 or 0.1 <= seconds <= 3600):
            shown = value.reason if isinstance(value, _Unreadable) else value
            yield (
                f"{name}: benchmark_host_metrics_interval_s [{shown}] must be seconds from 0.1 to 3600, or 0 for no"
                " samples of the machines"
            )


def _managed_by_member(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> dict[str, bool]:
    default = controller.get("zookeeper_managed", True)
    return {name: _as_bool(_read(hostvars[name], "zookeeper_managed", default)) for name in groups.get("zookeeper", [])}


def ensemble_is_managed(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> bool:
    """Whether the ensemble is ours to change; `controller` says it where the group names no member."""
    by_member = _managed_by_member(groups, hostvars, controller)
    return any(by_member.values()) if by_member else _as_bool(controller.get("zookeeper_managed", True))


def inventory_problems(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with an inventory, one line each: who, variable, [value], remedy.

    `controller` holds the variables that are the controller's (`benchmark_…`, `zookeeper_managed` if no member says).
    """
    members = _members(groups, hostvars)
    managed_by_member = _managed_by_member(groups, hostvars, controller)
    managed = ensemble_is_managed(groups, hostvars, controller)
    problems = list(_group_problems(groups, managed, controller))
    if managed and not all(managed_by_member.values()):
        others = ", ".join(name for name, own in managed_by_member.items() if not own)
        problems.append(f"{others}: zookeeper_managed [false] must be the same for all members of one ensemble")
    if managed:
        problems += _id_problems(members)
        for member in members:
            problems += _member_problems(member)
        problems += _sharing_problems(groups, hostvars)
        if members and all(member["zookeeper_peer_type"] == "observer" for member in members):
            problems.append(
                "group zookeeper [observers only]: observers do not vote;"
                " set zookeeper_peer_type: participant for at least one member"
            )
    problems += _load_host_problems(groups, hostvars)
    problems += _sampling_problems(groups, hostvars)
    return problems


def machine_problems(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> list[str]:
    """Return which hosts cannot listen where they are to, now that they have told which machines they are."""
    if not ensemble_is_managed(groups, hostvars, controller):
        return []
    return list(_sharing_problems(groups, hostvars))


def inventory_warnings(groups: Groups, hostvars: HostVars) -> list[str]:
    """Return what a run may go on with, but whose reader should know: an even vote, load on the members' machines."""
    members = _members(groups, hostvars)
    voters = [member["name"] for member in members if member["zookeeper_peer_type"] == "participant"]
    warnings = []
    if voters and len(voters) % 2 == 0:
        spared = len(voters) // 2 - 1
        warnings.append(
            f"group zookeeper [{len(voters)} participants]: an even number survives the loss of no more members than"
            f" {len(voters) - 1} would ({spared}), and every write waits for one more; make it odd, or one an observer"
        )
    machines = _machines(groups, hostvars)
    on_it = {machines[member["name"]]: member["name"] for member in reversed(members)}
    for name in dict.fromkeys([*groups.get("locust_master", []), *groups.get("locust_workers", [])]):
        machine = machines[name]
        if machine in on_it:
            shared = "the controller" if machine == "the controller" else f"the machine of {on_it[machine]}"
            warnings.append(
                f"{name}: load and members share {shared}: they take each other's processor, and the figures are lower"
                " than the ensemble's own; use machines of their own where figures matter"
            )
    return warnings


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "ensemble_is_managed": ensemble_is_managed,
            "ensemble_members": ensemble_members,
            "inventory_problems": inventory_problems,
            "inventory_warnings": inventory_warnings,
            "machine_problems": machine_problems,
            "property_problems": lambda properties, name: list(property_problems(properties, name)),
        }
