"""The report for programs: the content of `report.json`."""

from dataclasses import asdict
from typing import Any

from reporting.analyse.headline import Row
from reporting.verdict.judged_run import JudgedRun


def as_json(judged: JudgedRun) -> dict[str, Any]:
    """The headline, the machines and the verdict for programs."""
    return {
        "schema_version": 1,
        "run_id": judged.run.run_id,
        "measured_s": judged.headline.measured_s,
        "total": _figures(judged.headline.total),
        "operations": [_figures(row) for row in judged.headline.rows],
        "errors": judged.headline.errors,
        "machines": [asdict(row) for row in judged.machines.rows],
        "processes": [asdict(row) for row in judged.machines.processes],
        "verdict": judged.verdict.as_dict(),
        "problems": [str(problem) for problem in judged.run.problems],
    }


def _figures(row: Row) -> dict[str, Any]:
    figures = {"p99.9_us" if name == "p999_us" else name: value for name, value in asdict(row).items()}
    del figures["overflows"]
    return figures
