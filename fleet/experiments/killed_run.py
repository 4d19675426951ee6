"""The run whose end a killed controller could not note: it belongs to the experiment, and does not count."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fleet.run_record import now
from zk_locust.contract.durable_files import read_object_if_sound
from zk_locust.contract.killed_runs import FreeRun, killed_runs
from zk_locust.contract.run_files import EXPERIMENTS, MANIFEST
from zk_locust.contract.verdicts import VOID

NOTE: Final = "running"
"""Where an experiment's manifest has the run that was begun last, until its end is noted."""
_WHY: Final = "the controller was killed before it noted the end of this run"


def note_of(entry: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return what a manifest keeps of a run that begins now: what is known of its entry, its label, and the time."""
    return {**entry, "label": label, "began": now()}


def take_over(results: Path, content: dict[str, Any]) -> None:
    """Give an experiment the run of its note, if that has left a folder; the note is removed."""
    note = content.pop(NOTE, None)
    if not isinstance(note, dict):
        return
    label, began = str(note.pop("label", "")), str(note.pop("began", ""))
    if run := _left_run(results, content, label, began):
        content["runs"].append(
            {**note, "run_id": run["run_id"], "verdict": VOID, "counts": False, "reasons": [_WHY]}
            | {"took_s": _took_s(began, run.get("ended"), content), "passed": None, "load_limited": False, "step": {}}
        )


def _left_run(results: Path, content: Mapping[str, Any], label: str, began: str) -> dict[str, Any]:
    """Return the manifest of the run of a note, empty without one. Runs of other experiments are theirs."""
    files = (results / EXPERIMENTS).glob(f"*/{MANIFEST}")
    experiments = {file.parent.name: read_object_if_sound(file) for file in files}
    experiments[content["experiment_id"]] = {**content, NOTE: {"label": label, "began": began}}
    notes = {experiment_id: each.get(NOTE) for experiment_id, each in experiments.items()}
    known = {run_id for each in experiments.values() for run_id in _run_ids(each)}
    runs = {file.parent.name: read_object_if_sound(file) for file in results.glob(f"*Z-*/{MANIFEST}")}
    free = [
        FreeRun(run_id, str(run.get("label")), str(run.get("started")))
        for run_id, run in runs.items()
        if run_id not in known
    ]
    owners = killed_runs(notes, free)
    own = (run_id for run_id, owner in owners.items() if owner == content["experiment_id"])
    return next((runs[run_id] | {"run_id": run_id} for run_id in own), {})


def _took_s(began: str, ended: object, content: Mapping[str, Any]) -> float:
    """Return how long a run took, seconds; 0 where that is not known.

    A run whose load was collected much later has ended then: none counts as longer than the longest run so far, or than
    a run was expected to take.
    """
    try:
        took_s = (datetime.fromisoformat(str(ended)) - datetime.fromisoformat(began)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    longest_s = max(float(content.get("run_s", 0.0)), *(float(entry["took_s"]) for entry in content["runs"]), 0.0)
    return round(max(0.0, min(took_s, longest_s)), 3)


def _run_ids(content: Mapping[str, Any]) -> list[str]:
    runs = content.get("runs")
    return [str(run.get("run_id")) for run in runs if isinstance(run, Mapping)] if isinstance(runs, list) else []
