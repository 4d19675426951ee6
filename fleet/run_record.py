"""The record of a run on the controller: the folder that becomes `results/<run_id>/`.

A record is open below `results/.unfinished/` from the run's first moment, and is renamed when it is closed. Tasks of
several hosts write to it at the same time, so each change holds its lock. `record_holders` says which controller works
on it.
"""

import contextlib
import getpass
import itertools
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fleet.controllers import identity
from fleet.merging import merge_events, merge_samples
from zk_locust.contract.durable_files import is_left_over, open_regular, read_object, sync_folder, write_text
from zk_locust.contract.host_lease import locks
from zk_locust.contract.run_files import CONTROLLER, LATEST, MANIFEST, SCHEMA_VERSION, UNFINISHED

_LOCK: Final = ".lock"
_LOCK_LIMIT_S: Final = 60.0
TIME: Final = "%Y%m%dT%H%M%SZ"
RUN_ID: Final = re.compile(r"(\d{8}T\d{6}Z)-[A-Za-z0-9._-]+")


class RecordError(OSError):
    """A record cannot be used as it is."""


def now() -> str:
    """Return the time, UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def run_id(started: datetime, scenario: str, label: str) -> str:
    """Return `20261124T031500Z-<scenario>[-<label>]`, with nothing in it that a folder's name should not have."""
    words = [started.strftime(TIME), scenario, label]
    cleaned = (re.sub(r"[^A-Za-z0-9._]+", "-", word).strip("-.") for word in words)
    return "-".join(word for word in cleaned if word)


def open_record(results: Path, scenario: str, label: str, controller_pid: int) -> Path:
    """Make the folder of a new run; return it. Its name is that of no other run, finished or not."""
    started = datetime.now(UTC)
    name = _make_folder(results, run_id(started, scenario, label))
    folder = results / UNFINISHED / name
    write(folder / CONTROLLER, identity(controller_pid) | {"user": getpass.getuser()})
    write(folder / MANIFEST, first_manifest(name, label, started))
    sync_folder(folder.parent)
    return folder


def first_manifest(name: str, label: str, started: datetime) -> dict[str, Any]:
    """Return the manifest of a run of which only this is known."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": name,
        "label": label,
        "state": "unfinished",
        "reason": "",
        "started": started.isoformat(timespec="microseconds"),
        "ended": None,
        "phases": [],
    }


def _make_folder(results: Path, wanted: str) -> str:
    """Make a folder for an unfinished run, and return its name: another than `wanted` where that is taken."""
    for number in itertools.count(1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if (results / name).exists():
            continue
        try:
            # Another controller that closes its record removes `.unfinished` where that is empty.
            for _ in range(100):
                with contextlib.suppress(FileNotFoundError):
                    (results / UNFINISHED / name).mkdir(parents=True)
                    return name
        except FileExistsError:
            continue  # also when another controller has made it just now
        raise RecordError(f"the folder {results / UNFINISHED} cannot be made: it is removed again and again")
    raise AssertionError("unreachable")


def note_phase(folder: Path, name: str, start: str | None, end: str | None) -> None:
    """Note that a phase has begun, or the running one of that name has ended."""
    with locked(folder):
        manifest = read(folder / MANIFEST)
        phases = manifest["phases"]
        if end is None or start is not None:
            phases.append({"name": name, "start": start or now(), "end": end})
        else:
            for phase in phases:
                if phase["name"] == name and phase["end"] is None:
                    phase["end"] = end
        write(folder / MANIFEST, manifest)


def update(folder: Path, values: Mapping[str, Any]) -> None:
    """Lay `values` over the manifest, dictionaries within dictionaries."""
    with locked(folder):
        manifest = read(folder / MANIFEST)
        _lay_over(manifest, values)
        write(folder / MANIFEST, manifest)


def _lay_over(target: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _lay_over(target[key], value)
        else:
            target[key] = value


def close_record(folder: Path, judge: Callable[[], Mapping[str, Any]] | None = None) -> Path:
    """Complete the record, give it its final name, and let `latest` show it. Returns the folder.

    `judge` is called when all files are as they stay; what it returns becomes the run's verdict.
    """
    merged = _complete(folder)
    if judge is not None:
        update(folder, {"verdict": judge()})
    results = folder.parent.parent
    final = results / folder.name
    with locked(folder):
        folder.rename(final)
        sync_folder(results)
    _let_latest_show_the_newest(results)
    for file in (Path(CONTROLLER), Path(_LOCK), *merged):
        (final / file).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other runs are still there
        (results / UNFINISHED).rmdir()
    return final


def _complete(folder: Path) -> list[Path]:
    """Put samples, events and phases together; return the files, relative to the folder, that are in others now."""
    with locked(folder):
        manifest = read(folder / MANIFEST)
        manifest["ended"] = now()
        for phase in manifest["phases"]:
            phase["end"] = phase["end"] or manifest["ended"]
        merge_events(folder, manifest["phases"])
        merged = [file.relative_to(folder) for file in merge_samples(folder)]
        # Controllers that were killed while they wrote have left them; a host's file cannot have such a name.
        for file in [file for file in folder.rglob("*") if is_left_over(file.name) and not file.is_dir()]:
            file.unlink(missing_ok=True)
        write(folder / MANIFEST, manifest)
    return merged


def _let_latest_show_the_newest(results: Path) -> None:
    """Point `latest` to the newest finished run, which may be another: an old run may be collected late.

    Two controllers may do this at once. Each looks again after it has written, so the last to write has seen both runs.
    """
    while newest := _newest(results):
        link = results / f".{LATEST}.{secrets.token_hex(4)}.new"
        link.symlink_to(newest)
        link.replace(results / LATEST)
        if newest == _newest(results):
            return


def _newest(results: Path) -> str:
    """Return the id of the newest finished run; empty where there is none."""
    finished = (run.name for run in results.glob("*Z-*") if RUN_ID.fullmatch(run.name) and (run / MANIFEST).is_file())
    return max(finished, default="")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the record's lock. Raises RecordError if another process holds it for too long."""
    lock = open_regular(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        if not locks(lock, _LOCK_LIMIT_S):
            raise RecordError(
                f"{folder / _LOCK} has been held by another process for {_LOCK_LIMIT_S:g} s; "
                "find it with `fuser`, let it end, and repeat the command"
            )
        yield
    finally:
        os.close(lock)


def read(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object. Raises OSError, DamagedFileError where a crash has left something else."""
    content = read_object(file)
    if content is None:
        raise FileNotFoundError(f"{file} does not exist")
    return content


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Replace a JSON file at once, and have it on the disk."""
    write_text(file, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")
