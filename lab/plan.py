"""From options to a plan: which hosts a lab has, which Debian each runs, and at which address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from lab.commands import LabError

Role = Literal["member", "observer", "master", "worker"]

# Reserved for benchmarks (RFC 2544): no real network has such an address.
RANGE = IPv4Network("198.18.0.0/15")
NETWORKS = 2 ** (24 - RANGE.prefixlen)

RELEASES = {"12": "bookworm", "13": "trixie"}
"""Debian's releases that a host may run, and their code names."""

_MEMBER_OFFSET, _LOAD_OFFSET = 10, 100
MAX_MEMBERS, MAX_WORKERS = _LOAD_OFFSET - _MEMBER_OFFSET - 1, 254 - _LOAD_OFFSET - 1


@dataclass(frozen=True, slots=True)
class LabOptions:
    """The size of a lab and its Debian releases. `on` gives the release of single hosts: `{"load3": "13"}`.

    Without `release`, the last worker host runs Debian 13 and all others 12, so that the fleet has two Pythons.
    """

    name: str = "lab"
    members: int = 3
    observers: int = 0
    workers: int = 2
    release: str | None = None
    on: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostPlan:
    """The plan of a host. `number` counts the members, or the load hosts, from 1."""

    name: str
    number: int
    role: Role
    release: str

    @property
    def offset(self) -> int:
        """Return the last byte of the host's address."""
        return (_MEMBER_OFFSET if self.role in ("member", "observer") else _LOAD_OFFSET) + self.number

    def address(self, network: int) -> str:
        """Return the host's address in the lab's network."""
        return str(subnet(network)[self.offset])


def subnet(network: int) -> IPv4Network:
    """Return the /24 with this number, from 0, of the range."""
    return IPv4Network((IPv4Address(int(RANGE.network_address) + 256 * network), 24))


def bridge_name(network: int) -> str:
    """Return the name of the network's bridge. It is short, because the kernel allows only 15 bytes."""
    return f"zkl{network}"


def host_plan(name: str, release: str, *, observer: bool = False) -> HostPlan:
    """Return the plan of a host from its name, which gives its role. Raises LabError for any other name."""
    match = re.fullmatch(r"(zk|load)([1-9][0-9]*)", name)
    if not match:
        raise LabError(f"no host can be named [{name}]: zk1, zk2, … are members, load1 is the master, load2, … workers")
    kind, number = match[1], int(match[2])
    role: Role = ("observer" if observer else "member") if kind == "zk" else ("master" if number == 1 else "worker")
    if release not in RELEASES:
        raise LabError(f"{name} cannot run Debian [{release}]: choose one of {', '.join(RELEASES)}")
    if number > (MAX_MEMBERS if kind == "zk" else MAX_WORKERS + 1):
        raise LabError(
            f"no host can be named [{name}]: the network has room for {MAX_MEMBERS} members and "
            f"{MAX_WORKERS} worker hosts"
        )
    return HostPlan(name, number, role, release)


def plan_hosts(options: LabOptions) -> list[HostPlan]:
    """Return the hosts of a lab: members, observers, load hosts. Raises LabError that names every problem."""
    problems: list[str] = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", options.name):
        problems.append(f"name [{options.name}] must be lower-case letters, digits and dashes, 31 at most")
    if options.members < 1 or options.observers < 0 or options.members + options.observers > MAX_MEMBERS:
        problems.append(
            f"members [{options.members}] must be at least 1, observers [{options.observers}] at least 0, "
            f"both together {MAX_MEMBERS} at most"
        )
    if not 1 <= options.workers <= MAX_WORKERS:
        problems.append(f"workers [{options.workers}] must be from 1 to {MAX_WORKERS}")
    if options.release is not None and options.release not in RELEASES:
        problems.append(f"release [{options.release}] must be one of {', '.join(RELEASES)}")
    names = [f"zk{n}" for n in range(1, options.members + options.observers + 1)]
    names += [f"load{n}" for n in range(1, options.workers + 2)]
    for name, release in options.on.items():
        if name not in names:
            problems.append(f"there is no host [{name}] to run Debian {release}: there are {names[0]} to {names[-1]}")
        if release not in RELEASES:
            problems.append(f"release [{release}] of {name} must be one of {', '.join(RELEASES)}")
    if problems:
        raise LabError("this lab cannot be made:\n" + "\n".join(f"  - {problem}" for problem in problems))
    default = dict.fromkeys(names, options.release or "12")
    if options.release is None:
        default[names[-1]] = "13"
    releases = {**default, **options.on}
    observers = set(names[options.members : options.members + options.observers])
    return [host_plan(name, releases[name], observer=name in observers) for name in names]
