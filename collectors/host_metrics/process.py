"""Reads what a process has done so far (proc(5)), and finds the processes that are to be watched."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from host_metrics.process_identity import PROC, Identity, stat_of

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessCounts:
    """What a process has done since it started, and what it holds now. None if only its owner may read a count."""

    cpu_s: float
    cpu_wait_s: float | None
    memory_bytes: int
    swap_bytes: int | None
    disk_read_bytes: int | None
    disk_write_bytes: int | None
    threads: int
    open_files: int | None


def read_process(identity: Identity, proc: Path = PROC) -> ProcessCounts | None:
    """Read the counts of a process; None where it has ended."""
    stat = stat_of(identity, proc)
    if stat is None:
        return None
    folder = proc / str(identity.pid)
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text(encoding="utf-8").splitlines())
        io = _io(folder)
        return ProcessCounts(
            cpu_s=(int(stat[14]) + int(stat[15])) / _TICKS_PER_S,
            cpu_wait_s=_cpu_wait_s(folder),
            memory_bytes=_kib(status, "VmRSS") or 0,
            swap_bytes=_kib(status, "VmSwap"),
            disk_read_bytes=io.get("read_bytes"),
            disk_write_bytes=io.get("write_bytes"),
            threads=int(stat[20]),
            open_files=_open_files(folder),
        )
    except (OSError, IndexError):  # it ended while it was read
        return None


def named_in_status(file: Path) -> Mapping[str, Identity]:
    """Return the processes that the `status.json` of a load host's run names; none before it is there."""
    found: dict[str, Identity] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        for name, process in json.loads(file.read_text(encoding="utf-8"))["processes"].items():
            found[name] = Identity(int(process["pid"]), int(process["start_ticks"]))
    return found


def _cpu_wait_s(folder: Path) -> float | None:
    waited_ns = []
    try:
        for thread in (folder / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
                waited_ns.append(int((thread / "schedstat").read_text(encoding="ascii").split()[1]))
    except (OSError, ValueError, IndexError):
        return None
    return sum(waited_ns) / 1e9 if waited_ns else None  # empty on a kernel without these counts


def _io(folder: Path) -> dict[str, int]:
    try:
        lines = (folder / "io").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    return {name: int(value) for name, _, value in (line.partition(":") for line in lines)}


def _open_files(folder: Path) -> int | None:
    try:
        return sum(1 for _ in os.scandir(folder / "fd"))
    except OSError:
        return None


def _kib(status: Mapping[str, str], name: str) -> int | None:
    return int(status[name].split()[0]) * 1024 if name in status else None
