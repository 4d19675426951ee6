"""Delays packets of ZooKeeper's ports, or limits their rate; all other packets pass as before.

nftables chooses the packets. What leaves gets the class of an htb qdisc, which takes packets without a class as they
come. What arrives is forwarded to an interface of its own (ifb), which has such a qdisc and gives the packets back.
A delay is netem's; where the kernel has none, see `relay`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zk_locust.host_faults import network, relay
from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 10.0
_MAJOR = "7a6b"
"""The handle of the root qdisc, by which it is known as ours. Its class tells whose of us."""
_IFB_PREFIX = "zkf"
_TAP_PREFIX = "zkt"
_OURS = re.compile(rf"(?:{_IFB_PREFIX}|{_TAP_PREFIX})[0-9a-f]{{12}}\Z")
_BURST_BYTES = 16 * 1024
_UNLIMITED_BITS = 30e9
_MOST_PACKETS = 100_000
_QUEUE_S = 0.5
_LEAST_QUEUE_BYTES = 256 * 1024
_NETEM = (
    f"ip link add zkf type ifb && tc qdisc add dev zkf root handle {_MAJOR}: htb default 1"
    f" && tc class add dev zkf parent {_MAJOR}: classid {_MAJOR}:1 htb rate 8mbit"
    f" && tc qdisc add dev zkf parent {_MAJOR}:1 netem delay 1ms"
)
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}\Z")


def devices(fault: Mapping[str, Any]) -> list[str]:
    """Return the interfaces over which the other side is reached.

    Raises FaultError where there is none, or where one has a qdisc that the fault would have to replace.
    """
    if _made():
        raise FaultError("another delay or bandwidth is still on this host")
    found = set()
    for peer in fault["peers"]:
        for _, address in network.addresses(peer["address"]):
            words = run(["ip", "-o", "route", "get", address], _LIMIT_S).split()
            name = words[words.index("dev") + 1] if "dev" in words[:-1] else ""
            if not _DEVICE.match(name):
                raise FaultError(f"there is no route to {address}")
            if name == "lo":
                raise FaultError(f"{address} is an address of this host, so nothing passes between two hosts")
            found.add(name)
    for name in sorted(found):
        _require_default_qdisc(name)
    return sorted(found)


def _require_default_qdisc(device: str) -> None:
    """Raise FaultError where the interface has a qdisc that somebody has set: to remove ours would not restore it."""
    kind, handle = _root(device)
    if handle == f"{_MAJOR}:":
        raise FaultError(f"another delay or bandwidth is still on {device}")
    if handle != "0:":
        raise FaultError(
            f"{device} has a qdisc of its own [{kind} {handle}], which the fault would replace; remove it, or leave the"
            " fault out"
        )


def _root(device: str) -> tuple[str, str]:
    """Return kind and handle of an interface's root qdisc; 0: is one that the kernel has chosen."""
    for line in run(["tc", "qdisc", "show", "dev", device], _LIMIT_S).splitlines():
        words = line.split()
        if words[:1] == ["qdisc"] and "root" in words:
            return words[1], words[2]
    return "none", "0:"


def make_ready(note: dict[str, Any], start: Callable[[], None]) -> None:
    """Make all that the packets will pass, over the interfaces in `devices`; nothing passes it yet.

    Where the kernel has no netem, a process delays them, which `start` begins; then `note` says so (`by_process`).
    """
    note["by_process"] = note["do"] == "delay" and not _has_netem()
    if note["by_process"]:
        taps = taps_of(note)
        relay.make_ready(taps)
        start()
        relay.wait_for(taps)
        return
    if note["way"] in ("both", "out"):
        for device in note["devices"]:
            _shape(device, note, takes_all=False)
    if note["way"] in ("both", "in"):
        ifb = _ifb(note)
        run(["ip", "link", "add", ifb, "type", "ifb"], _LIMIT_S)
        _shape(ifb, note, takes_all=True)
        run(["ip", "link", "set", ifb, "up"], _LIMIT_S)


def taps_of(fault: Mapping[str, Any]) -> dict[str, str]:
    """Return the tap of each interface, where a process delays the packets."""
    stem = _TAP_PREFIX + _digits(fault, 9)
    return {device: f"{stem}{place:03d}" for place, device in enumerate(fault["devices"])}


def _has_netem() -> bool:
    """Whether the kernel has all that a delay needs of it, as preflight tries it: in a network of its own."""
    try:
        run(["unshare", "-n", "sh", "-c", _NETEM], _LIMIT_S)
    except FaultError:
        return False
    return True


def begin(fault: Mapping[str, Any]) -> None:
    """Shape the packets between the two sides. `way` is both, in or out."""
    run(["nft", "-f", "-"], _LIMIT_S, rules(fault))


