"""Keep the record of a run on the controller: the folder that becomes `results/<run_id>/`.

A record is open below `results/.unfinished/` from the run's first moment, and is renamed when it is closed. Its
`controller.json` says which `ansible-playbook` process holds it, so that a later command can tell a run that somebody
is at work on from one that was left behind.
"""

from __future__ import annotations

import contextlib
import csv
import getpass
import itertools
import json
import os
import re
import shutil
import socket
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

UNFINISHED = ".unfinished"
MANIFEST = "manifest.json"
CONTROLLER = "controller.json"
# What a load host's folder holds (zk_locust/host_run/spec.py, zk_locust/report_dir.py).
SPEC = "spec.json"
STATUS = "status.json"
SUPERVISOR_LOG = "supervisor.log"
EVENTS = "events.csv"
METRICS = "zk-metrics.csv"
HOST_METRICS = "host-metrics.csv"
SAMPLER = "sampler"
_OTHER_FILES = (
    SPEC,
    STATUS,
    SUPERVISOR_LOG,
    "status.json.new",
    "progress.json.new",
    "locustfile.py",
    "locust-summary.json",
)
SCHEMA_VERSION = 1
EVENT_COLUMNS = ("timestamp", "source", "event", "subject", "detail")


def now() -> str:
    """Return the time, UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def process_start(pid: int) -> str | None:
    """Return the start time of a process as the kernel counts it, or None where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def machine(root: Path = Path("/")) -> str:
    """Return what tells the place where a process id counts from others, until the next boot; empty if nothing does.

    Names do not: machines and containers are often called alike. A boot has one id, and a container its own processes.
    """
    try:
        boot = (root / "proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(root / 'proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def identity(pid: int) -> dict[str, Any]:
    """Return what tells this controller, the process `pid` of this machine, from others."""
    return {"pid": pid, "start": process_start(pid), "host": socket.gethostname(), "machine": machine()}


def is_here(controller: Mapping[str, Any]) -> bool:
    """Whether a controller's process id is one of this very machine; one that names no machine goes by its host."""
    if controller.get("host") != socket.gethostname():
        return False
    return not controller.get("machine") or bool(controller["machine"] == machine())


def run_id(started: datetime, scenario: str, label: str) -> str:
    """Return `20261124T031500Z-<scenario>[-<label>]`, with nothing in it that a folder's name should not have."""
    words = [started.strftime("%Y%m%dT%H%M%SZ"), scenario, label]
    cleaned = (re.sub(r"[^A-Za-z0-9._]+", "-", word).strip("-.") for word in words)
    return "-".join(word for word in cleaned if word)


def open_record(results: Path, scenario: str, label: str, controller_pid: int, playbooks: list[str]) -> Path:
    """Make the folder of a new run; return it. Its name is that of no other run, finished or not."""
    started = datetime.now(UTC)
    unfinished = results / UNFINISHED
    name = _make_folder(results, run_id(started, scenario, label))
    folder = unfinished / name
    write(folder / CONTROLLER, {
        **identity(controller_pid),
        "user": getpass.getuser(),
        "playbooks": playbooks,
    })  # fmt: skip
    write(folder / MANIFEST, {
        "schema_version": SCHEMA_VERSION,
        "run_id": name,
        "label": label,
        "state": "unfinished",
        "reason": "",
        "started": started.isoformat(timespec="microseconds"),
        "ended": None,
        "phases": [],
    })  # fmt: skip
    return folder


def _make_folder(results: Path, wanted: str) -> str:
    """Make a folder for an unfinished run, and return its name: another than `wanted` where that is taken."""
    for number in itertools.count(1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if (results / name).exists():
            continue
        try:
            (results / UNFINISHED / name).mkdir(parents=True)
        except FileExistsError:
            continue  # also when another controller has made it just now
        return name
    raise AssertionError("unreachable")


def is_held(folder: Path) -> bool:
    """Whether the process that opened the record is still at work on it; on another machine nobody can see that."""
    controller = _read_if_there(folder / CONTROLLER)
    if not controller or _is_elsewhere(folder):
        return bool(controller)
    return controller["start"] is not None and process_start(controller["pid"]) == controller["start"]


def _is_elsewhere(folder: Path) -> bool:
    """Whether a controller on another machine, or on this one before its boot, has opened the record."""
    controller = _read_if_there(folder / CONTROLLER)
    return "host" in controller and not is_here(controller)


def _read_if_there(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; return nothing where a crash has left no such file."""
    try:
        return read(file)
    except (OSError, ValueError):
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
    return nobodys + [folder for folder in folders if take and _is_elsewhere(folder)]


def who_holds(results: Path) -> list[str]:
    """Return a line for each record that is held: by whom, since when, and what can be done."""
    lines = []
    for folder in filter(is_held, _unfinished(results)):
        controller = _read_if_there(folder / CONTROLLER)
        holder = f"{controller.get('user')}@{controller.get('host')}"
        since = _read_if_there(folder / MANIFEST).get("started", "an unknown time")
        if _is_elsewhere(folder):
            rest = (
                "on another machine or before a boot: if that controller is gone, -e run_record_take=true takes the run"
                " over"
            )
        else:
            rest = f"whose ansible-playbook (process {controller['pid']}) is still at work"
        lines.append(f"run {folder.name} is held by {holder} since {since}, {rest}")
    return lines


def note_phase(folder: Path, name: str, start: str | None, end: str | None) -> None:
    """Note that a phase has begun, or the running one of that name has ended."""
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
    manifest = read(folder / MANIFEST)
    _lay_over(manifest, values)
    write(folder / MANIFEST, manifest)


def _lay_over(target: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _lay_over(target[key], value)
        else:
            target[key] = value


def take_in(folder: Path, pack: Path, host: str, figures: list[str]) -> dict[str, list[str]]:
    """Unpack a host's files into `logs/<host>/`, move those of `figures` to the top of the record, remove the pack.

    Returns `missing`, the names of files that the host should have had, `unknown`, those that nobody expects, and
    `taken`, those that were in the pack.
    """
    logs = folder / "logs" / host
    logs.mkdir(parents=True, exist_ok=True)
    with tarfile.open(pack) as files:
        taken = sorted(Path(name).name for name in files.getnames())
        _unpack(files, logs)
    found = {name: logs / name for name in figures if (logs / name).exists()}
    spec, status = (_read_if_there(logs / name) for name in (SPEC, STATUS))
    expected = _logs_of(logs, spec, status)
    if _has_begun(found, status):
        expected += [name for name in figures if name != METRICS or _records_metrics(spec)]
    if f"{SAMPLER}.log" in expected:
        expected.append(HOST_METRICS)
    missing = [name for name in expected if not (logs / name).exists()]
    known = {*figures, *expected, *_OTHER_FILES}
    # Members, which have no spec, bring what their configuration makes.
    unknown = [file.name for file in logs.iterdir() if spec and file.is_file() and file.name not in known]
    for name, file in found.items():
        file.replace(folder / name)
    pack.unlink()
    return {"missing": missing, "unknown": sorted(unknown), "taken": taken}


def _unpack(pack: tarfile.TarFile, folder: Path) -> None:
    """Unpack regular files only. Before Python 3.11.4 (Debian 12 has 3.11.2) there is no filter for other entries."""
    for member in pack:
        content = pack.extractfile(member) if member.isreg() else None
        if content is None:
            continue
        name = Path(member.name)
        if name.is_absolute() or ".." in name.parts:
            raise tarfile.TarError(f"the pack holds a file outside its folder: {member.name!r}")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        with (folder / name).open("wb") as file:
            shutil.copyfileobj(content, file)


def _logs_of(logs: Path, spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """Return the logs that the processes of a load host have; none where nothing was started."""
    if not status and not (logs / SUPERVISOR_LOG).exists():
        return []
    # Where one could not be started, those after it were not tried.
    names = status["processes"] if status.get("problem") else [process["name"] for process in spec.get("processes", [])]
    return [SUPERVISOR_LOG, STATUS, *(f"{name}.log" for name in names)] if spec else []


def _has_begun(found: Mapping[str, Path], status: Mapping[str, Any]) -> bool:
    """Whether the load has begun: before that, the master has made but the file for events, or none."""
    events = found.get(EVENTS)
    if events is not None and b",part-start," in events.read_bytes():
        return True
    master = status.get("processes", {}).get("master") or {}
    return bool(set(found) - {EVENTS}) or master.get("exit_code") == 0


def _records_metrics(spec: Mapping[str, Any]) -> bool:
    """Whether the master reads the members' metrics by itself: not at 0, nor where it leaves that to the web UI."""
    environments = [process.get("environment", {}) for process in spec.get("processes", [])]
    asked = [
        str(given["ZK_LOCUST_ZK_METRICS_COLLECT"]) for given in environments if "ZK_LOCUST_ZK_METRICS_COLLECT" in given
    ]
    return any(re.fullmatch(r"\s*(web|[0.]+\s*[a-z]*)?\s*", value) is None for value in asked)


def close_record(folder: Path) -> Path:
    """Give the record its final name, and let `latest` show it. Returns the folder."""
    manifest = read(folder / MANIFEST)
    manifest["ended"] = now()
    for phase in manifest["phases"]:
        phase["end"] = phase["end"] or manifest["ended"]
    write(folder / MANIFEST, manifest)
    _merge_events(folder, manifest["phases"])
    merged = [file.relative_to(folder) for file in merge_samples(folder)]
    (folder / CONTROLLER).unlink(missing_ok=True)
    results = folder.parent.parent
    final = results / folder.name
    folder.rename(final)
    _let_latest_show(final)
    for file in merged:
        (final / file).unlink()
    with contextlib.suppress(OSError):  # other runs are still there
        (results / UNFINISHED).rmdir()
    return final


def _let_latest_show(folder: Path) -> None:
    """Point `latest` to a finished run, unless it shows a newer one: an old run may be collected late."""
    latest = folder.parent / "latest"
    if latest.is_symlink() and latest.exists() and latest.readlink().name > folder.name:
        return
    link = folder.parent / ".latest.new"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.replace(latest)


def _merge_events(folder: Path, phases: list[dict[str, Any]]) -> None:
    """Put the phases among the events that the hosts have recorded, by time."""
    file = folder / "events.csv"
    rows = []
    if file.exists():
        with file.open(newline="", encoding="utf-8", errors="replace") as source:
            # A row that was cut short by a crash has no place in a file that is sorted.
            rows = [row for row in list(csv.reader(source))[1:] if len(row) == len(EVENT_COLUMNS)]
    for phase in phases:
        rows.append([phase["start"], "controller", "phase-start", phase["name"], ""])
        rows.append([phase["end"], "controller", "phase-end", phase["name"], ""])
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(EVENT_COLUMNS)
        writer.writerows(sorted(rows))


def merge_samples(folder: Path) -> list[Path]:
    """Put the samples of all hosts into one file, each host's after the other's; return the files that are in it.

    They stay until the record is closed, so that this can be done again. One of other columns is left out.
    """
    new = folder / f"{HOST_METRICS}.new"
    columns = b""
    merged = []
    with new.open("wb") as target:
        for file in sorted((folder / "logs").glob(f"*/*{HOST_METRICS}")):
            with file.open("rb") as source:
                header = source.readline()
                if header != (columns or header) or not header.endswith(b"\n"):
                    continue
                if not columns:
                    columns = header
                    target.write(columns)
                for line in source:
                    # A line that a crash has cut short must not take the next host's first one with it.
                    target.write(line if line.endswith(b"\n") else line + b"\n")
            merged.append(file)
    if merged:
        new.replace(folder / HOST_METRICS)
    else:
        new.unlink()
    return merged


def read(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Replace a JSON file at once."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    new.replace(file)


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `run_record`; runs on the controller, whatever host the task is for.

    `operation` is one of

    - `open` (results_dir, scenario, label): begin a record; returns `folder` and `run_id`
    - `left_behind` (results_dir, take): returns `folders`, the records that nobody holds, newest first, with `take`
      those of other machines too; and `held`, a line for each record that somebody holds
    - `take_over` (folder): make this `ansible-playbook` the one that holds the record
    - `phase` (folder, name, start, end): note a phase; without `end` it begins, with `end: now` it ends
    - `update` (folder, values): lay values over the manifest
    - `take_in` (folder, pack, host, figures): unpack what a host has sent; returns `missing`, `unknown` and `taken`
    - `merge` (folder): put the hosts' samples together, for whoever judges the run
    - `close` (folder): give the record its final name; returns `folder`
    - `drop` (folder): remove a record in which nothing has happened
    """

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do the operation."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "operation": {"type": "str", "required": True},
                "results_dir": {"type": "path"},
                "take": {"type": "bool", "default": False},
                "scenario": {"type": "str", "default": ""},
                "label": {"type": "str", "default": ""},
                "playbooks": {"type": "list", "elements": "str", "default": []},
                "folder": {"type": "path"},
                "name": {"type": "str"},
                "start": {"type": "str"},
                "end": {"type": "str"},
                "values": {"type": "dict", "default": {}},
                "pack": {"type": "path"},
                "host": {"type": "str"},
                "figures": {"type": "list", "elements": "str", "default": []},
            }
        )
        try:
            return {"changed": False} | self._operate(given)
        except (OSError, tarfile.TarError) as error:
            raise AnsibleActionFail(f"the run's record cannot be kept: {error}; see benchmark_results_dir") from error

    @staticmethod
    def _operate(given: dict[str, Any]) -> dict[str, Any]:
        controller = os.getppid()  # an action runs in a worker of the ansible-playbook that counts
        folder = Path(given["folder"] or "")
        match given["operation"]:
            case "open":
                results = Path(given["results_dir"]).resolve()
                folder = open_record(results, given["scenario"], given["label"], controller, given["playbooks"])
                return {"folder": str(folder), "run_id": folder.name}
            case "left_behind":
                results = Path(given["results_dir"]).resolve()
                folders = left_behind(results, given["take"])
                return {"folders": [str(each) for each in folders], "held": who_holds(results)}
            case "take_over":
                write(folder / CONTROLLER, _read_if_there(folder / CONTROLLER) | identity(controller))
                return {"run_id": folder.name, "manifest": read(folder / MANIFEST)}
            case "phase":
                note_phase(folder, given["name"], given["start"], now() if given["end"] == "now" else given["end"])
            case "update":
                update(folder, given["values"])
            case "take_in":
                return take_in(folder, Path(given["pack"]), given["host"], given["figures"])
            case "merge":
                merge_samples(folder)
            case "close":
                return {"folder": str(close_record(folder))}
            case "drop":
                shutil.rmtree(folder)
            case unknown:
                raise AnsibleActionFail(f"operation [{unknown}]: run_record has no such operation")
        return {}
