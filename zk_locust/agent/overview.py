"""What runs on a load host and which resources it uses, for people at the controller."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from zk_locust.agent.control import status_of
from zk_locust.agent.process_identity import find
from zk_locust.contract.durable_files import read_object_if_sound, read_text
from zk_locust.contract.host_lease import lease_in, lock_holder
from zk_locust.contract.run_files import LEASE, MACHINE_LOCK, SPEC

SAMPLE_S: Final = 0.3
LOCK, RUNS = "lock", "runs"


def overview(folder: Path) -> dict[str, Any]:
    """Return the state of this load host, whose load uses `folder`. Takes `SAMPLE_S` seconds.

    Keys: `time` (UTC, ISO 8601), `folder`, `lock` (whose load is running, or None), `lease` (which run holds the
    host, also before and after its load: `run_id`, `owner`, `since`, `until`; or None), `runs` and `host`. A run has
    `run_id`, `state` (that of `control.status_of`, or `unreadable`), `owner`, `started`, `ended`, `progress` (on the
    master's host) and its running `processes`, each with `name`, `pid`, `cpu_percent` (of one core), `rss_bytes` and
    `open_files`. The host has `cores`, `load_average` (1, 5, 15 min), `cpu_percent` (of all cores),
    `memory_total_bytes` and `memory_available_bytes`.
    """
    statuses = {file: _status(file) for file in _run_folders(folder)}
    living = {
        (file, name): process
        for file, status in statuses.items()
        for name, identity in status["processes"].items()
        if (process := find(identity)) is not None
    }
    # psutil measures CPU since its previous call.
    psutil.cpu_percent(None)
    for process in living.values():
        _ask(process.cpu_percent)
    time.sleep(SAMPLE_S)
    cpu_percent = psutil.cpu_percent(None)
    processes: dict[Path, list[dict[str, Any]]] = {file: [] for file in statuses}
    for (file, name), process in living.items():
        seen = _seen(name, process)
        if seen is not None:
            processes[file].append(seen)
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "folder": str(folder),
        "lock": lock_holder(folder / LOCK) or lock_holder(MACHINE_LOCK),
        "lease": _lease(folder.parent),  # a lease covers more than the load's folder
        "runs": [_run(file, status, processes[file]) for file, status in statuses.items()],
        "host": _machine(cpu_percent),
    }


def _run_folders(folder: Path) -> list[Path]:
    runs = folder / RUNS
    return sorted(file for file in runs.iterdir() if file.is_dir()) if runs.is_dir() else []


def _status(folder: Path) -> dict[str, Any]:
    try:
        status = status_of(folder)
        is_damaged = status["state"] == "absent" and "problem" in status
        if not is_damaged and isinstance(status["processes"], dict):
            return status
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return {"state": "unreadable", "processes": {}, "progress": None}


def _run(folder: Path, status: dict[str, Any], processes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "run_id": folder.name,
        "state": status["state"],
        "owner": str(owner) if (owner := read_object_if_sound(folder / SPEC).get("owner")) else None,
        "started": status.get("started"),
        "ended": status.get("ended"),
        "progress": status["progress"] if status["state"] == "running" else None,
        "processes": processes,
    }


def _lease(folder: Path) -> dict[str, str] | None:
    try:
        return lease_in(read_text(folder / LEASE), time.time())
    except OSError:
        return None


def _seen(name: str, process: psutil.Process) -> dict[str, Any] | None:
    try:
        return {
            "name": name,
            "pid": process.pid,
            "cpu_percent": process.cpu_percent(None),
            "rss_bytes": process.memory_info().rss,
            "open_files": _ask(process.num_fds),
        }
    except psutil.NoSuchProcess:
        return None  # it ended meanwhile


def _ask(question: Any) -> Any:
    try:
        return question()
    except psutil.Error:
        return None


def _machine(cpu_percent: float) -> dict[str, Any]:
    memory = psutil.virtual_memory()
    return {
        "cores": psutil.cpu_count() or 1,
        "load_average": [round(figure, 2) for figure in os.getloadavg()],
        "cpu_percent": cpu_percent,
        "memory_total_bytes": memory.total,
        "memory_available_bytes": memory.available,
    }
