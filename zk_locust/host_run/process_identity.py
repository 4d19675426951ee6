"""Knowing a process again: by its id and its start time, because ids are used again."""

from typing import Any

import psutil

_SAME_START_S = 0.05


def identity_of(pid: int) -> dict[str, Any]:
    """Return what tells this process from all others, as plain values."""
    return {"pid": pid, "created": psutil.Process(pid).create_time()}


def find(identity: dict[str, Any] | None) -> psutil.Process | None:
    """Return the process, or None where it has ended."""
    if not identity:
        return None
    try:
        process = psutil.Process(identity["pid"])
        if abs(process.create_time() - identity["created"]) > _SAME_START_S:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None
