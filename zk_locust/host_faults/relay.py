"""Delays packets by a process of this host, where the kernel has no netem: as exact, but it takes CPU for each packet.

nftables forwards the packets to a tap interface for each interface of the host. The process reads them there, keeps
them for their time, and sends what leaves out of the interface itself; what arrives comes back over the tap.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 10.0
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
MARK = 0x7A6B
"""The mark of what the process sends: the rules must let it pass."""
_MOST_FRAME = 65_550
_AT_ONCE = 64
_GRACE_S = 30.0
_LOOKS_S = 1.0
_NET = Path("/sys/class/net")
_DUMMY = "192.0.0.8/32"  # RFC 7600; without any address, a loose rp_filter would drop what comes over the tap


class _Path(NamedTuple):
    """An interface of the host and its tap: what is read from `tap` is sent by `out` or written back."""

    tap: int
    tap_name: str
    out: socket.socket
    own: bytes


def make_ready(taps: Mapping[str, str]) -> None:
    """Make the tap of each interface (interface to tap). Raises FaultError where that cannot be done."""
    strict = Path("/proc/sys/net/ipv4/conf/all/rp_filter")
    if strict.exists() and strict.read_text(encoding="ascii").strip() == "1":
        raise FaultError("without netem, a delay needs another net.ipv4.conf.all.rp_filter than 1 (strict)")
    for device, tap in taps.items():
        mtu = (_NET / device / "mtu").read_text(encoding="ascii").strip()
        run(["ip", "tuntap", "add", "dev", tap, "mode", "tap"], _LIMIT_S)
        run(["ip", "link", "set", "dev", tap, "addrgenmode", "none"], _LIMIT_S)
        own = Path("/proc/sys/net/ipv4/conf") / tap / "rp_filter"
        own.write_text("0", encoding="ascii")
        run(["ip", "address", "add", _DUMMY, "dev", tap], _LIMIT_S)
        run(["ip", "link", "set", "dev", tap, "mtu", mtu, "arp", "off", "up"], _LIMIT_S)


def wait_for(taps: Mapping[str, str]) -> None:
    """Return when the process has opened all taps. Raises FaultError where it does not come."""
    deadline = time.monotonic() + _LIMIT_S
    for tap in taps.values():
        carrier = _NET / tap / "carrier"
        while carrier.read_text(encoding="ascii").strip() != "1":
            if time.monotonic() > deadline:
                raise FaultError("the process that delays packets did not start")
            time.sleep(0.01)


def remove(taps: Mapping[str, str]) -> None:
    """Remove the taps that are there; the process ends with them."""
    for tap in taps.values():
        if (_NET / tap).exists():
            run(["ip", "link", "delete", "dev", tap], _LIMIT_S)


def serve(taps: Mapping[str, str], fault: Mapping[str, Any]) -> None:
    """Delay what comes over the taps until they are gone, or some time after the fault was to be healed."""
    until = time.monotonic() + float(fault["for_s"]) + _GRACE_S
    paths = {path.tap: path for path in (_open(device, tap) for device, tap in taps.items())}
    latency_s, jitter_s = fault["latency_ms"] / 1000, fault["jitter_ms"] / 1000
    queue: list[tuple[float, int, _Path, bool, bytes]] = []
    newest = {(tap, leaves): 0.0 for tap in paths for leaves in (False, True)}  # packets stay in their order
    count, addresses, look_at = 0, dict.fromkeys(paths, b""), 0.0
    while (now := time.monotonic()) < until:
        if now >= look_at:  # udev may have given a tap another address
            addresses = {tap: _address(path.tap_name) for tap, path in paths.items()}
            look_at = now + _LOOKS_S
        wait_s = min(queue[0][0] - now, _LOOKS_S) if queue else _LOOKS_S
        for tap in select.select(list(paths), [], [], max(0.0, wait_s))[0]:
            for frame in _frames(tap):
                leaves = frame[6:12] == paths[tap].own
                due = time.monotonic() + latency_s + random.uniform(-jitter_s, jitter_s)
                newest[tap, leaves] = due = max(due, newest[tap, leaves])
                heapq.heappush(queue, (due, count, paths[tap], leaves, frame))
                count += 1
        now = time.monotonic()
        while queue and queue[0][0] <= now:
            _, _, path, leaves, frame = heapq.heappop(queue)
            try:
                if leaves:
                    path.out.send(frame)
                else:
                    os.write(path.tap, addresses[path.tap] + frame[6:])
            except OSError:  # a full queue loses a packet, as everywhere; that a tap is gone is seen in reading
                continue


def _open(device: str, tap: str) -> _Path:
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", tap.encode(), _IFF_TAP | _IFF_NO_PI))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    out.bind((device, 0))
    out.setblocking(False)
    return _Path(handle, tap, out, _address(device))


def _address(device: str) -> bytes:
    return bytes.fromhex((_NET / device / "address").read_text(encoding="ascii").strip().replace(":", ""))


def _frames(tap: int) -> list[bytes]:
    """Return what can be read now. Raises OSError when the tap is gone."""
    found: list[bytes] = []
    while len(found) < _AT_ONCE:
        try:
            found.append(os.read(tap, _MOST_FRAME))
        except BlockingIOError:
            break
    return found
