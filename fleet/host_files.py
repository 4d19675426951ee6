"""Takes a host's files of a run into the record, and finds missing and unexpected ones."""

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fleet.pack import Limits, PackError, shown, unpack
from zk_locust.contract.durable_files import read_object_if_sound, sync_folder
from zk_locust.contract.history_format import is_history
from zk_locust.contract.plain_text import first_of
from zk_locust.contract.run_files import (
    EVENTS,
    HISTORY,
    HOST_METRICS,
    LOCUSTFILE,
    METRICS,
    PROGRESS,
    SPEC,
    STATUS,
    SUMMARY,
    SUPERVISOR_LOG,
    sessions_of,
)

SAMPLER = "sampler"
# More than a pack may have files; each is looked for.
_MOST_PROCESSES = 10_000
_OTHER_FILES = (
    SPEC,
    STATUS,
    SUPERVISOR_LOG,
    f"{STATUS}.new",
    f"{PROGRESS}.new",
    LOCUSTFILE,
    SUMMARY,
)


def take_in(folder: Path, pack: Path, host: str, figures: list[str], limits: Limits) -> dict[str, list[str]]:
    """Unpack a host's files into `logs/<host>/`, and remove the pack.

    Those of `figures` are moved to the top of the record, histories to `history/<host>/`.
    Returns the names of files that are `missing`, `unknown` (not expected) or `taken` from the pack, and in `refused` a
    line for each file that was not taken. Long lists are cut, with the number of the others. Raises PackError for an
    unusable pack and for a figure that is too large; the host must keep its files then.
    """
    try:
        return _take_in(folder, pack, host, figures, limits)
    finally:
        pack.unlink(missing_ok=True)


def _take_in(folder: Path, pack: Path, host: str, figures: list[str], limits: Limits) -> dict[str, list[str]]:
    if not host or "/" in host or host.startswith("."):
        raise PackError(f"host [{shown(host)}] cannot name a folder of the record; name it otherwise in the inventory")
    logs = folder / "logs" / host
    logs.mkdir(parents=True, exist_ok=True)
    unpacked = unpack(pack, logs, limits)
    too_large = [line for line in unpacked.refused if any(line.startswith(f"[{name}] ") for name in figures)]
    if any(name in figures for name in unpacked.too_large):
        raise PackError("; ".join(too_large))
    found = {name: logs / name for name in figures if (logs / name).exists()}
    spec, status = (read_object_if_sound(logs / name) for name in (SPEC, STATUS))
    expected = _logs_of(logs, spec, status)
    if _has_begun(found, status):
        expected += [name for name in figures if name != METRICS or _records_metrics(spec)]
    expected += _moments_of(spec) if expected else []
    if f"{SAMPLER}.log" in expected:
        expected.append(HOST_METRICS)
    missing = [name for name in expected if not (logs / name).exists()]
    histories = [name for name in unpacked.taken if is_history(name)]
    known = {*figures, *expected, *_OTHER_FILES, *histories}
    # Members, which have no spec, bring what their configuration makes.
    unknown = [file.name for file in logs.iterdir() if spec and file.is_file() and file.name not in known]
    for name, file in found.items():
        file.replace(folder / name)
    keep_histories(histories, logs, folder / HISTORY / host)
    sync_folder(folder)
    return {
        "missing": first_of(missing),
        "unknown": first_of(sorted(unknown)),
        "taken": sorted(unpacked.taken),
        "refused": first_of(unpacked.refused, more="{:,} more entries were refused"),
    }


def keep_histories(names: Iterable[str], logs: Path, folder: Path) -> None:
    """Move a host's histories into their folder, which is made for them; none is replaced."""
    moved = [name for name in names if not (folder / name).exists()]
    if not moved:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in moved:
        (logs / name).replace(folder / name)
    sync_folder(folder)
    sync_folder(folder.parent)


def _processes(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the well-formed processes of a spec."""
    found = content.get("processes")
    processes = found[:_MOST_PROCESSES] if isinstance(found, list) else []
    return [each for each in processes if isinstance(each, dict) and isinstance(each.get("name"), str)]


def _states(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the processes of a status by name."""
    found = status.get("processes")
    return dict(itertools.islice(found.items(), _MOST_PROCESSES)) if isinstance(found, dict) else {}


def _logs_of(logs: Path, spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """Return the logs that the processes of a load host have; none where nothing was started."""
    if not status and not (logs / SUPERVISOR_LOG).exists():
        return []
    # After one that could not be started, no other was tried.
    names = list(_states(status)) if status.get("problem") else [process["name"] for process in _processes(spec)]
    return [SUPERVISOR_LOG, STATUS, *(f"{shown(name)}.log" for name in names)] if spec else []


def _has_begun(found: Mapping[str, Path], status: Mapping[str, Any]) -> bool:
    """Whether the load has begun. Before that, the master has written at most the file of events."""
    events = found.get(EVENTS)
    if events is not None:
        with events.open("rb") as lines:
            # In pieces: a line may be longer than the memory.
            before = b""
            while piece := lines.read(2**20):
                if b",stage-start," in before + piece:
                    return True
                before = piece[-16:]
    master = _states(status).get("master")
    return bool(set(found) - {EVENTS}) or (isinstance(master, dict) and master.get("exit_code") == 0)


def _moments_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the files of moments and of sessions that workers have begun."""
    environments = [process.get("environment") for process in _processes(spec)]
    asked = [given.get("LOCUST_EXTRA_STATS_MOMENTS") for given in environments if isinstance(given, dict)]
    return [shown(file) for name in asked if isinstance(name, str) for file in (name, sessions_of(name))]


def _records_metrics(spec: Mapping[str, Any]) -> bool:
    """Whether the master records the members' metrics: not with interval 0, nor if only the web UI reads them."""
    environments = [process.get("environment") for process in _processes(spec)]
    asked = [
        str(given["ZK_LOCUST_ZK_METRICS_COLLECT"])
        for given in environments
        if isinstance(given, dict) and "ZK_LOCUST_ZK_METRICS_COLLECT" in given
    ]
    return any(re.fullmatch(r"\s*(web|[0.]+\s*[a-z]*)?\s*", value) is None for value in asked)
