"""The state of ZooKeeper members, from the four-letter word `srvr`, which is asked on their own hosts.

Every release answers `srvr` by default, with all that the table shows.
"""

import inspect
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.errors import HostError, InputError
from fleet.hosts import Host
from fleet.inventory import MEMBERS, HostVariables, Inventory
from fleet.leases import Lease
from zk_locust.contract import member_answers
from zk_locust.contract.connect_string import DEFAULT_CLIENT_PORT, Address, parse_connect_string
from zk_locust.contract.plain_text import plain_line

_LIMIT_S: Final = 3.0  # for connecting and the complete answer
_MOST_CHARACTERS: Final = 128 * 1024  # of the program's output for one member
_MOST_SHOWN: Final = 120

# Runs on the host, with any Python from 3.9 on. Arguments: addresses and ports, one pair for each member.
_PROGRAM: Final = f"""
import concurrent.futures, json, socket, sys, time
_MOST_BYTES = {member_answers._MOST_BYTES}
{inspect.getsource(member_answers.AnswerError)}
{inspect.getsource(member_answers.ask)}
def answer(target):
    try:
        return [ask(*target, {_LIMIT_S}), ""]
    except (OSError, UnicodeError, AnswerError) as error:
        return ["", getattr(error, "strerror", None) or str(error)]
words = sys.argv[1:]
targets = list(zip(words[::2], map(int, words[1::2])))
with concurrent.futures.ThreadPoolExecutor(max(1, len(targets))) as pool:
    print(json.dumps(list(pool.map(answer, targets))))
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A member's state. A member without a `role` does not serve; `problem` says why.

    `role` is leader, follower, observer, standalone or read-only; `latency_ms` is min, avg and max since the member's
    start, in milliseconds; `zxid` is hexadecimal. `lease` says which run holds its host.
    """

    name: str
    address: str
    role: str = ""
    problem: str = ""
    zxid: str = ""
    connections: int | None = None
    outstanding: int | None = None
    latency_ms: tuple[float, float, float] | None = None
    nodes: int | None = None
    version: str = ""
    lease: Lease | None = None

    @property
    def serves(self) -> bool:
        """Whether it answers clients."""
        return bool(self.role)


@dataclass(frozen=True, slots=True)
class Target:
    """A member to ask: by its `name`, at `host` and `port` as seen from where it is asked; `address` is shown."""

    name: str
    address: str
    host: str
    port: int


def targets(inventory: Inventory) -> dict[str, list[Target]]:
    """Which members are asked, by the host on which they are asked. Raises InputError for what cannot be used.

    Managed members are asked on their own hosts, those of an external ensemble on the Locust master's host.
    """
    if managed(inventory):
        return {name: [_own(inventory.hosts[name])] for name in inventory.group(MEMBERS)}
    master = inventory.hosts[inventory.master]
    parameters = master.get("benchmark_parameters") or {}
    hosts = parameters.get("hosts") if isinstance(parameters, Mapping) else None
    if not hosts:
        raise InputError(
            "benchmark_parameters.hosts [not set]: with zookeeper_managed: false it must be the connect string, "
            "e.g. {hosts: 'a.example.org:2181,b.example.org:2181'}"
        )
    return {inventory.master: connect_string(str(hosts))}


def managed(inventory: Inventory) -> bool:
    """Whether the project manages the members."""
    names = inventory.group(MEMBERS)
    judge = inventory.hosts[names[0]] if names else inventory.hosts[inventory.master]
    return judge.is_true("zookeeper_managed", True)


def faults_allowed(inventory: Inventory) -> bool:
    """Whether faults may be done to an external ensemble."""
    return inventory.hosts[inventory.master].is_true("benchmark_faults_allowed", False)


def _own(variables: HostVariables) -> Target:
    name = variables.host
    port = port_of(f"{name}: zookeeper_client_port", variables.get("zookeeper_client_port", DEFAULT_CLIENT_PORT))
    address = str(variables.get("zookeeper_address") or variables.get("ansible_host") or name)
    # The local address, as in the role: no firewall and no address translation is between.
    return Target(name, str(Address(address, port)), str(variables.get("zookeeper_bind_address") or "127.0.0.1"), port)


def connect_string(text: str) -> list[Target]:
    """The members that a connect string names; their address is their name. Raises InputError for a bad one."""
    try:
        members = parse_connect_string(text).members
    except ValueError as error:
        raise InputError(f"benchmark_parameters.hosts {error}") from None
    return [Target(str(member), "", *member) for member in members]


def port_of(setting: str, value: Any) -> int:
    """The port that a setting says. Raises InputError."""
    text = str(value).strip()
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise InputError(f"{setting} [{value}] must be a port from 1 to 65535")
    return int(text)


def ask(host: Host, asked: Sequence[Target]) -> list[Member]:
    """Ask the members from this host. Raises HostError where the host cannot do that."""
    words = [host.endpoint.python, "-c", _PROGRAM, *(word for each in asked for word in (each.host, str(each.port)))]
    answer = host.run(" ".join(map(shlex.quote, words)), become=False)
    answers = read_answers(answer.out, len(asked))
    if answers is None:
        raise HostError(
            f"{host.endpoint.python} does not run there ({plain_line(answer.reason, _MOST_SHOWN)}); "
            "set ansible_python_interpreter"
        )
    return [parse(target, text, error) for target, (text, error) in zip(asked, answers, strict=True)]


def read_answers(out: str, count: int) -> list[tuple[str, str]] | None:
    """The output of the program: an answer and an error for each member; None for any other output."""
    if len(out) > count * _MOST_CHARACTERS:
        return None
    try:
        answers = json.loads(out)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answers, list) or len(answers) != count:
        return None
    pairs = [tuple(pair) for pair in answers if isinstance(pair, list) and all(isinstance(text, str) for text in pair)]
    return pairs if len(pairs) == count and all(len(pair) == 2 for pair in pairs) else None


def parse(target: Target, text: str, error: str = "") -> Member:
    """A member, from its answer to `srvr` or from the error."""
    if error:
        kind = "not running" if "refused" in error else "not reached"
        return Member(target.name, target.address, problem=f"{kind}: {plain_line(error, _MOST_SHOWN)}")
    answer = member_answers.parse_srvr(text)
    return Member(
        target.name,
        target.address,
        role=answer.mode,
        problem=f"does not serve: {answer.error}" if answer.error else "",
        zxid=answer.zxid,
        connections=answer.connections,
        outstanding=answer.outstanding,
        latency_ms=answer.latency_ms,
        nodes=answer.node_count,
        version=answer.version,
    )
