"""Faults of the network: a table of nftables for each, which drops packets of ZooKeeper's ports and no others.

So neither SSH nor anything else of the host is cut off.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 10.0
_PREFIX = "zk_locust_fault_"


def table_of(fault_id: str) -> str:
    """Return the name of a fault's table."""
    return f"{_PREFIX}{hashlib.sha256(fault_id.encode()).hexdigest()[:16]}"


def rules(fault: Mapping[str, Any]) -> str:
    """Return the text for nft(8). Raises FaultError where an address has none.

    `peers` are the hosts of the other side: `address`, and the `ports` that they listen on; `ports` are the member's
    own. `way` is both, in or out; `percent` of the packets are dropped.
    """
    chance = "" if fault["percent"] >= 100 else f"numgen random mod 10000 < {round(fault['percent'] * 100)} "
    inward: list[str] = []
    outward: list[str] = []
    for peer in fault["peers"]:
        for version, address in _addresses(peer["address"]):
            family = "ip6" if version == 6 else "ip"
            for ends, theirs, mine in (
                (inward, f"{family} saddr {address} tcp sport", f"{family} saddr {address} tcp dport"),
                (outward, f"{family} daddr {address} tcp dport", f"{family} daddr {address} tcp sport"),
            ):
                ends += [f"{match} {{ {_listed(ports)} }} {chance}drop" for match, ports in
                         ((theirs, peer["ports"]), (mine, fault["ports"])) if ports]  # fmt: skip
    table = table_of(fault["id"])
    chains = [("input", inward)] if fault["way"] in ("both", "in") else []
    chains += [("output", outward)] if fault["way"] in ("both", "out") else []
    lines = [f"table inet {table} {{"]
    for hook, dropped in chains:
        lines += [f"chain {hook} {{", f"type filter hook {hook} priority -300; policy accept;", *dropped, "}"]
    return "\n".join([*lines, "}", ""])


def cut(fault: Mapping[str, Any]) -> None:
    """Make the table."""
    run(["nft", "-f", "-"], _LIMIT_S, rules(fault))


def join(fault: Mapping[str, Any]) -> None:
    """Remove the table, if it is there."""
    table = table_of(fault["id"])
    if f"table inet {table}" in run(["nft", "list", "tables"], _LIMIT_S).splitlines():
        run(["nft", "delete", "table", "inet", table], _LIMIT_S)


def remove_left(kept: set[str]) -> list[str]:
    """Remove tables of faults whose notes are gone; return their names. Those of the ids in `kept` stay."""
    try:
        tables = [line.split()[-1] for line in run(["nft", "list", "tables"], _LIMIT_S).splitlines() if line.strip()]
    except FaultError:  # without nftables there is none
        return []
    left = [name for name in tables if name.startswith(_PREFIX) and name not in {table_of(each) for each in kept}]
    for name in left:
        run(["nft", "delete", "table", "inet", name], _LIMIT_S)
    return left


def _listed(ports: Iterable[int]) -> str:
    return ", ".join(str(int(port)) for port in ports)


def _addresses(name: str) -> list[tuple[int, str]]:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
        parsed = [ipaddress.ip_address(str(each).partition("%")[0]) for each in sorted(found, key=str)]
    except (OSError, ValueError):
        raise FaultError(f"address [{name}] cannot be resolved") from None
    return [(each.version, str(each)) for each in parsed]
