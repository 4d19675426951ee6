"""The experiments of a controller: the files there are, and those that were run or are running."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fleet.errors import FleetError, InputError
from fleet.experiments import manifest
from fleet.experiments.arms import arms_of, merged_variables, number_of_runs, with_inventory
from fleet.experiments.duration import Inventories, plans_of, probes, run_s
from fleet.experiments.left import left_s, runs_left
from fleet.experiments.manifest import INTERRUPTED, RUNNING
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.specification import Specification
from fleet.experiments.specification_reading import read_file
from reporting import aligned
from zk_locust.contract.durable_files import read_object_if_sound
from zk_locust.contract.durations import format_duration
from zk_locust.contract.experiment import CAPACITY
from zk_locust.contract.inventory.names import role_variables
from zk_locust.contract.plain_text import plain_line
from zk_locust.contract.run_files import EXPERIMENT_DATA

_FILES: Final = ("experiment", "kind", "runs", "time", "description")
_HEAD: Final = ("id", "kind", "state", "runs", "left", "answer")


def lines(playbooks: Playbooks, results: Path) -> list[str]:
    """Return the tables of the experiments' files, and of the experiments of a results folder."""
    known = role_variables(playbooks.folder.parent / "roles")
    read = [(file.stem, *read_file(file, known)) for file in sorted((playbooks.folder / "experiments").glob("*.yml"))]
    times = _times(playbooks, [spec for _, spec, _ in read if spec is not None])
    rows = [_file_row(name, spec, problems, times) for name, spec, problems in read]
    found = [_row(folder) for folder in manifest.folders(results)]
    shown = aligned(_FILES, rows, left={*_FILES[:2], _FILES[4]}) if rows else []
    unknown = [
        f"The time of {name} is not known: {plain_line(time)}"
        for name, time in times.items()
        if isinstance(time, FleetError)
    ]
    shown += ["", *unknown] if unknown else []
    if not found:
        return [*shown, "", f"No experiments in {results} yet."]
    return [*shown, "", *aligned(_HEAD, found, left={*_HEAD[:3], _HEAD[5]})]


def state_of(folder: Path, content: dict[str, Any]) -> str:
    """Return an experiment's state: one that nobody runs any more was interrupted, even if it could not say so."""
    state = str(content["state"])
    return INTERRUPTED if state == RUNNING and not manifest.is_held(folder) else state


def _times(playbooks: Playbooks, specs: Sequence[Specification]) -> dict[str, float | FleetError]:
    """Return about how long all runs of each experiment take with this inventory, seconds, or why it is not known."""
    inventories = Inventories(playbooks)
    times: dict[str, float | FleetError] = {}
    for spec in specs:
        try:
            arms, problems = with_inventory(arms_of(spec), inventories.of, merged_variables(spec))
            if problems:
                raise InputError(problems[0])
            times[spec.name] = number_of_runs(spec) * run_s(plans_of(playbooks, inventories, probes(spec, arms)))
        except FleetError as error:
            times[spec.name] = error
    return times


def _file_row(
    name: str, spec: Specification | None, problems: Sequence[str], times: Mapping[str, float | FleetError]
) -> list[str]:
    if spec is None:
        return [name, "", "", "", plain_line(problems[0])]
    at_most = "≤ " if spec.kind == CAPACITY else ""
    time = times[name]
    shown = "" if isinstance(time, FleetError) else f"{at_most}{format_duration(time)}"
    return [name, spec.kind, f"{at_most}{number_of_runs(spec)}", shown, plain_line(spec.description)]


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
