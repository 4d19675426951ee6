"""Members and a master that cannot listen where they are to, because another one does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from zk_locust.contract.inventory.load_hosts import LoadVariables
from zk_locust.contract.inventory.machines import machines
from zk_locust.contract.inventory.members import PORTS, Member, members
from zk_locust.contract.inventory.reading import Groups, HostVars, Unreadable, checked


@dataclass(frozen=True)
class _Socket:
    """Something that is to listen: on `address` (* for all) of `machine`, which others reach as `reached_as`."""

    name: str
    variable: str
    machine: str
    reached_as: str
    address: str
    port: int

    def clashes_with(self, other: "_Socket") -> bool:
        """Whether the two cannot both listen."""
        overlap = "*" in (self.address, other.address) or self.address == other.address
        one_address = self.name != other.name and self.reached_as == other.reached_as
        return self.port == other.port and ((self.machine == other.machine and overlap) or one_address)


def sharing_problems(groups: Groups, hostvars: HostVars) -> Iterator[str]:
    """Say which hosts cannot listen where they are to."""
    listed = members(groups, hostvars)
    again = _twice(listed)
    for member in listed:
        if other := again.get(member.name):
            yield (
                f"{member.name}: is {other} once more: the same machine ({member.machine}) and the same ports;"
                " list a member once, or give each ports of its own"
            )
    sockets = [socket for member in listed if member.name not in again for socket in _member_sockets(member)]
    yield from _clash_problems([*sockets, *_master_sockets(groups, hostvars)])


def _member_sockets(member: Member) -> Iterator[_Socket]:
    everywhere = member.variables.zookeeper_bind_address or "*"
    for variable, port in member.ports.items():
        for_members = variable in ("zookeeper_peer_port", "zookeeper_election_port") and everywhere != "*"
        address = member.address if for_members else everywhere
        yield _Socket(member.name, variable, member.machine, member.address, address, port)


def _master_sockets(groups: Groups, hostvars: HostVars) -> Iterator[_Socket]:
    masters = list(groups.get("locust_master", []))
    for name in masters if len(masters) == 1 else []:
        variables, wrong = checked(LoadVariables, hostvars[name])
        if "locust_master_port" not in wrong:
            machine = machines(groups, hostvars)[name]
            yield _Socket(name, "locust_master_port", machine, name, "*", variables.locust_master_port)


def _twice(listed: list[Member]) -> dict[str, str]:
    """Return the members that are listed again under another name, and that name: same machine, same ports."""
    first: dict[tuple[Any, ...], str] = {}
    again = {}
    for member in listed:
        if not any(isinstance(value, Unreadable) for value in member.wrong.values()):
            ports = tuple(member.wrong.get(port, member.ports.get(port)) for port in PORTS)
            place = (member.machine, member.variables.zookeeper_bind_address, str(ports))
            if first.setdefault(place, member.name) != member.name:
                again[member.name] = first[place]
    return again


def _clash_problems(sockets: Iterable[_Socket]) -> Iterator[str]:
    taken: list[_Socket] = []
    for socket in sockets:
        other = next((other for other in taken if socket.clashes_with(other)), None)
        if other:
            also = f"{socket.name}: {socket.variable} [{socket.port}] is also {other.variable} of {other.name}"
            if other.machine != socket.machine:
                yield (
                    f"{also}, and both are reached as [{socket.reached_as}]; give each its own port, or its own"
                    " zookeeper_address"
                )
            else:
                yield f"{also} on the same machine ({socket.machine}); give each its own"
        taken.append(socket)
