"""Reads and judges run folders. Other packages use only these functions.

    judged = load_run(Path("results/latest"))     reads and judges a run folder
    page = write_report(judged)                   writes report.html, report.md and report.json
    print("\n".join(summary(judged, page)))       the table and the verdict for a terminal

The data flows one way: `read` reads the files, `analyse` computes, `verdict` judges, `render` shows. A package imports
only from those before it. Heavy libraries are imported by the call that needs them.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reporting.errors import InputError, ReportingError

if TYPE_CHECKING:
    from reporting.verdict.judged_run import JudgedRun

__all__ = ["InputError", "ReportingError", "aligned", "find_runs", "list_runs", "load_run", "summary", "write_report"]


def load_run(run_dir: Path) -> "JudgedRun":
    """Read and judge a run folder. Raises InputError when it is none."""
    from reporting.verdict import judged_run

    return judged_run.load_run(run_dir)


def write_report(judged: "JudgedRun", *, with_figures: bool = False) -> Path:
    """Write the report into the run's folder, optionally with `figures/`; return the path of the page.

    Raises ReportingError when it cannot be written.
    """
    from reporting.render import report_files

    return report_files.write(judged, with_figures=with_figures)


def summary(judged: "JudgedRun", page: Path | None) -> list[str]:
    """Return the lines that show a run on a terminal; `page` is the path of its report, if there is one."""
    from reporting.render import tables

    return tables.summary(judged, page)


def find_runs(results_dir: Path, run_ids: Sequence[str]) -> list[Path]:
    """Return the folders of these runs; without ids, of the newest finished run. Raises InputError for unknown ids."""
    from reporting import runs

    return runs.resolve(results_dir, run_ids)


def list_runs(results_dir: Path) -> list[str]:
    """Return the lines of a table of all runs. Raises InputError when the folder does not exist."""
    from reporting import runs

    return runs.table(results_dir)


def aligned(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Collection[str], total: bool = False
) -> list[str]:
    """Return the lines of a table for a terminal, as `reporting.render.screen_table.aligned` describes them."""
    from reporting.render import screen_table

    return screen_table.aligned(head, rows, left=left, total=total)
