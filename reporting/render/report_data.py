"""The report for programs: the content of `report.json`."""

from dataclasses import asdict
from typing import Any

from reporting.analyse.headline import Row
from reporting.verdict.judged_run import JudgedRun


def as_json(judged: JudgedRun) -> dict[str, Any]:
    """The headline, the machines and the verdict for programs."""

    def figures(row: Row) -> dict[str, Any]:
        return {
            "operation": row.operation,
            "operations": row.operations,
            "failures": row.failures,
            "rate_per_s": row.rate_per_s,
            "mean_us": row.mean_us,
            "p50_us": row.p50_us,
            "p95_us": row.p95_us,
            "p99_us": row.p99_us,
            "p99.9_us": row.p999_us,
            "max_us": row.max_us,
        }

    return {
        "schema_version": 1,
        "run_id": judged.run.run_id,
        "measured_s": judged.headline.measured_s,
        "total": figures(judged.headline.total),
        "operations": [figures(row) for row in judged.headline.rows],
        "errors": judged.headline.errors,
        "machines": [asdict(row) for row in judged.machines.rows],
        "processes": [asdict(row) for row in judged.machines.processes],
        "verdict": judged.verdict.as_dict(),
        "problems": [str(problem) for problem in judged.run.problems],
    }
