"""The state of the fleet: all hosts are asked at the same time, and their answers shown as tables or as JSON."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from fleet import leases, load_hosts, members
from fleet.endpoints import endpoint
from fleet.errors import HostError
from fleet.hosts import Host, ask_all
from fleet.inventory import Inventory
from fleet.left_over import place_of, results_of
from fleet.load_hosts import LoadHost
from fleet.members import Member
from fleet.run_lines import lease_lines, run_lines
from reporting import aligned

NOTHING = "\N{EN DASH}"
MEMBERS_HEAD = ("member", "address", "role", "zxid", "clients", "queue", "ms min/avg/max", "nodes", "version")
LOAD_HOSTS_HEAD = ("host", "role", "lock", "processes", "CPU", "machine", "load", "memory GiB")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The answers of all hosts."""

    inventory: Inventory
    members: list[Member]
    load_hosts: list[LoadHost]

    @property
    def sound(self) -> bool:
        """Whether every member serves and every host has been reached."""
        return all(member.serves for member in self.members) and all(host.reached for host in self.load_hosts)


def look(inventory: Inventory) -> Fleet:
    """Ask all hosts. Raises InputError for an inventory that cannot be used, before any host is asked."""
    hosts = inventory.contract_hosts
    asked = members.targets(inventory)
    for host in inventory.load_hosts:
        load_hosts.folder_words(inventory.hosts[host])
    own = members.managed(inventory)

    def question(host: Host) -> tuple[list[Member], LoadHost | None]:
        name = host.endpoint.name
        found: list[Member] = []
        if asked.get(name):
            try:
                found = members.ask(host, asked[name])
                if own and (lease := leases.on_member(host, inventory.hosts[name])):
                    found = [replace(member, lease=lease) for member in found]
            except HostError as error:
                found = [Member(each.name, each.address, problem=f"unreachable: {error}") for each in asked[name]]
        return found, load_hosts.ask(host, inventory) if name in inventory.load_hosts else None

    answers = ask_all([endpoint(inventory.hosts[host]) for host in hosts], question)
    load = [answers[name][1] for name in inventory.load_hosts]
    return Fleet(
        inventory, [member for found, _ in answers.values() for member in found], [host for host in load if host]
    )


def as_json(fleet: Fleet) -> dict[str, Any]:
    """The same for programs: `members` and `load_hosts` as their classes describe them."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "inventory": list(fleet.inventory.sources),
        "sound": fleet.sound,
        "members": [asdict(member) for member in fleet.members],
        "load_hosts": [asdict(host) for host in fleet.load_hosts],
    }


def as_text(fleet: Fleet) -> list[str]:
    """Lines for people."""
    lines: list[str] = []
    if fleet.members:
        rows = [_member_cells(member) for member in fleet.members]
        head: tuple[str, ...] = MEMBERS_HEAD
        if not any(member.address for member in fleet.members):  # their address is their name
            head, rows = (head[0], *head[2:]), [[row[0], *row[2:]] for row in rows]
        lines += aligned(head, rows, left={"member", "address", "role", "zxid"})
    if fleet.load_hosts:
        if lines:
            lines.append("")
        rows = [_load_host_cells(host) for host in fleet.load_hosts]
        lines += aligned(LOAD_HOSTS_HEAD, rows, left={"host", "role", "lock", "processes"})
    results = results_of(fleet.inventory.controller)
    about_runs = lease_lines(fleet.load_hosts, fleet.members) + run_lines(
        fleet.load_hosts, fleet.inventory.option, lambda run_id: place_of(results, run_id)
    )
    return [*lines, "", *about_runs] if about_runs else lines


def _member_cells(member: Member) -> list[str]:
    if not member.serves:
        return [member.name, member.address, member.problem]
    latency = "/".join(f"{figure:.3g}" for figure in member.latency_ms) if member.latency_ms else NOTHING
    return [
        member.name,
        member.address,
        member.role,
        member.zxid or NOTHING,
        _count(member.connections),
        _count(member.outstanding),
        latency,
        _count(member.nodes),
        member.version or NOTHING,
    ]


def _count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _load_host_cells(host: LoadHost) -> list[str]:
    role = ", ".join(host.roles)
    if host.overview is None:
        return [host.name, role, host.problem if host.reached else f"unreachable: {host.problem}"]
    machine = host.overview.get("host") or {}
    total, available = machine.get("memory_total_bytes") or 0, machine.get("memory_available_bytes") or 0
    return [
        host.name,
        role,
        "held" if host.overview.get("lock") or host.lease else "free",
        host.processes_in_words or "none",
        f"{sum(process.get('cpu_percent') or 0 for process in host.processes):.0f} %" if host.processes else "",
        f"{machine.get('cpu_percent') or 0:.0f} % of {machine.get('cores')}",
        f"{(machine.get('load_average') or [0])[0]:.2f}",
        f"{(total - available) / 2**30:.1f}/{total / 2**30:.1f}",
    ]
