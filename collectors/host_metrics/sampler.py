"""Samples a machine and processes on it, and writes `host-metrics.csv`."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from threading import Event
from typing import Any, Final

from host_metrics.columns import HOST_COLUMNS, RECORDS_LOST, WHOLE_MACHINE
from host_metrics.lasting_file import LastingFile, Tell
from host_metrics.machine import RESOURCES, MachineCounts, kernel_id, machine_id, read_machine
from host_metrics.process import ProcessCounts, named_in_status, read_process
from host_metrics.process_identity import Identity, named_in_pid_file

_ROOM_S: Final = 2.0  # wait for room on a full disk at the end; the process that ends a sampler waits 3 s


@dataclass(frozen=True)
class Watched:
    """The processes to watch: by the pid file of each, or by the `status.json` of a load host's run.

    Both are read at every sample, because a member may be restarted while it is watched.
    """

    pid_files: Mapping[str, Path] = field(default_factory=dict)
    status: Path | None = None

    def identities(self) -> dict[str, Identity]:
        """Return the processes that are named now."""
        found = dict(named_in_status(self.status)) if self.status is not None else {}
        for name, file in self.pid_files.items():
            identity = named_in_pid_file(file)
            if identity is not None:
                found[name] = identity
        return found


def sample(
    file: Path,
    host: str,
    watched: Watched,
    interval_s: float,
    wake: Event,
    for_s: float | None = None,
    tell: Tell | None = None,
) -> None:
    """Write a row for the machine and each process every `interval_s` seconds, for `for_s` seconds or until `wake`.

    A row covers the time that has passed since the previous one. Sampling also ends when the file is removed. Raises
    OSError if the file cannot be made. While it cannot be written, rows wait, and `tell` and the log get the events of
    `host_metrics.lasting_file`.
    """

    def told(event: str, subject: str, detail: str) -> None:
        _say(event, subject, detail)
        if tell is not None:
            tell(event, subject, detail)

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HOST_COLUMNS, restval="")
    writer.writeheader()
    target = LastingFile(file, told)
    try:
        target.write(_taken_from(text))
        began_s = time.perf_counter()
        fixed = {"host": host, "machine": machine_id(), "kernel": kernel_id()}
        before = _Look(watched)
        number = 0
        ends_s = math.inf if for_s is None else began_s + for_s
        while not target.removed:
            # A late sample does not shift the others: the next one is at the next full interval.
            number = max(number + 1, int((time.perf_counter() - began_s) / interval_s) + 1)
            next_s = began_s + number * interval_s
            if wake.wait(max(0.0, min(next_s, ends_s) - time.perf_counter())) or next_s > ends_s:
                return
            now = _Look(watched)
            stamp = {
                "timestamp": now.at.isoformat(timespec="microseconds"),
                "elapsed_s": f"{now.at_s - began_s:.6f}",
            }
            writer.writerows(fixed | stamp | row for row in _rows(before, now))
            target.write(_taken_from(text))
            before = now
    finally:
        lost = target.close(_ROOM_S)
        if lost:
            told(RECORDS_LOST, file.name, f"{lost} samples: until the end there was no room for them")


def _taken_from(text: io.StringIO) -> str:
    """Return what was written there, and empty it."""
    taken = text.getvalue()
    text.seek(0)
    text.truncate()
    return taken


def _say(*what: str) -> None:
    """Put a line into the sampler's log, which may be on the same full disk."""
    with contextlib.suppress(OSError):
        print(datetime.now(timezone.utc).isoformat(timespec="milliseconds"), *what, file=sys.stderr, flush=True)


class _Look:
    """One look at everything: the machine's and the processes' counts, and when it began, by both clocks."""

    def __init__(self, watched: Watched) -> None:
        self.at_s = time.perf_counter()
        self.at = datetime.now(timezone.utc)
        self.machine = read_machine()
        self.processes = {
            (name, identity): counts
            for name, identity in watched.identities().items()
            if (counts := read_process(identity)) is not None
        }


def _rows(before: _Look, now: _Look) -> list[dict[str, Any]]:
    seconds = now.at_s - before.at_s
    rows = [machine_row(before.machine, now.machine, seconds)]
    for key, counts in now.processes.items():
        if key in before.processes:
            rows.append({"process": key[0]} | process_row(before.processes[key], counts, seconds))
    return rows


def machine_row(before: MachineCounts, now: MachineCounts, seconds: float) -> dict[str, Any]:
    """Return the machine's row of `seconds` between two counts, without what labels it."""
    busiest = [
        _percent(before.disk_busy_s[name], busy_s, seconds)
        for name, busy_s in now.disk_busy_s.items()
        if name in before.disk_busy_s
    ]
    return {
        "process": WHOLE_MACHINE,
        "cores": now.cores,
        "cpu_percent": _percent(before.busy_s, now.busy_s, seconds),
        "iowait_percent": _percent(before.iowait_s, now.iowait_s, seconds),
        "steal_percent": _percent(before.steal_s, now.steal_s, seconds),
        "memory_bytes": _cell(now.memory_bytes),
        "memory_total_bytes": _cell(now.memory_total_bytes),
        "swap_bytes": _cell(now.swap_bytes),
        "disk_read_bytes_per_s": _rate(before.disk_read_bytes, now.disk_read_bytes, seconds),
        "disk_write_bytes_per_s": _rate(before.disk_write_bytes, now.disk_write_bytes, seconds),
        "disk_busy_percent": max(busiest, key=float, default=""),
        "net_receive_bytes_per_s": _rate(before.net_receive_bytes, now.net_receive_bytes, seconds),
        "net_send_bytes_per_s": _rate(before.net_send_bytes, now.net_send_bytes, seconds),
        "tcp_retransmits_per_s": _rate(before.tcp_retransmits, now.tcp_retransmits, seconds),
        **{
            f"{name}_stall_percent": _percent(before.stall_s.get(name), now.stall_s.get(name), seconds)
            for name in RESOURCES
        },
    }


def process_row(before: ProcessCounts, now: ProcessCounts, seconds: float) -> dict[str, Any]:
    """Return a process's row of `seconds` between two counts, without what labels it."""
    return {
        "cpu_percent": _percent(before.cpu_s, now.cpu_s, seconds),
        "cpu_wait_percent": _percent(before.cpu_wait_s, now.cpu_wait_s, seconds),
        "memory_bytes": now.memory_bytes,
        "swap_bytes": _cell(now.swap_bytes),
        "disk_read_bytes_per_s": _rate(before.disk_read_bytes, now.disk_read_bytes, seconds),
        "disk_write_bytes_per_s": _rate(before.disk_write_bytes, now.disk_write_bytes, seconds),
        "threads": now.threads,
        "open_files": _cell(now.open_files),
    }


def _rate(before: float | None, now: float | None, seconds: float) -> str:
    """Return the growth of a count a second; nothing if it has shrunk, because an interface or a thread is gone."""
    if before is None or now is None or now < before or seconds <= 0:
        return ""
    return f"{(now - before) / seconds:.1f}"


def _percent(before_s: float | None, now_s: float | None, seconds: float) -> str:
    return _rate(None if before_s is None else 100 * before_s, None if now_s is None else 100 * now_s, seconds)


def _cell(value: int | None) -> int | str:
    return "" if value is None else value