def rules(fault: Mapping[str, Any]) -> str:
    """Return the text for nft(8). Raises FaultError where an address has none."""
    inward, outward = network.matches(fault)
    is_in, is_out = (fault["way"] in ("both", way) for way in ("in", "out"))
    table, by_process = network.table_of(fault), fault["by_process"]
    count = f"counter name {network.COUNTER}"
    lines = []
    if is_out and not by_process:
        lines += [f"table inet {table} {{", f"counter {network.COUNTER} {{ }}", "chain output {"]
        lines += ["type filter hook output priority -300; policy accept;"]
        lines += [*(f"{match} {count} meta priority set {_class_of(fault['owner'])}" for match in outward), "}", "}"]
    hooks = [("ingress", inward)] if is_in else []
    hooks += [("egress", outward)] if is_out and by_process else []
    if hooks:
        lines += [f"table netdev {table} {{", f"counter {network.COUNTER} {{ }}"]
        for place, device in enumerate(fault["devices"]):
            to = taps_of(fault)[device] if by_process else _ifb(fault)
            for hook, matched in hooks:
                lines += [f"chain {hook}_{place} {{"]
                lines += [f'type filter hook {hook} device "{device}" priority -300; policy accept;']
                lines += [f"meta mark {relay.MARK} accept"] if hook == "egress" else []
                lines += [*(f'{match} {count} fwd to "{to}"' for match in matched), "}"]
        lines += ["}"]
    return "\n".join([*lines, ""])


def _shape(device: str, fault: Mapping[str, Any], *, takes_all: bool) -> None:
    """Give an interface a root qdisc with one class, which takes all packets, or those that are given that class."""
    bits = fault.get("rate_bits") or _UNLIMITED_BITS
    root, own = f"{_MAJOR}:", _class_of(fault["owner"])
    default = own.partition(":")[2] if takes_all else "0"
    lines = [
        f"qdisc add dev {device} root handle {root} htb default {default} direct_qlen 1000",
        f"class add dev {device} parent {root} classid {own} htb rate {bits:.0f}bit burst {_BURST_BYTES}"
        f" quantum {_BURST_BYTES}",
    ]
    if fault.get("rate_bits"):
        queue = max(_LEAST_QUEUE_BYTES, round(bits / 8 * _QUEUE_S))
        lines += [f"qdisc add dev {device} parent {own} bfifo limit {queue}"]
    else:
        latency, jitter = (f"{round(fault[key] * 1000)}us" for key in ("latency_ms", "jitter_ms"))
        lines += [
            f"qdisc add dev {device} parent {own} handle {_MAJOR[:-1]}c: netem delay {latency} {jitter}"
            f" limit {_MOST_PACKETS}"
        ]
        if fault["jitter_ms"]:  # netem's own queue lets packets overtake each other
            lines += [f"qdisc add dev {device} parent {_MAJOR[:-1]}c:1 pfifo limit {_MOST_PACKETS}"]
    run(["tc", "-batch", "-"], _LIMIT_S, "\n".join([*lines, ""]))


def end(fault: dict[str, Any]) -> None:
    """Remove all that `make_ready` and `begin` have made, as far as it is there; note what `network.join` does."""
    network.join(fault)
    _remove_qdiscs(fault["devices"], fault["owner"])
    relay.remove(taps_of(fault))
    if _ifb(fault) in _made():
        run(["ip", "link", "delete", _ifb(fault)], _LIMIT_S)


def remove_left(owner: str) -> list[str]:
    """Where no such fault of the owner has a note any more: remove its qdiscs and interfaces; return their names."""
    try:
        lines = run(["tc", "qdisc", "show"], _LIMIT_S).splitlines()
        devices = [words[4] for words in map(str.split, lines) if words[2:4] == [f"{_MAJOR}:", "dev"]]
        made = _made()
    except FaultError:  # without tc there is none
        return []
    left = _remove_qdiscs([device for device in devices if device not in made], owner)
    own = [name for name in made if name[len(_IFB_PREFIX) :].startswith(owner)]
    for name in own:
        run(["ip", "link", "delete", name], _LIMIT_S)
    return [*left, *own]


def _remove_qdiscs(names: list[str], owner: str) -> list[str]:
    """Remove the root qdiscs of the owner from these interfaces; return which had one."""
    found = [name for name in names if _root(name)[1] == f"{_MAJOR}:" and _is_of(name, owner)]
    for device in found:
        run(["tc", "qdisc", "delete", "dev", device, "root"], _LIMIT_S)
    return found


def _is_of(device: str, owner: str) -> bool:
    """Whether the interface's class is the owner's; an incomplete one has none, and is nobody else's."""
    lines = run(["tc", "class", "show", "dev", device], _LIMIT_S).splitlines()
    classes = [words[2] for words in map(str.split, lines) if words[:2] == ["class", "htb"]]
    return not classes or _class_of(owner) in classes


def _class_of(owner: str) -> str:
    """Return the class of an owner's packets, as tc(8) writes it."""
    return f"{_MAJOR}:{int(owner[:4], 16) or 1:x}"


def _digits(fault: Mapping[str, Any], length: int) -> str:
    return f"{fault['owner']}{network.own_name(fault)}"[:length]


def _ifb(fault: Mapping[str, Any]) -> str:
    """Return the name of a fault's own interface: 15 characters at most."""
    return _IFB_PREFIX + _digits(fault, 12)


def _made() -> list[str]:
    """Return the interfaces of ours that are there."""
    return sorted(file.name for file in Path("/sys/class/net").iterdir() if _OURS.match(file.name))
