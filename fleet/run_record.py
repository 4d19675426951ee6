"""The record of a run on the controller: the folder that becomes `results/<run_id>/`.

A record is open below `results/.unfinished/` from the run's first moment, and is renamed when it is closed. Its
`controller.json` says which `ansible-playbook` process holds it, so that a later command can tell a run that somebody
is at work on from one that was left behind. Tasks of several hosts note into it at the same time: whoever changes it
holds its lock.
"""

import contextlib
import fcntl
import getpass
import itertools
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fleet.controllers import identity, is_here, is_running
from fleet.merging import merge_events, merge_samples
from zk_locust.contract.durable_files import (
    DamagedFileError,
    is_left_over,
    open_regular,
    read_object,
    sync_folder,
    write_text,
)

UNFINISHED: Final = ".unfinished"
MANIFEST: Final = "manifest.json"
CONTROLLER: Final = "controller.json"
LATEST: Final = "latest"
SCHEMA_VERSION: Final = 1
_LOCK: Final = ".lock"
_LOCK_LIMIT_S: Final = 60.0
_TIME: Final = "%Y%m%dT%H%M%SZ"
_RUN_ID: Final = re.compile(r"(\d{8}T\d{6}Z)-[A-Za-z0-9._-]+")


class RecordError(OSError):
    """A record cannot be used as it is."""


def now() -> str:
    """Return the time, UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def run_id(started: datetime, scenario: str, label: str) -> str:
    """Return `20261124T031500Z-<scenario>[-<label>]`, with nothing in it that a folder's name should not have."""
    words = [started.strftime(_TIME), scenario, label]
    cleaned = (re.sub(r"[^A-Za-z0-9._]+", "-", word).strip("-.") for word in words)
    return "-".join(word for word in cleaned if word)


def open_record(results: Path, scenario: str, label: str, controller_pid: int, playbooks: list[str]) -> Path:
    """Make the folder of a new run; return it. Its name is that of no other run, finished or not."""
    started = datetime.now(UTC)
    name = _make_folder(results, run_id(started, scenario, label))
    folder = results / UNFINISHED / name
    write(folder / CONTROLLER, {
        **identity(controller_pid),
        "user": getpass.getuser(),
        "playbooks": playbooks,
    })  # fmt: skip
    write(folder / MANIFEST, _first_manifest(name, label, started))
    sync_folder(folder.parent)
    return folder


def _first_manifest(name: str, label: str, started: datetime) -> dict[str, Any]:
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


def is_held(folder: Path) -> bool:
    """Whether the process that opened the record is still at work on it; on another machine nobody can see that."""
    controller = _read_if_there(folder / CONTROLLER)
    if not controller or _is_elsewhere(controller):
        return bool(controller)
    return is_running(controller)


def _is_elsewhere(controller: Mapping[str, Any]) -> bool:
    """Whether a controller on another machine, or on this one before its boot, has opened the record."""
    return "host" in controller and not is_here(controller)


