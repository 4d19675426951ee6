"""The run whose end a killed controller could not note: it belongs to the experiment, and does not count."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fleet.run_record import now
from zk_locust.contract.durable_files import read_object_if_sound
from zk_locust.contract.run_files import MANIFEST
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
    label, began = note.pop("label", ""), str(note.pop("began", ""))
    known = {entry["run_id"] for entry in content["runs"]}
    for file in sorted(results.glob(f"*Z-*/{MANIFEST}")):
        run = read_object_if_sound(file)
        if run.get("label") == label and str(run.get("started")) >= began and file.parent.name not in known:
            content["runs"].append(
                {**note, "run_id": file.parent.name, "verdict": VOID, "counts": False, "reasons": [_WHY], "took_s": 0.0}
                | {"passed": None, "load_limited": False, "step": {}}
            )
            return
