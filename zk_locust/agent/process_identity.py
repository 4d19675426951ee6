"""Knowing a process again: by its id and its start time, because ids are used again.

The start time is the kernel's own count of ticks since it booted (proc(5), `stat`, field 22). psutil's is that count
added to a boot time that moves whenever the wall clock is set.
"""

from pathlib import Path
from typing import Any

import psutil

_FIRST_AFTER_NAME = 3
_STATE, _START_TICKS = 3 - _FIRST_AFTER_NAME, 22 - _FIRST_AFTER_NAME


def identity_of(pid: int) -> dict[str, Any]:
    """Return what tells this process from all others, as plain values."""
    return {"pid": pid, "start_ticks": int(_stat_of(pid)[_START_TICKS])}


def find(identity: dict[str, Any] | None) -> psutil.Process | None:
    """Return the process, or None where it has ended."""
    if not identity:
        return None
    try:
        stat = _stat_of(identity["pid"])
        if int(stat[_START_TICKS]) != identity["start_ticks"] or stat[_STATE] in "ZX":
            return None
        return psutil.Process(identity["pid"])
    except (OSError, psutil.NoSuchProcess, LookupError, TypeError, ValueError):  # also where it is no identity
        return None


def _stat_of(pid: int) -> list[str]:
    # The name, in parentheses, may hold spaces and parentheses itself.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
