"""The members of an ensemble: their variables, checked and resolved."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from zk_locust.contract.faults.fleet import WAITS_S
from zk_locust.contract.inventory.machines import machines
from zk_locust.contract.inventory.reading import CONFIG, Groups, HostVars, Port, Whole, checked, field_problems, read
from zk_locust.contract.request_size import max_buffer_bytes
from zk_locust.contract.secrets import is_secret
from zk_locust.contract.truth import is_true
from zk_locust.contract.zoo_cfg import property_problems

_UNITS_MB: Final = {"k": 1 / 1024, "m": 1, "g": 1024}
TICK_MS: Final = 2000
SYNC_LIMIT: Final = 5
"""The `tickTime` and `syncLimit` of a member whose inventory does not say them, as the role `zookeeper` has them."""


class MemberVariables(BaseModel):
    """The variables of a member that are judged, with the defaults of the role `zookeeper`.

    A role's defaults are not visible from other hosts, so they are repeated here. A test holds both equal: an installed
    package has no folder of roles to read them from.
    """

    model_config = CONFIG

    zookeeper_id: Annotated[Whole, Field(ge=1, le=255, description="must be a whole number from 1 to 255")] = 1
    zookeeper_peer_type: Annotated[
        Literal["participant", "observer"], Field(description="must be participant or observer")
    ] = "participant"
    zookeeper_bind_address: str = ""
    zookeeper_client_port: Port = 2181
    zookeeper_peer_port: Port = 2888
    zookeeper_election_port: Port = 3888
    zookeeper_admin_port: Port = 8080
    zookeeper_install_method: Annotated[
        Literal["auto", "package", "archive", "existing"],
        Field(description="must be one of auto, package, archive, existing"),
    ] = "auto"
    zookeeper_version: Annotated[
        str, Field(pattern=r"^(\d+(\.\d+)+[\w.-]*)?\Z", description="must be a release such as 3.9.3")
    ] = ""
    zookeeper_home: str = ""
    zookeeper_heap: Annotated[
        str, Field(pattern=r"^[1-9]\d*[kKmMgG]\Z", description="must be a number with a unit, e.g. 512m or 4g")
    ] = "1g"
    zookeeper_java_options: Annotated[list[Any], Field(description="must be a list, e.g. ['-XX:+UseZGC']")] = []
    zookeeper_properties: Any = {}
    zookeeper_properties_allowed: Annotated[
        list[str], Field(description="must be a list of keys, e.g. ['my.key']")
    ] = []
    zookeeper_power_off_command: str = ""
    zookeeper_power_on_command: str = ""


PORTS: Final = tuple(name for name in MemberVariables.model_fields if name.endswith("_port"))


@dataclass(frozen=True)
class Member:
    """One member: `wrong` holds the values that are not what they must be; `variables` has defaults for them."""

    name: str
    machine: str
    address: str
    variables: MemberVariables
    wrong: Mapping[str, Any]

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are sound, by variable."""
        return {name: getattr(self.variables, name) for name in PORTS if name not in self.wrong}

    @property
    def heap_mb(self) -> float:
        """The JVM's heap, MiB."""
        heap = self.variables.zookeeper_heap
        return int(heap[:-1]) * _UNITS_MB[heap[-1].lower()]

    @property
    def max_buffer_bytes(self) -> int:
        """The largest request that the member takes."""
        properties = self.variables.zookeeper_properties
        options = self.variables.zookeeper_java_options
        return max_buffer_bytes(options, properties if isinstance(properties, Mapping) else {})

    @property
    def waits_s(self) -> float:
        """How long it waits for other members before it gives them up, seconds; the default where it is wrong."""
        given = self.variables.zookeeper_properties
        known = given if isinstance(given, Mapping) else {}
        try:
            return int(known.get("tickTime", TICK_MS)) * int(known.get("syncLimit", SYNC_LIMIT)) / 1000
        except (TypeError, ValueError, OverflowError):
            return WAITS_S


def members(groups: Groups, hostvars: HostVars) -> list[Member]:
    """Return the members in the order of their group."""
    by_name = {name: hostvars[name] for name in groups.get("zookeeper", [])}
    machine = machines({"zookeeper": by_name}, by_name)
    return [
        _member(name, place, variables, machine[name]) for place, (name, variables) in enumerate(by_name.items(), 1)
    ]


