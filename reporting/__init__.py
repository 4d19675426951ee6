"""Reads and judges run folders. Other packages use only these functions.

    judged = judge_run(Path("results/latest"))    reads and judges a run folder
    page = write_report(judged)                   writes report.html, report.md and report.json
    print("\n".join(summary(judged, page)))       the table and the verdict for a terminal

    run = load_run("results/latest")              the same as pandas data frames, for notebooks and scripts
    run.operations, run.intervals, …              see `Run`; docs/loading-runs.ipynb shows it

`find_runs(results_dir, run_ids)` finds run folders, `list_runs(results_dir)` lists them, `compare_runs` compares them
in pairs, `overlay_runs` writes a page that shows several together, and `aligned` makes a table for a terminal.
`wanted_report` says what `write_report` is to write beside: charts as files, a printed page. `when_closed` waits until
an open record that was judged has been closed. Bad input raises
InputError, and what cannot be written ReportingError.

`load_experiment` reads the folder of an experiment into data frames, and `write_experiment` writes its report.
`read_experiment` only reads what both need, and refuses what cannot be compared.
`check_conditions` checks conditions on its comparisons, `report_experiment` does both, and `check_objectives` says
whether a run meets service level objectives. `write_start_page` writes the page that leads to all runs and experiments
of a results folder.

The data flows one way: `read` reads the files, `analyse` computes, `verdict` judges, `render` shows. A package imports
only from those before it. Each function is loaded at its first use, and heavy libraries with it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from reporting.errors import InputError, ReportingError

if TYPE_CHECKING:
    from reporting.analyse.experiment_frames import load as load_experiment
    from reporting.closing import when_closed
    from reporting.comparing import compare as compare_runs
    from reporting.conditions import check as check_conditions
    from reporting.conditions import report as report_experiment
    from reporting.overlaying import overlay as overlay_runs
    from reporting.overview import write as write_start_page
    from reporting.read.experiment_folder import load as read_experiment
    from reporting.render.experiment_files import write as write_experiment
    from reporting.render.report_files import wanted_report
    from reporting.render.report_files import write as write_report
    from reporting.render.screen_table import aligned
    from reporting.render.tables import summary
    from reporting.run_frames import Run, load_run
    from reporting.runs import report_of as run_data
    from reporting.runs import resolve as find_runs
    from reporting.runs import table as list_runs
    from reporting.verdict.judged_run import JudgedRun, judge_run
    from reporting.verdict.objectives import check as check_objectives

_HOME = {
    "JudgedRun": "verdict.judged_run.JudgedRun",
    "Run": "run_frames.Run",
    "aligned": "render.screen_table.aligned",
    "check_conditions": "conditions.check",
    "check_objectives": "verdict.objectives.check",
    "compare_runs": "comparing.compare",
    "find_runs": "runs.resolve",
    "judge_run": "verdict.judged_run.judge_run",
    "list_runs": "runs.table",
    "load_experiment": "analyse.experiment_frames.load",
    "load_run": "run_frames.load_run",
    "overlay_runs": "overlaying.overlay",
    "read_experiment": "read.experiment_folder.load",
    "report_experiment": "conditions.report",
    "run_data": "runs.report_of",
    "summary": "render.tables.summary",
    "wanted_report": "render.report_files.wanted_report",
    "when_closed": "closing.when_closed",
    "write_experiment": "render.experiment_files.write",
    "write_report": "render.report_files.write",
    "write_start_page": "overview.write",
}

__all__ = [
    "InputError",
    "JudgedRun",
    "ReportingError",
    "Run",
    "aligned",
    "check_conditions",
    "check_objectives",
    "compare_runs",
    "find_runs",
    "judge_run",
    "list_runs",
    "load_experiment",
    "load_run",
    "overlay_runs",
    "read_experiment",
    "report_experiment",
    "run_data",
    "summary",
    "wanted_report",
    "when_closed",
    "write_experiment",
    "write_report",
    "write_start_page",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, function = _HOME[name].rpartition(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)
