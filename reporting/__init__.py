"""Reads and judges run folders. Other packages use only these functions.

    judged = judge_run(Path("results/latest"))    reads and judges a run folder
    page = write_report(judged)                   writes report.html, report.md and report.json
    print("\n".join(summary(judged, page)))       the table and the verdict for a terminal

    run = load_run("results/latest")              the same as pandas data frames, for notebooks and scripts
    run.operations, run.intervals, …              see `Run`; docs/loading-runs.ipynb shows it

`find_runs(results_dir, run_ids)` finds run folders, `list_runs(results_dir)` lists them, `compare_runs` compares them
in pairs, `overlay_runs` writes a page that shows several together, and `aligned` makes a table for a terminal. Bad
input raises InputError, and what cannot be written ReportingError.

The data flows one way: `read` reads the files, `analyse` computes, `verdict` judges, `render` shows. A package imports
only from those before it. Each function is loaded at its first use, and heavy libraries with it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from reporting.errors import InputError, ReportingError

if TYPE_CHECKING:
    from reporting.comparing import compare as compare_runs
    from reporting.overlaying import overlay as overlay_runs
    from reporting.render.report_files import write as write_report
    from reporting.render.screen_table import aligned
    from reporting.render.tables import summary
    from reporting.run_frames import Run, load_run
    from reporting.runs import resolve as find_runs
    from reporting.runs import table as list_runs
    from reporting.verdict.judged_run import judge_run

_HOME = {
    "aligned": "render.screen_table.aligned",
    "compare_runs": "comparing.compare",
    "find_runs": "runs.resolve",
    "list_runs": "runs.table",
    "overlay_runs": "overlaying.overlay",
    "judge_run": "verdict.judged_run.judge_run",
    "Run": "run_frames.Run",
    "load_run": "run_frames.load_run",
    "summary": "render.tables.summary",
    "write_report": "render.report_files.write",
}

__all__ = [
    "InputError",
    "ReportingError",
    "Run",
    "aligned",
    "compare_runs",
    "find_runs",
    "judge_run",
    "list_runs",
    "load_run",
    "overlay_runs",
    "summary",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, function = _HOME[name].rpartition(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)
