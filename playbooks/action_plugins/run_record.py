"""Keep the record of a run on the controller; what that is, `fleet.run_record` says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from fleet import left_over, run_record
from fleet.host_files import take_in
from fleet.merging import merge_samples
from fleet.pack import MIB, Limits

_LIMITS = Limits()
# What each operation needs. An argument that is missing must never stand for a folder that somebody is in.
_REQUIRED = {
    "open": ["results_dir", "scenario"],
    "left_behind": ["results_dir"],
    "adopt": ["results_dir", "name"],
    "sort_out": ["results_dir", "host", "run_ids"],
    "take_late": ["results_dir", "name", "pack", "host"],
    "take_over": ["folder"],
    "phase": ["folder", "name"],
    "update": ["folder", "values"],
    "take_in": ["folder", "pack", "host"],
    "merge": ["folder"],
    "close": ["folder"],
}


def checked_folder(given: str) -> Path:
    """Return the folder of an open record. Raises AnsibleActionFail for any other."""
    folder = Path(given)
    if not folder.is_absolute() or folder.parent.name != run_record.UNFINISHED or not folder.is_dir():
        raise AnsibleActionFail(f"folder [{given}] is no open record of a run; another controller may have closed it")
    return folder


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `run_record`; runs on the controller, whatever host the task is for.

    `operation` is one of

    - `open` (results_dir, scenario, label): begin a record; returns `folder` and `run_id`
    - `left_behind` (results_dir, take): returns `folders`, the records that nobody holds, newest first, with `take`
      those of other machines too; and `held`, a line for each record that somebody holds
    - `adopt` (results_dir, name): begin the record of a run anew whose own is lost
    - `sort_out` (results_dir, host, run_ids): which of these runs' files on a host are `here`, `late`, `open` or
      `unknown`
    - `take_late` (results_dir, name, pack, host, max_file_mib, max_mib): take files into the closed record of the run
      `name`; returns `folder`, `taken` and `refused`
    - `take_over` (folder, take): make this `ansible-playbook` the one that holds the record; returns `folder`,
      `run_id`, the `manifest`, and `notes`, lines for the user
    - `phase` (folder, name, start, end): note a phase; without `end` it begins, with `end: now` it ends
    - `update` (folder, values): lay values over the manifest
    - `take_in` (folder, pack, host, figures, max_file_mib, max_mib): unpack what a host has sent; returns `missing`,
      `unknown`, `taken` and `refused`
    - `merge` (folder): put the hosts' samples together, for whoever judges the run
    - `close` (folder): give the record its final name; returns `folder`
    """

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do the operation."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={
                "operation": {"type": "str", "required": True, "choices": list(_REQUIRED)},
                "results_dir": {"type": "path"},
                "take": {"type": "bool", "default": False},
                "scenario": {"type": "str"},
                "label": {"type": "str", "default": ""},
                "playbooks": {"type": "list", "elements": "str", "default": []},
                "folder": {"type": "path"},
                "name": {"type": "str"},
                "start": {"type": "str"},
                "end": {"type": "str"},
                "values": {"type": "dict"},
                "pack": {"type": "path"},
                "host": {"type": "str"},
                "run_ids": {"type": "list", "elements": "str"},
                "figures": {"type": "list", "elements": "str", "default": []},
                "max_file_mib": {"type": "int", "default": _LIMITS.file // MIB},
                "max_mib": {"type": "int", "default": _LIMITS.all // MIB},
            },
            required_if=[("operation", operation, names) for operation, names in _REQUIRED.items()],
        )
        try:
            return {"changed": False} | self._operate(given)
        except OSError as error:
            raise AnsibleActionFail(f"the run's record cannot be kept: {error}; see benchmark_results_dir") from error

    @staticmethod
    def _operate(given: dict[str, Any]) -> dict[str, Any]:
        controller = os.getppid()  # an action runs in a worker of the ansible-playbook that counts
        results = Path(given.get("results_dir") or "/").resolve()
        limits = Limits(
            given.get("max_file_mib", _LIMITS.file // MIB) * MIB, given.get("max_mib", _LIMITS.all // MIB) * MIB
        )
        match given["operation"]:
            case "adopt":
                return {"folder": str(run_record.adopt(results, given["name"]))}
            case "sort_out":
                return dict(left_over.sort_out(results, given["host"], given["run_ids"]))
            case "take_late":
                if left_over.place_of(results, given["name"]) != left_over.CLOSED:
                    raise AnsibleActionFail(f"name [{given['name']}]: there is no closed record of it in {results}")
                return left_over.take_late(results / given["name"], Path(given["pack"]), given["host"], limits)
            case "open":
                folder = run_record.open_record(
                    results, given["scenario"], given["label"], controller, given["playbooks"]
                )
                return {"folder": str(folder), "run_id": folder.name}
            case "left_behind":
                folders = run_record.left_behind(results, given["take"])
                return {"folders": [str(each) for each in folders], "held": run_record.who_holds(results)}
        folder = checked_folder(given["folder"])
        match given["operation"]:
            case "take_over":
                notes = run_record.take_over(folder, controller, given["take"])
                manifest = run_record.read(folder / run_record.MANIFEST)
                return {"folder": str(folder), "run_id": folder.name, "manifest": manifest, "notes": notes}
            case "phase":
                end = run_record.now() if given["end"] == "now" else given["end"]
                run_record.note_phase(folder, given["name"], given["start"], end)
            case "update":
                run_record.update(folder, given["values"])
            case "take_in":
                return dict(take_in(folder, Path(given["pack"]), given["host"], given["figures"], limits))
            case "merge":
                merge_samples(folder)
            case "close":
                return {"folder": str(run_record.close_record(folder))}
        return {}
