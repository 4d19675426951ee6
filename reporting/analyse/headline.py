"""The headline: one row for each operation of the measured stage, and one for all of them."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from locust_extra.columns import AGGREGATED, ALL_WORKERS, MEASURED, PERCENTILES
from reporting.analyse.timeline import Timeline
from reporting.read.distributions import Distribution
from reporting.read.load_files import operation_name
from reporting.read.run_folder import RunFolder

TOTAL: Final = "all operations"
HEADLINE_PERCENTILES: Final = (50.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one operation over the measured stage.

    `operations` are the successful ones; `failures` are apart and in no latency. `rate_per_s` is successful operations
    a second of the measured stage. Latencies are microseconds, None where nothing succeeded.
    """

    operation: str
    operations: int
    failures: int
    rate_per_s: float | None
    mean_us: float | None
    p50_us: float | None
    p95_us: float | None
    p99_us: float | None
    p999_us: float | None
    max_us: float | None
    overflows: int

    @property
    def failure_share(self) -> float:
        """Failed operations as a share (0 to 1) of all that were tried."""
        tried = self.operations + self.failures
        return self.failures / tried if tried else 0.0


@dataclass(frozen=True, slots=True)
class Headline:
    """Rows by operation, in alphabetical order, and the total.

    `measured_s` is the length of the measured stage. `errors` counts failures by the error's name. `from_distributions`
    is False when the figures had to be taken from the cumulative columns of `locust-stats.csv`.
    """

    rows: tuple[Row, ...]
    total: Row
    measured_s: float
    errors: dict[str, int]
    from_distributions: bool


def build(run: RunFolder, timeline: Timeline) -> Headline:
    """Sum the measured stage's distributions, then compute percentiles."""
    by_operation: dict[str, list[Distribution]] = defaultdict(list)
    for line in run.distributions:
        if line.stage == MEASURED:
            by_operation[line.operation].append(line.distribution)
    measured_s = timeline.measured_s
    errors = _errors(run)
    if not by_operation:
        return _from_stats(run, measured_s, errors)
    merged = {name: Distribution.merged(found) for name, found in sorted(by_operation.items())}
    return Headline(
        rows=tuple(row(name, distribution, measured_s) for name, distribution in merged.items()),
        total=row(TOTAL, Distribution.merged(merged.values()), measured_s),
        measured_s=measured_s,
        errors=errors,
        from_distributions=True,
    )


def row(name: str, distribution: Distribution, measured_s: float) -> Row:
    """The results of one distribution over `measured_s` seconds."""
    latencies = (distribution.mean_us, *distribution.percentiles_us(HEADLINE_PERCENTILES), distribution.max_us)
    return _row(name, distribution.requests, distribution.failures, measured_s, latencies, distribution.overflows)


def _row(
    name: str, operations: int, failures: int, measured_s: float, latencies_us: Iterable[float | None], overflows: int
) -> Row:
    rate_per_s = operations / measured_s if measured_s > 0 else None
    mean_us, p50_us, p95_us, p99_us, p999_us, max_us = latencies_us
    return Row(name, operations, failures, rate_per_s, mean_us, p50_us, p95_us, p99_us, p999_us, max_us, overflows)


def stats_totals(run: RunFolder) -> tuple[int, int] | None:
    """Operations and failures of the measured stage as `locust-stats.csv` counts them; None when it does not."""
    last = _last_rows(run)
    found = last.get(AGGREGATED)
    return None if found is None else (int(found["requests"]), int(found["failures"]))


def _last_rows(run: RunFolder) -> dict[str, dict[str, Any]]:
    """The last row (counts are cumulative) of each operation of the measured stage, over all workers."""
    stats = run.stats
    rows = stats[(stats["stage"] == MEASURED) & (stats["worker"] == ALL_WORKERS)]
    rows = rows.dropna(subset=["requests", "failures"]).sort_values(["interval", "requests"], kind="stable")
    last: dict[str, dict[str, Any]] = {}
    for record in rows.drop_duplicates(["type", "name"], keep="last").to_dict("records"):
        name = str(record["name"])
        key = AGGREGATED if name == AGGREGATED else operation_name(str(record["type"]), name)
        last[key] = {str(column): value for column, value in record.items()}
    return last


def _errors(run: RunFolder) -> dict[str, int]:
    found = _last_rows(run).get(AGGREGATED)
    try:
        errors = json.loads(found["errors"]) if found and found["errors"] else {}
        return {str(name): int(count) for name, count in errors.items() if int(count) > 0}
    except (ValueError, TypeError, AttributeError):
        return {}


def _from_stats(run: RunFolder, measured_s: float, errors: dict[str, int]) -> Headline:
    last = _last_rows(run)
    total = last.pop(AGGREGATED, None)
    rows = tuple(_stats_row(name, found, measured_s) for name, found in sorted(last.items()))
    empty = {"requests": sum(row.operations for row in rows), "failures": sum(row.failures for row in rows)}
    return Headline(rows, _stats_row(TOTAL, total or empty, measured_s), measured_s, errors, from_distributions=False)


def _stats_row(name: str, found: dict[str, Any], measured_s: float) -> Row:
    operations = int(found["requests"])

    def latency(column: str) -> float | None:
        value = found.get(column)
        return float(value) if operations and value is not None and value == value else None

    percentiles = {percentile: column for column, percentile in PERCENTILES.items()}
    columns = ("mean_us", *(percentiles[wanted] for wanted in HEADLINE_PERCENTILES), "max_us")
    overflows = found.get("overflows")
    counted = 0 if overflows is None or overflows != overflows else int(overflows)
    return _row(name, operations, int(found["failures"]), measured_s, map(latency, columns), counted)
