"""Fabric tasks of the controller: `fab report` and `fab runs`. `fab --list` says what they do."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

RESULTS = Path(__file__).resolve().parent / "results"


Result = TypeVar("Result")


def _told(work: Callable[[], Result]) -> Result:
    """What `work` returns; what its user can mend becomes one line and exit code 2, never a traceback."""
    from reporting.errors import ReportingError

    try:
        return work()
    except ReportingError as error:
        raise Exit(str(error), code=2) from None


@task(
    iterable=["run"],
    help={"run": "id of a run; may be given several times, or several separated by commas (default: the newest)"},
)
def report(_context: Context, run: list[str]) -> None:
    """Write a run's report again, and print its figures."""
    from reporting import runs

    run_ids = [part.strip() for given in run for part in given.split(",") if part.strip()]
    for folder in _told(lambda: runs.resolve(RESULTS, run_ids)):
        _told(lambda folder=folder: _write_and_show(folder))  # type: ignore[misc]


def _write_and_show(folder: Path) -> None:
    from reporting import results, tables, write

    page = write.report(folder)
    print("\n".join(tables.summary(results.evaluate(folder), page)), end="\n\n")


@task(name="runs")
def list_runs(_context: Context) -> None:
    """List what is in results/: scenario, load, rate, p99, failures and verdict of every run."""
    from reporting import runs

    print("\n".join(_told(lambda: runs.table(RESULTS))))
