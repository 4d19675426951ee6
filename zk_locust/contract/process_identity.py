"""Identifies a process by its id and its start time, because ids are reused.

The start time is the kernel's own count of ticks since it booted (proc(5), `stat`, field 22). psutil's is that count
added to a boot time that moves whenever the wall clock is set.

Modules for hosts and the sampler on members use this file too: Python 3.9, standard library only.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
_FIRST_AFTER_NAME = 3


class Identity(NamedTuple):
    """The identity of a process."""

    pid: int
    start_ticks: int


class Stat:
    """The fields of a process in proc(5), `stat`, by their numbers there. Raises OSError where there is none."""

    def __init__(self, pid: int, proc: Path = PROC) -> None:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        # The name, in parentheses, may hold spaces and parentheses itself.
        self._fields = text.rpartition(")")[2].split()
        self.identity = Identity(pid, int(self[22]))
        self.has_ended = self[3] in "ZX"  # a zombie, or dead

    def __getitem__(self, number: int) -> str:
        return self._fields[number - _FIRST_AFTER_NAME]


def identity_of(pid: int, proc: Path = PROC) -> Identity:
    """Return the identity of a process. Raises OSError if there is none."""
    return Stat(pid, proc).identity


def stat_of(identity: Identity | None, proc: Path = PROC) -> Stat | None:
    """Return the fields of this process; None if it has ended or there is no identity."""
    try:
        stat = Stat(identity.pid, proc) if identity is not None else None
    except (OSError, LookupError, ValueError):  # it ended while it was read
        return None
    return stat if stat is not None and stat.identity == identity and not stat.has_ended else None


def is_running(identity: Identity | None, proc: Path = PROC) -> bool:
    """Whether this process runs."""
    return stat_of(identity, proc) is not None


def named_in_pid_file(file: Path) -> Identity | None:
    """Return the process that a pid file names by its id and its start in ticks; None where it names none."""
    try:
        pid, start_ticks = file.read_text(encoding="utf-8").split()[:2]
        return Identity(int(pid), int(start_ticks))
    except (OSError, ValueError):
        return None
