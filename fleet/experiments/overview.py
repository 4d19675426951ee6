"""The experiments of a controller: the files there are, and those that were run or are running."""

from pathlib import Path
from typing import Any, Final

from fleet.errors import InputError
from fleet.experiments import manifest
from fleet.experiments.arms import number_of_runs
from fleet.experiments.manifest import INTERRUPTED, RUNNING
from fleet.experiments.runner import left_s, runs_left
from fleet.experiments.specification_reading import read_file
from reporting import aligned
from zk_locust.contract.durable_files import read_object_if_sound
from zk_locust.contract.durations import format_duration
from zk_locust.contract.experiment import CAPACITY
from zk_locust.contract.inventory.names import role_variables
from zk_locust.contract.plain_text import plain_line
from zk_locust.contract.run_files import EXPERIMENT_DATA

_FILES: Final = ("experiment", "kind", "runs", "description")
_HEAD: Final = ("id", "kind", "state", "runs", "left", "answer")


def lines(files: Path, results: Path) -> list[str]:
    """Return the tables of the files of a folder, and of the experiments of a results folder."""
    known = role_variables(files.parents[1] / "roles")
    rows = [_file_row(file, known) for file in sorted(files.glob("*.yml"))]
    found = [_row(folder) for folder in manifest.folders(results)]
    shown = aligned(_FILES, rows, left={*_FILES[:2], _FILES[3]}) if rows else []
    if not found:
        return [*shown, "", f"No experiments in {results} yet."]
    return [*shown, "", *aligned(_HEAD, found, left={*_HEAD[:3], _HEAD[5]})]


def state_of(folder: Path, content: dict[str, Any]) -> str:
    """Return an experiment's state: one that nobody runs any more was interrupted, even if it could not say so."""
    state = str(content["state"])
    return INTERRUPTED if state == RUNNING and not manifest.is_held(folder) else state


def _file_row(file: Path, known: dict[str, str]) -> list[str]:
    spec, problems = read_file(file, known)
    if spec is None:
        return [file.stem, "", "", plain_line(problems[0])]
    at_most = "≤ " if spec.kind == CAPACITY else ""
    return [file.stem, spec.kind, f"{at_most}{number_of_runs(spec)}", plain_line(spec.description)]


def _row(folder: Path) -> list[str]:
    try:
        content = manifest.load(folder)
    except InputError as error:
        return [folder.name, "", "", "", "", plain_line(error)]
    left = runs_left(content) if content["state"] != "finished" else 0
    done = sum(run["counts"] for run in content["runs"])
    answer = read_object_if_sound(folder / EXPERIMENT_DATA).get("answer") if left == 0 else content["reason"]
    return [
        folder.name,
        str(content["kind"]),
        state_of(folder, content),
        f"{done} of {done + left}",
        format_duration(left_s(content)) if left else "",
        plain_line(answer or ""),
    ]
