"""The run whose end a killed controller could not note: it belongs to the experiment, and does not count."""

from collections.abc import Mapping
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
    label, began = note.pop("label", ""), note.pop("began", "")
    run_id = _left_run(results, content, {"label": label, "began": began})
    if run_id:
        content["runs"].append(
            {**note, "run_id": run_id, "verdict": VOID, "counts": False, "reasons": [_WHY], "took_s": 0.0}
            | {"passed": None, "load_limited": False, "step": {}}
        )


def _left_run(results: Path, content: Mapping[str, Any], note: Mapping[str, Any]) -> str:
    """Return the id of the run of a note, empty without one. Runs of other experiments are theirs."""
    files = (results / EXPERIMENTS).glob(f"*/{MANIFEST}")
    experiments = {file.parent.name: read_object_if_sound(file) for file in files}
    experiments[content["experiment_id"]] = {**content, NOTE: note}
    notes = {experiment_id: each.get(NOTE) for experiment_id, each in experiments.items()}
    known = {run_id for each in experiments.values() for run_id in _run_ids(each)}
    manifests = {file.parent.name: read_object_if_sound(file) for file in results.glob(f"*Z-*/{MANIFEST}")}
    free = [
        FreeRun(run_id, str(run.get("label")), str(run.get("started")))
        for run_id, run in manifests.items()
        if run_id not in known
    ]
    found = killed_runs(notes, free)
    return next((run_id for run_id, owner in found.items() if owner == content["experiment_id"]), "")


def _run_ids(content: Mapping[str, Any]) -> list[str]:
    runs = content.get("runs")
    return [str(run.get("run_id")) for run in runs if isinstance(run, Mapping)] if isinstance(runs, list) else []
