"""Reads what a machine has done so far, as the kernel counts it (proc(5))."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_SECTOR_BYTES: Final = 512  # in /proc/diskstats, whatever the disk's own are
RESOURCES: Final = ("cpu", "io", "memory")
"""What tasks may have to wait for, as the kernel accounts for it."""
# Layers above disks, which are counted already, and removable or virtual media.
_NO_DISKS: Final = ("loop", "ram", "zram", "dm-", "md", "sr", "fd")


@dataclass(frozen=True)
class MachineCounts:
    """What a machine has done since it booted, and what it holds now. None if a count is not available.

    `busy_s`, `iowait_s` and `steal_s` are core seconds; `disk_busy_s` has the seconds at work of each disk. `stall_s`
    has the seconds in which at least one task waited, for `cpu`, `io` and `memory`, as far as the kernel counts them.
    """

    cores: int
    busy_s: float
    iowait_s: float
    steal_s: float
    memory_bytes: int | None
    memory_total_bytes: int | None
    swap_bytes: int | None
    disk_read_bytes: int | None
    disk_write_bytes: int | None
    disk_busy_s: Mapping[str, float]
    net_receive_bytes: int | None
    net_send_bytes: int | None
    tcp_retransmits: int | None
    stall_s: Mapping[str, float]


def read_machine(root: Path = Path("/")) -> MachineCounts:
    """Read the counts of the machine whose `/proc` and `/sys` are below `root`. Raises OSError without a `/proc`."""
    proc = root / "proc"
    cores, busy_s, iowait_s, steal_s = _cpu(proc / "stat")
    memory = _memory(proc / "meminfo")
    disks = list(_disks(proc / "diskstats", root / "sys/block"))
    network = list(_interfaces(proc / "net/dev", root / "sys/class/net"))
    total, available = memory.get("MemTotal"), memory.get("MemAvailable")
    swap_total, swap_free = memory.get("SwapTotal"), memory.get("SwapFree")
    return MachineCounts(
        cores=cores,
        busy_s=busy_s,
        iowait_s=iowait_s,
        steal_s=steal_s,
        memory_bytes=total - available if total is not None and available is not None else None,
        memory_total_bytes=total,
        swap_bytes=swap_total - swap_free if swap_total is not None and swap_free is not None else None,
        disk_read_bytes=sum(disk.read_bytes for disk in disks) if disks else None,
        disk_write_bytes=sum(disk.write_bytes for disk in disks) if disks else None,
        disk_busy_s={disk.name: disk.busy_s for disk in disks},
        net_receive_bytes=sum(receive for receive, _ in network) if network else None,
        net_send_bytes=sum(send for _, send in network) if network else None,
        tcp_retransmits=_retransmits(proc / "net/snmp"),
        stall_s=dict(_stalls(proc / "pressure")),
    )


def machine_id(root: Path = Path("/")) -> str:
    """Return 12 hexadecimal digits that are the same for all that share a kernel's boot and its network.

    Names do not identify a machine: inventory hosts may be one machine, and machines may have the same name.
    """
    return _digits(f"{_boot(root)} {(root / 'proc/self/ns/net').readlink()}")


def kernel_id(root: Path = Path("/")) -> str:
    """Return 12 hexadecimal digits that are the same for all that share a kernel's boot."""
    return _digits(_boot(root))


def _boot(root: Path) -> str:
    return (root / "proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _cpu(stat: Path) -> tuple[int, float, float, float]:
    """Return cores, and core seconds busy, waiting for disks, stolen."""
    cores, ticks = 0, [0] * 8
    for line in stat.read_text(encoding="utf-8").splitlines():
        name, *fields = line.split()
        if name == "cpu":
            ticks = [*map(int, fields[:8]), *[0] * (8 - len(fields))]
        elif name.startswith("cpu"):
            cores += 1
    # user (guests included), nice, system, idle, iowait, irq, softirq, steal
    user, nice, system, _idle, iowait, irq, softirq, steal = ticks
    busy = user + nice + system + irq + softirq
    return cores, busy / _TICKS_PER_S, iowait / _TICKS_PER_S, steal / _TICKS_PER_S


def _memory(meminfo: Path) -> dict[str, int]:
    lines = (line.split() for line in meminfo.read_text(encoding="utf-8").splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[2:] == ["kB"]}


@dataclass(frozen=True)
class _Disk:
    name: str
    read_bytes: int
    write_bytes: int
    busy_s: float


def _disks(diskstats: Path, block: Path) -> Iterator[_Disk]:
    try:
        whole = {entry.name for entry in block.iterdir() if not entry.name.startswith(_NO_DISKS)}
        lines = diskstats.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, name, *fields = line.split()
        if name in whole:
            yield _Disk(name, int(fields[2]) * _SECTOR_BYTES, int(fields[6]) * _SECTOR_BYTES, int(fields[9]) / 1000)


def _interfaces(dev: Path, net: Path) -> Iterator[tuple[int, int]]:
    """Return bytes received and sent of each interface except loopback and those on top of others: bonds, VLANs."""
    try:
        lines = dev.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines[2:]:
        name, _, counts = line.partition(":")
        fields = counts.split()
        name = name.strip()
        if name != "lo" and not any((net / name).glob("lower_*")):
            yield int(fields[0]), int(fields[8])


def _retransmits(snmp: Path) -> int | None:
    try:
        tcp = [line.split() for line in snmp.read_text(encoding="utf-8").splitlines() if line.startswith("Tcp:")]
    except OSError:
        return None
    names, values = tcp if len(tcp) == 2 else ([], [])
    return int(values[names.index("RetransSegs")]) if "RetransSegs" in names else None


def _stalls(pressure: Path) -> Iterator[tuple[str, float]]:
    """Return the seconds in which some task waited for each resource (Documentation/accounting/psi.rst of Linux).

    Nothing from a kernel without it: one before 4.20, or with `psi=0`, which refuses to read the files.
    """
    for resource in RESOURCES:
        try:
            some = (pressure / resource).read_text(encoding="utf-8").partition("\n")[0]
            yield resource, int(some.rpartition("total=")[2]) / 1e6
        except (OSError, ValueError):
            continue