def _read_if_there(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; return nothing where a crash has left no such file."""
    try:
        return read_object(file) or {}
    except OSError:
        return {}


def _unfinished(results: Path) -> list[Path]:
    """Return all records that are open, newest first."""
    folders = [folder for folder in (results / UNFINISHED).glob("*") if folder.is_dir()]
    # Without a manifest nothing was begun in it: it is another controller's in the making, or one that crashed then.
    return sorted((folder for folder in folders if (folder / MANIFEST).exists()), reverse=True)


def left_behind(results: Path, take: bool = False) -> list[Path]:
    """Return the records that nobody holds, newest first; with `take` after them those of other machines."""
    folders = _unfinished(results)
    nobodys = [folder for folder in folders if not is_held(folder)]
    return nobodys + [folder for folder in folders if take and _is_elsewhere(_read_if_there(folder / CONTROLLER))]


def who_holds(results: Path) -> list[str]:
    """Return a line for each record that is held: by whom, since when, and what can be done."""
    return [_holder(folder) for folder in filter(is_held, _unfinished(results))]


def _holder(folder: Path) -> str:
    controller = _read_if_there(folder / CONTROLLER)
    since = _read_if_there(folder / MANIFEST).get("started", "an unknown time")
    if _is_elsewhere(controller):
        rest = "on another machine or before a boot: if that controller is gone, -e run_record_take=true takes it over"
    else:
        rest = f"whose ansible-playbook (process {controller.get('pid')}) is still at work"
    holder = f"{controller.get('user')}@{controller.get('host')}"
    return f"run {folder.name} is held by {holder} since {since}, {rest}"


def held_by(pid: int, unfinished: Path) -> list[Path]:
    """Return the records below `unfinished` that the process `pid` of this machine holds."""
    found = []
    for folder in sorted(unfinished.glob("*")):
        controller = _read_if_there(folder / CONTROLLER)
        if controller.get("pid") == pid and is_here(controller) and is_running(controller):
            found.append(folder)
    return found


def take_over(folder: Path, controller_pid: int, take: bool = False) -> list[str]:
    """Make a process the one that holds the record; return what the user is to know of it, line by line.

    Raises RecordError where another process has just done the same. A manifest that a power loss has damaged is written
    anew: the figures are on the hosts, or in files of their own.
    """
    with _locked(folder):
        controller = _read_if_there(folder / CONTROLLER)
        if is_held(folder) and controller.get("pid") != controller_pid and not (take and _is_elsewhere(controller)):
            raise RecordError(_holder(folder))
        write(folder / CONTROLLER, controller | identity(controller_pid))
        try:
            read(folder / MANIFEST)
        except DamagedFileError as error:
            write(folder / MANIFEST, _first_manifest(folder.name, "", _time_of(folder.name)))
            return [
                f"{error}; it is begun anew: what it said of scenario and phases before is lost, the figures are not"
            ]
    return []


def adopt(results: Path, name: str) -> Path:
    """Begin the record of a run anew whose own is lost: its files are still on hosts. Nobody holds it then.

    Raises RecordError for what is no run id, or where a record of it is there.
    """
    if not _RUN_ID.fullmatch(name):
        raise RecordError(f"run_record_adopt [{name[:80]!a}] is no run id; `fab status` shows those that hosts have")
    if (results / name).exists():
        raise RecordError(f"run_record_adopt [{name}]: there is a record of it in {results}; use playbooks/tidy.yml")
    folder = results / UNFINISHED / name
    if not (folder / MANIFEST).exists():
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / MANIFEST, _first_manifest(name, "", _time_of(name)))
        sync_folder(folder.parent)
    return folder


def _time_of(name: str) -> datetime:
    """Return when a run was started, by its id."""
    found = _RUN_ID.fullmatch(name)
    with contextlib.suppress(ValueError):
        return datetime.strptime(found[1] if found else "", _TIME).replace(tzinfo=UTC)
    return datetime.now(UTC)


def give_up(folder: Path) -> None:
    """Leave the record behind, for another process to take it over."""
    with _locked(folder):
        write(folder / CONTROLLER, _read_if_there(folder / CONTROLLER) | {"pid": 0, "start": None})


def note_phase(folder: Path, name: str, start: str | None, end: str | None) -> None:
    """Note that a phase has begun, or the running one of that name has ended."""
    with _locked(folder):
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
    with _locked(folder):
        manifest = read(folder / MANIFEST)
        _lay_over(manifest, values)
        write(folder / MANIFEST, manifest)


def _lay_over(target: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _lay_over(target[key], value)
        else:
            target[key] = value


def close_record(folder: Path) -> Path:
    """Give the record its final name, and let `latest` show it. Returns the folder."""
    results = folder.parent.parent
    final = results / folder.name
    with _locked(folder):
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
        folder.rename(final)
        sync_folder(results)
    _let_latest_show_the_newest(results)
    for file in (Path(CONTROLLER), Path(_LOCK), *merged):
        (final / file).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other runs are still there
        (results / UNFINISHED).rmdir()
    return final


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
    return max((run.name for run in results.glob("*Z-*") if _is_finished(run)), default="")


def _is_finished(folder: Path) -> bool:
    return _RUN_ID.fullmatch(folder.name) is not None and (folder / MANIFEST).is_file()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep everybody else from changing the record meanwhile. Raises RecordError where one does so for too long."""
    lock = open_regular(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        deadline = time.monotonic() + _LOCK_LIMIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RecordError(
                        f"{folder / _LOCK} has been held by another process for {_LOCK_LIMIT_S:g} s; "
                        "find it with `fuser`, let it end, and repeat the command"
                    ) from None
                time.sleep(0.01)
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
