"""What a run says of its gets: read from the files that it left."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from locust_extra.columns import AGGREGATED, ALL_WORKERS
from zk_locust.contract.clock_names import CLIENT_DELAY, RESPONSE, SERVICE, SLIP
from zk_locust.contract.events import OPERATIONS_UNREPORTED
from zk_locust.contract.run_files import EVENTS, STATS
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.unreported import number_in
from zk_locust.contract.verdicts import INCONCLUSIVE, VALID, VOID

PERCENTILES: Final = (50.0, 99.0, 99.9)
# The scripted server has no AdminServer, and only one member can be asked.
_OF_NO_INTEREST: Final = frozenset({"member-unreachable"})
_GRAVE: Final = (VOID, INCONCLUSIVE)


@dataclass
class Said:
    """Figures of the measured stage; counts of all stages. None: the run does not know it."""

    successes: int = 0
    failures: int = 0
    suppressed: int | None = None
    censored: int | None = None
    unreported: int | None = None
    censored_max_us: float | None = None
    offered: int | None = None
    missed: int | None = None
    dropped: int | None = None
    rate: float = 0.0
    measured_s: float = float("nan")
    clocks_us: dict[tuple[str, float], float] = field(default_factory=dict)
    longest_us: dict[str, float] = field(default_factory=dict)
    worker_cpu_percent: float = float("nan")
    lost_workers: int = 0
    verdict: str = ""
    figures: dict[str, str] = field(default_factory=dict)
    rules: dict[str, frozenset[str]] = field(default_factory=dict)  # of each figure, notes too

    @property
    def accounted(self) -> int:
        """Operations that the run speaks of, however they ended."""
        return self.successes + self.failures + sum(n or 0 for n in (self.suppressed, self.censored, self.unreported))

    def percentile_us(self, clock: str, percent: float) -> float | None:
        """Return a percentile of one clock; None where the run has none."""
        return self.clocks_us.get((clock, percent))

    def verdict_on(self, figure: str) -> str:
        """Return the verdict on `rate`, `p50`, `p99` or `p99.9`; that of the run where the figure has none.

        A report has one verdict for each of them: on response time in an open loop, else on service time.
        """
        return self.figures.get(figure) or self.verdict


def read(files: Path, stats: str = STATS) -> Said:
    """Read the folder of a run. `stats` is the name of its series, which each test of a process has."""
    said = Said()
    with (files / stats).open(newline="") as file:
        rows = list(csv.DictReader(file))
    # The last row of each stage: counts are cumulative within it.
    gets = {row["stage"]: row for row in rows if row["worker"] == ALL_WORKERS and "get" in row["name"].lower()}
    totals = {row["stage"]: row for row in rows if row["worker"] == ALL_WORKERS and row["name"] == AGGREGATED}
    said.successes = _sum(gets, "requests") or 0
    said.failures = _sum(gets, "failures") or 0
    said.suppressed, said.censored = _sum(gets, "suppressed"), _sum(gets, "censored")
    said.offered, said.missed, said.dropped = (_sum(totals, name) for name in ("offered", "missed", "dropped"))
    waits = [float(row["censored_max_us"]) for row in gets.values() if row.get("censored_max_us")]
    said.censored_max_us = max(waits, default=None)
    if MEASURED in gets:
        _read_latencies(said, gets[MEASURED])
    cpu = [float(row["cpu_percent"]) for row in rows if row["worker"] != ALL_WORKERS and row["cpu_percent"]]
    said.worker_cpu_percent = sum(cpu[1:]) / len(cpu[1:]) if len(cpu) > 1 else float("nan")
    if (files / EVENTS).exists():
        _read_events(said, files / EVENTS)
    if (files / "report.json").exists():
        _read_verdicts(said, json.loads((files / "report.json").read_text()))
    return said


def _sum(rows: Mapping[str, Mapping[str, str]], column: str) -> int | None:
    known = [int(row[column]) for row in rows.values() if row.get(column)]
    return sum(known) if known else None


def _read_latencies(said: Said, row: Mapping[str, str]) -> None:
    said.measured_s = float(row["elapsed_s"])
    said.rate = int(row["requests"]) / said.measured_s
    for clock in (SERVICE, RESPONSE, SLIP, CLIENT_DELAY):
        prefix = "" if clock == SERVICE else f"{clock}_"
        for percent in PERCENTILES:
            if value := row.get(f"{prefix}p{percent:g}_us"):
                said.clocks_us[clock, percent] = float(value)
        if value := row.get(f"{prefix}max_us"):
            said.longest_us[clock] = float(value)


def _read_events(said: Said, path: Path) -> None:
    with path.open(newline="") as file:
        events = list(csv.DictReader(file))
    said.lost_workers = sum(event["event"] == "worker-lost" for event in events)
    numbers = [number_in(event["detail"]) for event in events if event["event"] == OPERATIONS_UNREPORTED]
    unreported = [number for number in numbers if number is not None]
    said.unreported = sum(unreported) if unreported else None


def _read_verdicts(said: Said, report: Mapping[str, Any]) -> None:
    said.verdict = _judgement(report["verdict"]["reasons"])
    # Figures of all operations come first; those of gets replace them.
    found = [figure for figure in report.get("figures", ()) if figure["value"] is not None]
    for figure in [*found, *(figure for figure in found if "get" in figure["operation"].lower())]:
        if figure["figure"] == "rate":
            said.rate = float(figure["value"])  # the report knows when the stage began
        said.rules[figure["figure"]] = frozenset(reason["rule"] for reason in figure["reasons"])
        said.figures[figure["figure"]] = _judgement(figure["reasons"]) if figure["reasons"] else figure["verdict"]


def _judgement(reasons: Iterable[Mapping[str, Any]]) -> str:
    """Return `valid`, or the verdict and the first rule behind it, without rules that a scripted server cannot meet."""
    rules: dict[str, str] = {}
    for reason in reasons:
        if reason["rule"] not in _OF_NO_INTEREST:
            rules.setdefault(reason["severity"], reason["rule"])
    return next((f"{kind}: {rules[kind]}" for kind in _GRAVE if kind in rules), VALID)
