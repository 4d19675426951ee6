"""Faults of the network: a table of nftables for each, which drops packets of ZooKeeper's ports and no others.

So neither SSH nor anything else of the host is cut off.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 10.0
PREFIX = "zk_locust_fault_"
OWNER_DIGITS = 6
COUNTER = "met"
"""The counter in each table, of the packets that its rules have met."""
_PACKETS = re.compile(r"\bpackets (\d{1,18}) ", re.ASCII)


def owner_of(folder: Path) -> str:
    """Return what the names of all tables and interfaces have in them that the program in this folder makes.

    A host may have members of several ensembles: what a member finds left over is only what is its own.
    """
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:OWNER_DIGITS]


def own_name(fault: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that are a fault's alone."""
    return hashlib.sha256(str(fault["id"]).encode()).hexdigest()[:16]


def table_of(fault: Mapping[str, Any]) -> str:
    """Return the name of a fault's table."""
    return f"{PREFIX}{fault['owner']}_{own_name(fault)}"


def matches(fault: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return what matches the packets that come from the other side, and those that go there, in words of nft(8).

    `peers` are the hosts of the other side: `address`, and the `ports` that they listen on; `ports` are the member's
    own. Raises FaultError where an address has none.
    """
    inward: list[str] = []
    outward: list[str] = []
    for peer in fault["peers"]:
        for version, address in addresses(peer["address"]):
            family = "ip6" if version == 6 else "ip"
            for ends, theirs, mine in (
                (inward, f"{family} saddr {address} tcp sport", f"{family} saddr {address} tcp dport"),
                (outward, f"{family} daddr {address} tcp dport", f"{family} daddr {address} tcp sport"),
            ):
                ends += [f"{match} {{ {_listed(ports)} }}" for match, ports in
                         ((theirs, peer["ports"]), (mine, fault["ports"])) if ports]  # fmt: skip
    return inward, outward


def rules(fault: Mapping[str, Any]) -> str:
    """Return the text for nft(8). Raises FaultError where an address has none.

    `way` is both, in or out; `percent` of the packets that `matches` says are dropped, and all of them are counted.
    """
    chance = "" if fault["percent"] >= 100 else f"numgen random mod 10000 < {round(fault['percent'] * 100)} "
    inward, outward = matches(fault)
    chains = [("input", inward)] if fault["way"] in ("both", "in") else []
    chains += [("output", outward)] if fault["way"] in ("both", "out") else []
    lines = [f"table inet {table_of(fault)} {{", f"counter {COUNTER} {{ }}"]
    for hook, matched in chains:
        lines += [f"chain {hook} {{", f"type filter hook {hook} priority -300; policy accept;"]
        lines += [*(f"{match} counter name {COUNTER} {chance}drop" for match in matched), "}"]
    return "\n".join([*lines, "}", ""])


def cut(fault: Mapping[str, Any]) -> None:
    """Make the table."""
    run(["nft", "-f", "-"], _LIMIT_S, rules(fault))


def join(fault: dict[str, Any]) -> None:
    """Remove the table, if it is there; note how many packets its rules have met (`met`), and when it was over.

    `over` is that moment by the wall clock and by the monotonic one: to remove what else a fault has made takes longer.
    """
    fault["met"] = remove_tables(table_of(fault))
    fault["over"] = (time.time(), time.monotonic())


def remove_tables(name: str) -> int | None:
    """Remove the tables of this name, if there are any; return how many packets they have met, None without one."""
    met: int | None = None
    for family, table in _tables():
        if table == name:
            told = run(["nft", "list", "counters", "table", family, table], _LIMIT_S)
            met = (met or 0) + sum(int(number) for number in _PACKETS.findall(told))
            run(["nft", "delete", "table", family, table], _LIMIT_S)
    return met


def remove_left(owner: str, kept: Iterable[str]) -> list[str]:
    """Remove the owner's tables of faults whose notes are gone; return their names. Those of the ids in `kept` stay."""
    try:
        tables = _tables()
    except FaultError:  # without nftables there is none
        return []
    stay = {table_of({"owner": owner, "id": each}) for each in kept}
    left = sorted({name for _, name in tables if name.startswith(f"{PREFIX}{owner}_") and name not in stay})
    for name in left:
        remove_tables(name)
    return left


def _tables() -> list[tuple[str, str]]:
    """Return family and name of all tables."""
    lines = [line.split() for line in run(["nft", "list", "tables"], _LIMIT_S).splitlines()]
    return [(words[1], words[2]) for words in lines if len(words) == 3]


def _listed(ports: Iterable[int]) -> str:
    return ", ".join(str(int(port)) for port in ports)


def addresses(name: str) -> list[tuple[int, str]]:
    """Return version and text of each address of a host. Raises FaultError where it has none."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
        parsed = [ipaddress.ip_address(str(each).partition("%")[0]) for each in sorted(found, key=str)]
    except (OSError, ValueError):
        raise FaultError(f"address [{name}] cannot be resolved") from None
    return [(each.version, str(each)) for each in parsed]
