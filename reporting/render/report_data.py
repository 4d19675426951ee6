"""The report for programs: the content of `report.json`."""

from dataclasses import asdict
from typing import Any

from reporting.analyse import recovery
from reporting.analyse.headline import Row
from reporting.render import cause_tables, recovery_charts
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.clock_names import RESPONSE, SERVICE
from zk_locust.contract.run_files import SCHEMA_VERSION


def as_json(judged: JudgedRun) -> dict[str, Any]:
    """The headline, the machines and the verdict for programs."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": judged.run.run_id,
        "measured_s": judged.headline.measured_s,
        "total": _figures(judged.headline.total),
        "operations": [_figures(row) for row in judged.headline.rows],
        "loop": judged.headline.loop,
        "offered": asdict(judged.headline.load) if judged.headline.load else None,
        "figures": [figure.as_dict() for figure in judged.figures],
        "errors": judged.headline.errors,
        "machines": [asdict(row) for row in judged.machines.rows],
        "processes": [asdict(row) for row in judged.machines.processes],
        "faults": _faults(judged),
        "why": cause_tables.as_json(judged.why),
        "verdict": judged.verdict.as_dict(),
        "consistency": judged.consistency.as_dict(),
        "problems": [str(problem) for problem in judged.run.problems],
    }


def _faults(judged: JudgedRun) -> list[dict[str, Any]]:
    """The recovery from each fault, and the rates around those that have a chart."""
    manifest = judged.run.manifest
    found = recovery.as_json(judged.recoveries, manifest.client, manifest.latency_objective)
    courses = recovery_charts.courses(judged)
    return [each | {"around": courses.get(each["number"])} for each in found]


def _figures(row: Row) -> dict[str, Any]:
    """The row, with the headline's latencies first; `service` and `response` have those of each clock."""
    figures = asdict(row)
    del figures["overflows"]
    for clock in (SERVICE, RESPONSE):
        figures[clock] = None if figures[clock] is None else _renamed(figures[clock])
    return {"clock": row.clock} | _renamed(asdict(row.latencies)) | figures


def _renamed(latencies: dict[str, Any]) -> dict[str, Any]:
    return {"p99.9_us" if name == "p999_us" else name: value for name, value in latencies.items()}
