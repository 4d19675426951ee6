"""The lease of a run on a host: no other run changes the host until the figures are collected.

A file in each folder that the run changes says which run holds the host, whose, since when and until when at the
latest. What loads the host beyond its lease is found by the lock that the run's supervisor holds. The module
`run_lease` uses this file on hosts: Python 3.9, standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .durable_files import open_regular, sync_folder, write_text
from .run_files import LEASE

PATIENCE_S: Final = 30.0
_LEASE_LIMIT: Final = 65536
_HOLDER_LIMIT: Final = 1000


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock the folder's lease. Raises OSError if another process holds the lock for `PATIENCE_S`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not locks(handle, PATIENCE_S):
            raise OSError(f"another process has locked {folder} for {PATIENCE_S:g} s")
        yield
    finally:
        os.close(handle)


def locks(descriptor: int, limit_s: float) -> bool:
    """Lock an open file or folder; return whether that was possible within the time limit."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)


def lease_in(text: str, now_s: float) -> dict[str, str] | None:
    """Return what people are shown of a lease: `run_id`, `owner`, `since`, `until`; None where it is over or damaged.

    `now_s` is the time by the clock of the lease's host, in seconds since 1970.
    """
    try:
        lease: Any = json.loads(text)
        if not lease["run_id"] or now_s > float(lease.get("until_s") or 0):
            return None
        return {key: str(lease.get(key) or "") for key in ("run_id", "owner", "since", "until")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def read(folder: Path) -> dict[str, Any] | None:
    """Return the folder's lease, or None where there is none that can be read."""
    try:
        with os.fdopen(open_regular(folder / LEASE, os.O_RDONLY), "rb") as file:
            content = json.loads(file.read(_LEASE_LIMIT))
        is_lease = isinstance(content, dict) and isinstance(content.get("run_id"), str)
        return content if is_lease and isinstance(content.get("until_s", 0), (int, float)) else None
    except (OSError, ValueError, RecursionError):
        return None


def damaged(folder: Path) -> str:
    """Return what to say of a lease that cannot be read; empty where there is none, or a good one."""
    if not os.path.lexists(folder / LEASE) or read(folder) is not None:
        return ""
    return f"{folder / LEASE} is empty or damaged, as after a power loss; it is taken for no lease"


def lock_holder(lock: str | Path) -> str | None:
    """Return what the supervisor that holds a lock says of its run; None where none does, even if the file says so."""
    if not lock:
        return None
    try:
        with os.fdopen(open_regular(Path(lock), os.O_RDONLY), encoding="utf-8", errors="replace") as file:
            text = file.read(_HOLDER_LIMIT).strip()
            # An empty file is not tried: a run that starts at this very moment would be refused because of us.
            if not text:
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return text
    except OSError:
        pass
    return None


def other_holder(folder: Path, lock: str, run_id: str, now: float) -> dict[str, Any] | None:
    """Return the lease of another run, if it holds the folder or still loads the host."""
    lease = read(folder)
    running = lock_holder(lock) or ""
    words = running.split()
    # The supervisor says: run <id> of <owner> since <time>
    running_id = words[1] if len(words) > 1 and words[0] == "run" else running
    if running and running_id != run_id:
        known = lease if lease is not None and lease["run_id"] == running_id else {}
        said = {"run_id": running_id, "owner": words[3] if len(words) > 3 else "", "since": words[-1], "until": ""}
        return {**said, **known, "loading": True}
    if lease is None or lease["run_id"] == run_id or now > lease.get("until_s", 0):
        return None
    return {**lease, "loading": False}


def _utc(seconds: float) -> str:
    """Return a time as ISO 8601 in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def claim(folder: Path, asked: dict[str, Any], now: float) -> dict[str, Any] | None:
    """Take or prolong the lease; return the other run's if that holds it.

    `asked` has `run_id`, `owner`, `controller`, `seconds`, `lock`, and `replaces`: whose lease it may take away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        other = other_holder(folder, asked["lock"], asked["run_id"], now)
        if other is not None and (other["loading"] or other["run_id"] != asked["replaces"]):
            return other
        own = read(folder) or {}
        since = own["since"] if own.get("run_id") == asked["run_id"] else _utc(now)
        lease = {
            "run_id": asked["run_id"],
            "owner": asked["owner"],
            "controller": asked["controller"],
            "since": since,
            "until": _utc(now + asked["seconds"]),
            "until_s": now + asked["seconds"],
        }
        write_text(folder / LEASE, json.dumps(lease, indent=1) + "\n")
    return None


def release(folder: Path, run_id: str) -> None:
    """Give up the lease if it is the run's, or whatever lease there is without a run; leave no empty folder."""
    if not folder.is_dir():
        return
    with held(folder):
        lease = read(folder)
        if lease is not None and (not run_id or lease["run_id"] == run_id):
            (folder / LEASE).unlink()
            sync_folder(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()
