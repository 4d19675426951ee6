"""Which runs belong to experiments whose controllers were killed before they could note the end of a run."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class FreeRun(NamedTuple):
    """A run that no experiment has noted; `started` is ISO 8601 in UTC."""

    run_id: str
    label: str
    started: str


def killed_runs(notes: Mapping[str, object], runs: Iterable[FreeRun]) -> dict[str, str]:
    """Return the experiment's id by the run's id.

    `notes` has the object `running` of the manifest of each experiment by its id; what is no such object is left out.
    A label has no id of its experiment, so runs of experiments from the same file have the same. A run belongs to
    the note of its label that was written last before the run started, and a note has the first such run only.
    """
    begun = sorted(
        (str(note.get("began")), experiment_id, str(note.get("label")))
        for experiment_id, note in notes.items()
        if isinstance(note, Mapping)
    )
    found: dict[str, str] = {}
    for run in sorted(runs, key=lambda run: (run.started, run.run_id)):
        before = [experiment_id for began, experiment_id, label in begun if label == run.label and began <= run.started]
        if before and before[-1] not in found.values():
            found[run.run_id] = before[-1]
    return found
