"""The start page of a results folder: all experiments, the history of each scenario and fleet, and all runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from reporting.analyse import experiment_answers, histories
from reporting.analyse.run_summary import RunSummary
from reporting.errors import InputError, ReportingError
from reporting.read import experiment_folder
from reporting.read.parsing import read_json_object
from reporting.read.problems import ProblemLog
from reporting.render import experiment_report, start_page, whole_files
from reporting.render.start_page import ListedExperiment
from reporting.runs import find, summary_of
from zk_locust.contract.killed_runs import FreeRun, killed_runs
from zk_locust.contract.run_files import EXPERIMENT_PAGE, EXPERIMENTS, MANIFEST

PAGE: Final = "index.html"


def write(results_dir: Path) -> Path:
    """Write `index.html` into a results folder; return its path.

    Raises InputError without a folder, ReportingError where it cannot be written.
    """
    runs = find(results_dir)
    experiments = [_experiment(file.parent) for file in (results_dir / EXPERIMENTS).glob(f"*/{MANIFEST}")]
    of_runs = {run_id: each.experiment_id for each in experiments for run_id in each.runs}
    summaries = [summary_of(run, of_runs.get(run.run_id, "")) for run in runs]
    summaries = _with_killed(results_dir, summaries)
    html = start_page.render(results_dir.resolve(), summaries, experiments, histories.build(summaries))
    page = results_dir / PAGE
    try:
        whole_files.write(results_dir, {PAGE: html})
    except OSError as error:
        raise ReportingError(
            f"the start page cannot be written into [{results_dir}] ({error.strerror}): see its owner and the free "
            "disk space"
        ) from error
    return page


def _with_killed(results_dir: Path, summaries: Sequence[RunSummary]) -> list[RunSummary]:
    """Give experiments the runs whose end their controllers could not note, because they were killed."""
    files = (results_dir / EXPERIMENTS).glob(f"*/{MANIFEST}")
    notes = {file.parent.name: read_json_object(file, ProblemLog(), missing="").get("running") for file in files}
    free = [FreeRun(run.run_id, run.label, run.started) for run in summaries if not run.experiment]
    found = killed_runs(notes, free)
    return [replace(run, experiment=found.get(run.run_id, run.experiment)) for run in summaries]


def _experiment(folder: Path) -> ListedExperiment:
    page = (folder / EXPERIMENT_PAGE).is_file()
    try:
        report = experiment_report.build(experiment_answers.build(experiment_folder.load(folder)))
    except InputError as error:
        return ListedExperiment(folder.name, "", "", "", "", _run_ids(folder), str(error), page)
    content = report.experiment.content
    return ListedExperiment(
        folder.name,
        report.experiment.kind,
        str(content["name"]),
        str(content["started"]),
        str(content["state"]),
        tuple(run.run_id for run in report.experiment.runs if run.run_id),
        report.found.answer,
        page,
    )


def _run_ids(folder: Path) -> tuple[str, ...]:
    """The runs of an experiment that cannot be read otherwise."""
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
        runs = content["runs"] if isinstance(content, dict) else []
        return tuple(str(run["run_id"]) for run in runs if isinstance(run, Mapping) and run.get("run_id"))
    except (OSError, ValueError, KeyError, TypeError):
        return ()
