"""Which `ansible-playbook` holds the record of a run. A record that no process holds can be taken over.

`controller.json` of an open record names the process and the machine that opened it.
"""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.controllers import identity, is_here, is_running
from fleet.run_record import RUN_ID, TIME, RecordError, first_manifest, locked, read, write
from zk_locust.contract.durable_files import DamagedFileError, read_object_if_sound, sync_folder
from zk_locust.contract.run_files import CONTROLLER, MANIFEST, UNFINISHED


def is_held(folder: Path) -> bool:
    """Whether the process that opened the record still runs; one on another machine counts as running."""
    controller = read_object_if_sound(folder / CONTROLLER)
    if not controller or _is_elsewhere(controller):
        return bool(controller)
    return is_running(controller)


def _is_elsewhere(controller: Mapping[str, Any]) -> bool:
    """Whether a controller on another machine, or on this one before its boot, has opened the record."""
    return "host" in controller and not is_here(controller)


def _unfinished(results: Path) -> list[Path]:
    """Return all open records, newest first."""
    folders = [folder for folder in (results / UNFINISHED).glob("*") if folder.is_dir()]
    # One without a manifest is being made by another controller, or its controller crashed at that moment.
    return sorted((folder for folder in folders if (folder / MANIFEST).exists()), reverse=True)


def left_behind(results: Path, take: bool = False) -> list[Path]:
    """Return the records that no process holds, newest first; with `take`, then those of other machines."""
    folders = _unfinished(results)
    free = [folder for folder in folders if not is_held(folder)]
    return free + [folder for folder in folders if take and _is_elsewhere(read_object_if_sound(folder / CONTROLLER))]


def who_holds(results: Path) -> list[str]:
    """Return a line for each record that is held: by whom, since when, and what can be done."""
    return [_holder(folder) for folder in filter(is_held, _unfinished(results))]


def _holder(folder: Path) -> str:
    controller = read_object_if_sound(folder / CONTROLLER)
    since = read_object_if_sound(folder / MANIFEST).get("started", "an unknown time")
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
        controller = read_object_if_sound(folder / CONTROLLER)
        if controller.get("pid") == pid and is_here(controller) and is_running(controller):
            found.append(folder)
    return found


def chosen(results: Path, run: str, take: bool) -> tuple[Path, int]:
    """Return the record to take over, and how many more were left behind: `run`, or the newest where it is empty.

    Raises RecordError where there is none, with a line for each record that is held.
    """
    folders = left_behind(results, take)
    found = next((folder for folder in folders if run in ("", folder.name)), None)
    if found is not None:
        return found, len(folders) - 1
    names = ", ".join(folder.name for folder in folders)
    problem = f"benchmark_results_dir [{results}]: no run was left behind there, so there is nothing to collect"
    if folders:
        problem = f"run_record_run [{run}]: no such run was left behind; give one of {names}"
    raise RecordError("; ".join([problem, *who_holds(results)]))


def take_over(folder: Path, controller_pid: int, take: bool = False) -> list[str]:
    """Let a process hold the record; return lines for the user.

    Raises RecordError if another process has just taken it. A manifest that a power loss has damaged is written again;
    the figures are on the hosts or in other files.
    """
    with locked(folder):
        controller = read_object_if_sound(folder / CONTROLLER)
        if is_held(folder) and controller.get("pid") != controller_pid and not (take and _is_elsewhere(controller)):
            raise RecordError(_holder(folder))
        write(folder / CONTROLLER, controller | identity(controller_pid))
        try:
            read(folder / MANIFEST)
        except DamagedFileError as error:
            write(folder / MANIFEST, first_manifest(folder.name, "", _time_of(folder.name)))
            return [
                f"{error}; it is begun anew: what it said of scenario and phases before is lost, the figures are not"
            ]
    return []


def adopt(results: Path, name: str) -> Path:
    """Make a new record, which no process holds, for a run whose files are on hosts and whose own record is lost.

    Raises RecordError for an invalid run id and for a run that has a record.
    """
    if not RUN_ID.fullmatch(name):
        raise RecordError(f"run_record_adopt [{name[:80]!a}] is no run id; `fab status` shows those that hosts have")
    if (results / name).exists():
        raise RecordError(f"run_record_adopt [{name}]: there is a record of it in {results}; use playbooks/tidy.yml")
    folder = results / UNFINISHED / name
    if not (folder / MANIFEST).exists():
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / MANIFEST, first_manifest(name, "", _time_of(name)))
        sync_folder(folder.parent)
    return folder


def _time_of(name: str) -> datetime:
    """Return when a run was started, by its id."""
    found = RUN_ID.fullmatch(name)
    with contextlib.suppress(ValueError):
        return datetime.strptime(found[1] if found else "", TIME).replace(tzinfo=UTC)
    return datetime.now(UTC)


def give_up(folder: Path) -> None:
    """Leave the record behind, for another process to take it over."""
    with locked(folder):
        write(folder / CONTROLLER, read_object_if_sound(folder / CONTROLLER) | {"pid": 0, "start": None})
