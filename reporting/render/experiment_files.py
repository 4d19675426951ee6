"""Writes the report of an experiment into its folder: for people, for programs, and for CI systems."""

import json
from collections.abc import Sequence
from pathlib import Path

from reporting.analyse import experiment_answers, experiment_conditions
from reporting.errors import ReportingError
from reporting.read import experiment_folder
from reporting.render import experiment_charts, experiment_page, experiment_report, junit, markdown, whole_files
from reporting.render.experiment_report import ExperimentReport
from reporting.render.screen_table import aligned
from zk_locust.contract.run_files import EXPERIMENT_DATA, EXPERIMENT_JUNIT, EXPERIMENT_MARKDOWN, EXPERIMENT_PAGE


def write(folder: Path, conditions: Sequence[str] = ()) -> list[str]:
    """Write the report of the experiment in `folder`; return the lines for a terminal.

    `conditions`, such as `p99 > +10%`, are test cases for CI systems. Raises InputError for a folder without an
    experiment and for a condition that cannot be checked, ReportingError where the report cannot be written.
    """
    experiment = experiment_folder.load(folder)
    checked = experiment_conditions.check(experiment, conditions)
    report = experiment_report.build(experiment_answers.build(experiment))
    texts = {
        EXPERIMENT_MARKDOWN: _markdown(report),
        EXPERIMENT_DATA: json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n",
        EXPERIMENT_JUNIT: junit.render(report, checked),
        EXPERIMENT_PAGE: experiment_page.render(report, experiment_charts.build(report.answered)),
    }
    try:
        whole_files.write(folder, texts)
    except OSError as error:
        raise ReportingError(
            f"the report cannot be written into [{folder}] ({error.strerror}): see its owner and the free disk space"
        ) from error
    return _lines(report, folder / EXPERIMENT_PAGE)


def _lines(report: ExperimentReport, page: Path) -> list[str]:
    lines = [f"Experiment {report.experiment.experiment_id}: {report.found.answer}", ""]
    lines += [report.unfinished, ""] if report.unfinished else []
    for table in report.found.tables:
        lines += [*aligned(table.head, table.rows, left=set(table.head[: table.text_columns])), ""]
    lines += [f"  - {note}" for note in report.notes]
    return [*lines, "", f"Report:  {page}"]


def _markdown(report: ExperimentReport) -> str:
    experiment, escaped = report.experiment, markdown.escaped
    lines = [f"# {escaped(experiment.experiment_id)}", "", f"**{escaped(report.found.answer)}**", ""]
    lines += [escaped(" ".join(part for part in (report.about, report.unfinished) if part)), ""]
    lines += [f"- {escaped(note)}" for note in report.notes]
    lines += [""] if report.notes else []
    for table in report.tables:
        lines += markdown.table(table, level=2)
    return "\n".join(lines).rstrip() + "\n"