def _member(name: str, place: int, variables: Mapping[str, Any], machine: str) -> Member:
    found, wrong = checked(MemberVariables, variables)
    if "zookeeper_id" not in found.model_fields_set:
        found.zookeeper_id = place
    address = read(variables, "zookeeper_address", read(variables, "ansible_host", name))
    return Member(name, machine, str(address), found, wrong)


def ensemble_members(groups: Groups, hostvars: HostVars) -> list[dict[str, Any]]:
    """Return the members in the order of their group, every variable of the contract resolved.

    Keys: name, machine, id, peer_type, address, bind_address, client_port, peer_port, election_port, admin_port,
    version, client (address:port for clients), admin (address:port of the AdminServer), waits_s (see `Member`). Raises
    ValueError where an id or a port is wrong.
    """
    resolved = []
    for member in members(groups, hostvars):
        if wrong := {name: member.wrong[name] for name in PORTS if name in member.wrong}:
            raise ValueError("; ".join(field_problems(member.name, MemberVariables, wrong)))
        host = f"[{member.address}]" if ":" in member.address else member.address
        ports = {name.removeprefix("zookeeper_"): port for name, port in member.ports.items()}
        resolved.append(
            {
                "name": member.name,
                "machine": member.machine,
                "id": int(member.wrong.get("zookeeper_id", member.variables.zookeeper_id)),
                "peer_type": member.variables.zookeeper_peer_type,
                "address": member.address,
                "bind_address": member.variables.zookeeper_bind_address,
                "version": member.variables.zookeeper_version,
                **ports,
                "client": f"{host}:{ports['client_port']}",
                "admin": f"{host}:{ports['admin_port']}",
                "waits_s": member.waits_s,
            }
        )
    return resolved


def managed_by_member(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> dict[str, bool]:
    """Return which members are ours to change; a value that is neither true nor false counts as true."""
    default = read(controller, "zookeeper_managed", True)
    return {
        name: _is_managed(read(hostvars[name], "zookeeper_managed", default)) for name in groups.get("zookeeper", [])
    }


def ensemble_is_managed(groups: Groups, hostvars: HostVars, controller: Mapping[str, Any]) -> bool:
    """Whether the ensemble is ours to change; `controller` says it where the group names no member."""
    by_member = managed_by_member(groups, hostvars, controller)
    return any(by_member.values()) if by_member else _is_managed(read(controller, "zookeeper_managed", True))


def _is_managed(value: Any) -> bool:
    try:
        return is_true(value)
    except ValueError:
        return True  # the rule for types names it


def member_problems(member: Member) -> Iterator[str]:
    """Say what is wrong with a member's own variables."""
    name, variables = member.name, member.variables
    yield from field_problems(name, MemberVariables, member.wrong)
    if variables.zookeeper_install_method == "existing" and not variables.zookeeper_home:
        yield f"{name}: zookeeper_home [not set]: zookeeper_install_method existing needs an installation's folder"
    if variables.zookeeper_install_method == "package" and variables.zookeeper_version:
        yield (
            f"{name}: zookeeper_version [{variables.zookeeper_version}] cannot be chosen with zookeeper_install_method"
            " package; use archive, or leave the version out"
        )
    if bool(variables.zookeeper_power_off_command) != bool(variables.zookeeper_power_on_command):
        there, lacking = ("off", "on") if variables.zookeeper_power_off_command else ("on", "off")
        yield (
            f"{name}: zookeeper_power_{lacking}_command [not set]: there is a zookeeper_power_{there}_command, and a"
            " host that is switched off must be switched on again; set both"
        )
    for option in variables.zookeeper_java_options:
        setting, separator, _ = str(option).partition("=")
        # A JVM's arguments are in every process list; only the member reads zoo.cfg.
        if separator and is_secret(setting):
            key = re.sub(r"^-D(zookeeper\.)?", "", setting)
            yield (
                f"{name}: zookeeper_java_options [{setting}=…] would show a secret in process lists; "
                f"set zookeeper_properties: {{{key}: …}}"
            )
    yield from property_problems(
        name, variables.zookeeper_properties, variables.zookeeper_properties_allowed, variables.zookeeper_version
    )
