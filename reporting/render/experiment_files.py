"""Writes the report of an experiment into its folder: for people, for programs, and for CI systems."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from reporting.analyse import experiment_answers, experiment_conditions
from reporting.analyse.experiment_conditions import CheckedCondition
from reporting.errors import ReportingError
from reporting.read import experiment_folder
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render import (
    experiment_charts,
    experiment_page,
    experiment_report,
    junit,
    markdown,
    printing,
    whole_files,
)
from reporting.render.chart import Figure
from reporting.render.experiment_report import ExperimentReport
from reporting.render.screen_table import aligned
from zk_locust.contract.run_files import (
    EXPERIMENT_DATA,
    EXPERIMENT_JUNIT,
    EXPERIMENT_MARKDOWN,
    EXPERIMENT_PAGE,
    EXPERIMENT_PDF,
)

_TO_PRINT = "print.html"

logger = logging.getLogger(__name__)


def write(folder: Path, conditions: Sequence[str] = (), *, pdf: bool = False) -> list[str]:
    """Write the report of the experiment in `folder`; return the lines for a terminal.

    `conditions`, such as `p99 > +10%`, are test cases for CI systems. `experiment.pdf` is written with `pdf`, or if
    there is one already: none stays of an earlier report. Raises InputError for a folder without an experiment and for
    a condition that cannot be checked, ReportingError where the report cannot be written, or with `pdf` not printed.
    """
    experiment = experiment_folder.load(folder)
    return write_checked(experiment, experiment_conditions.check(experiment, conditions), pdf=pdf)


def write_checked(experiment: ExperimentFolder, checked: Sequence[CheckedCondition], *, pdf: bool = False) -> list[str]:
    """Do the same for an experiment that has been read, and conditions that have been checked."""
    folder = experiment.path
    browser = _browser(folder, pdf=pdf)
    report = experiment_report.build(experiment_answers.build(experiment))
    figures = experiment_charts.build(report.answered)
    texts = {
        EXPERIMENT_MARKDOWN: _markdown(report),
        EXPERIMENT_DATA: json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n",
        EXPERIMENT_JUNIT: junit.render(report, checked),
        EXPERIMENT_PAGE: experiment_page.render(report, figures),
    }
    printing_it = _printing(browser, report, figures)
    try:
        if pdf:
            whole_files.write(folder, texts, printing_it)
        else:
            whole_files.write(folder, texts)
            (folder / EXPERIMENT_PDF).unlink(missing_ok=True)
        is_printed = pdf or (bool(browser) and _printed_again(folder, printing_it))
    except OSError as error:
        raise ReportingError(
            f"the report cannot be written into [{folder}] ({error.strerror}): see its owner and the free disk space"
        ) from error
    return [*_lines(report, folder / EXPERIMENT_PAGE), *([f"Printed: {folder / EXPERIMENT_PDF}"] if is_printed else [])]


def _browser(folder: Path, *, pdf: bool) -> str:
    """Return the program that prints the page; empty where it is not to be printed."""
    if not pdf and not (folder / EXPERIMENT_PDF).exists():
        return ""
    try:
        return printing.find_browser(EXPERIMENT_PDF, EXPERIMENT_PAGE)
    except ReportingError as error:
        if pdf:
            raise
        logger.warning("%s of the earlier report is removed: %s", EXPERIMENT_PDF, error)
        return ""


def _printed_again(folder: Path, printing_it: Callable[[Path], list[str]]) -> bool:
    """Print the page because an earlier report was printed, if the browser can: the report is complete without it."""
    try:
        whole_files.write(folder, {}, printing_it)
    except ReportingError as error:
        logger.warning("%s of the earlier report is removed: %s", EXPERIMENT_PDF, error)
        return False
    return True


def _printing(browser: str, report: ExperimentReport, figures: Sequence[Figure]) -> Callable[[Path], list[str]]:
    """Return what prints the page into a folder, without the links, which would name places of this machine."""
    plain = report if report.runs is None else replace(report, runs=replace(report.runs, links={}))

    def printed(folder: Path) -> list[str]:
        page = folder / _TO_PRINT
        page.write_text(experiment_page.render(plain, figures), encoding="utf-8")
        printing.print_page(browser, page, folder / EXPERIMENT_PDF)
        return [EXPERIMENT_PDF]

    return printed


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
