"""What a ZooKeeper member says of itself: the four-letter word `srvr`, asked on the member's own host.

`srvr` is answered by every release without a white list, and says all that the table shows.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.errors import HostError, InputError
from fleet.hosts import Host
from fleet.inventory import MEMBERS, HostVariables, Inventory, as_bool
from fleet.leases import Lease
from zk_locust.contract.plain_text import plain_line

CLIENT_PORT: Final = 2181
_LIMIT_S: Final = 3.0  # for connecting and the complete answer
_MOST_BYTES: Final = 16 * 1024  # no answer to `srvr` comes near that
_ROLES: Final = ("leader", "follower", "observer", "standalone", "read-only")
_MOST_SHOWN: Final = 120

# Runs on the host, with any Python from 3.9 on. Arguments: addresses and ports, one pair for each member.
_PROGRAM: Final = f"""
import concurrent.futures, json, socket, sys, time
def ask(target):
    deadline = time.monotonic() + {_LIMIT_S}
    answer = b""
    try:
        with socket.create_connection(target, timeout={_LIMIT_S}) as connection:
            connection.sendall(b"srvr")
            while len(answer) <= {_MOST_BYTES}:
                left = deadline - time.monotonic()
                if left <= 0:
                    return ["", "its answer does not end" if answer else "timed out"]
                connection.settimeout(left)
                try:
                    more = connection.recv(4096)
                except socket.timeout:
                    continue
                if not more:
                    return [answer.decode("utf-8", "replace"), ""]
                answer += more
            return ["", "its answer is too long for a member's"]
    except (OSError, UnicodeError) as error:
        return ["", getattr(error, "strerror", None) or str(error)]
words = sys.argv[1:]
targets = list(zip(words[::2], map(int, words[1::2])))
with concurrent.futures.ThreadPoolExecutor(max(1, len(targets))) as pool:
    print(json.dumps(list(pool.map(ask, targets))))
"""


@dataclass(frozen=True, slots=True)
class Member:
    """A member's state. Without a `role` it does not serve, and `problem` says why.

    `role` is leader, follower, observer, standalone or read-only; `latency_ms` is min, avg and max since the member's
    start, in milliseconds; `zxid` is hexadecimal. `lease` is which run holds its host.
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
        """Whether it takes part and answers clients."""
        return bool(self.role)


@dataclass(frozen=True, slots=True)
class Target:
    """A member to ask: by its `name`, at `host` and `port` as seen from where it is asked; `address` is for people."""

    name: str
    address: str
    host: str
    port: int


def targets(inventory: Inventory) -> dict[str, list[Target]]:
    """Which members are asked, by the host on which they are asked. Raises InputError for what cannot be used.

    Members of our own are asked on their own hosts; those of somebody else's ensemble from the Locust master's.
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
    """Whether the members are our own."""
    names = inventory.group(MEMBERS)
    judge = inventory.hosts[names[0]] if names else inventory.hosts[inventory.master]
    return as_bool(judge.get("zookeeper_managed", True))


def _own(variables: HostVariables) -> Target:
    name = variables.host
    port = _port(f"{name}: zookeeper_client_port", variables.get("zookeeper_client_port", CLIENT_PORT))
    address = str(variables.get("zookeeper_address") or variables.get("ansible_host") or name)
    # Past firewalls and address translation, like the role does.
    return Target(name, _joined(address, port), str(variables.get("zookeeper_bind_address") or "127.0.0.1"), port)


def connect_string(text: str) -> list[Target]:
    """The members that a connect string names; their address is their name. Raises InputError for a bad port."""
    found = []
    for part in text.partition("/")[0].split(","):
        host, _, port = part.strip().rpartition(":") if re.search(r":\d*$|:[^:\]]+$", part) else (part.strip(), "", "")
        number = _port("benchmark_parameters.hosts", port or CLIENT_PORT)
        host = host.strip("[]")
        found.append(Target(_joined(host, number), "", host, number))
    return found


def _port(setting: str, value: Any) -> int:
    text = str(value).strip()
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise InputError(f"{setting} [{value}] must be a port from 1 to 65535")
    return int(text)


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def ask(host: Host, asked: Sequence[Target]) -> list[Member]:
    """Ask the members from this host. Raises HostError where the host cannot do that."""
    words = [host.endpoint.python, "-c", _PROGRAM, *(word for each in asked for word in (each.host, str(each.port)))]
    answer = host.run(" ".join(map(shlex.quote, words)), become=False)
    answers = read_answers(answer.out, len(asked))
    if answers is None:
        raise HostError(
            f"{host.endpoint.python} does not run there ({_plain(answer.reason)}); set ansible_python_interpreter"
        )
    return [parse(target, text, error) for target, (text, error) in zip(asked, answers, strict=True)]


def read_answers(out: str, count: int) -> list[tuple[str, str]] | None:
    """What the program has printed: an answer and an error for each member; None where it is anything else."""
    if len(out) > 8 * count * _MOST_BYTES:  # JSON writes a byte as six characters at most
        return None
    try:
        answers = json.loads(out)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answers, list) or len(answers) != count:
        return None
    pairs = [tuple(pair) for pair in answers if isinstance(pair, list) and all(isinstance(text, str) for text in pair)]
    return pairs if len(pairs) == count and all(len(pair) == 2 for pair in pairs) else None


def _plain(text: str) -> str:
    return plain_line(text, _MOST_SHOWN)


def parse(target: Target, text: str, error: str = "") -> Member:
    """A member from its answer to `srvr`, or from why there is none."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        match name:
            case "Zookeeper version":
                found["version"] = _plain(re.split(r"[-,\s]", value)[0])
            case "Latency min/avg/max" | "Latency min/avg/max (ms)":
                numbers = value.split("/")
                right = len(numbers) == 3 and all(re.fullmatch(r"\d{1,18}(\.\d{1,18})?", number) for number in numbers)
                found["latency_ms"] = tuple(map(float, numbers)) if right else None
            case "Connections" | "Outstanding" | "Node count":
                number = int(value) if re.fullmatch(r"\d{1,18}", value, re.ASCII) else None
                found[{"Node count": "nodes"}.get(name, name.lower())] = number
            case "Zxid":
                found["zxid"] = _plain(value)
            case "Mode" if value in _ROLES:
                found["role"] = value
    problem = ""
    if not found.get("role"):
        # E.g. "This ZooKeeper instance is not currently serving requests".
        said = _plain(text) or "the connection was closed without an answer"
        problem = f"does not serve: {said}"
        if error:
            problem = f"{'not running' if 'refused' in error else 'not reached'}: {_plain(error)}"
    return Member(target.name, target.address, problem=problem, **found)
