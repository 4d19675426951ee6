"""The headline: one row for each operation of the measured stage, and one for all of them.

In open loop, the latencies are response times (due to reply), with service times beside them. In closed loop no
operation is due, so they are service times (sent to reply), as are those of an operation that follows from another one.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from locust_extra.columns import AGGREGATED, PERCENTILES
from reporting.analyse.timeline import Timeline
from reporting.read.distributions import Distribution
from reporting.read.load_files import operation_name
from reporting.read.run_folder import RunFolder
from zk_locust.contract.clock_names import RESPONSE, SERVICE
from zk_locust.contract.stage_names import MEASURED

TOTAL: Final = "all operations"
HEADLINE_PERCENTILES: Final = (50.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Latencies of successful operations by one clock, microseconds; None where nothing succeeded."""

    mean_us: float | None = None
    p50_us: float | None = None
    p95_us: float | None = None
    p99_us: float | None = None
    p999_us: float | None = None
    max_us: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one operation over the measured stage.

    `operations` are the successful ones; `failures`, `suppressed` failures and `censored` operations are apart and in
    no latency. `rate_per_s` is successful operations a second of the measured stage. `response` is None in closed loop.
    """

    operation: str
    operations: int
    failures: int
    rate_per_s: float | None
    service: Latencies
    response: Latencies | None
    overflows: int
    suppressed: int
    censored: int
    censored_max_us: float | None

    @property
    def clock(self) -> str:
        """Which clock the headline's latencies are of."""
        return SERVICE if self.response is None else RESPONSE

    @property
    def latencies(self) -> Latencies:
        """The headline's latencies: response time, or service time in closed loop."""
        return self.service if self.response is None else self.response

    @property
    def mean_us(self) -> float | None:
        """Of the headline's latencies, as all below."""
        return self.latencies.mean_us

    @property
    def p50_us(self) -> float | None:
        """The median."""
        return self.latencies.p50_us

    @property
    def p95_us(self) -> float | None:
        """The 95th percentile."""
        return self.latencies.p95_us

    @property
    def p99_us(self) -> float | None:
        """The 99th percentile."""
        return self.latencies.p99_us

    @property
    def p999_us(self) -> float | None:
        """The 99.9th percentile."""
        return self.latencies.p999_us

    @property
    def max_us(self) -> float | None:
        """The longest."""
        return self.latencies.max_us

    @property
    def tried(self) -> int:
        """Operations that were sent and got an answer or an error: successes, failures and suppressed failures."""
        return self.operations + self.failures + self.suppressed

    @property
    def failure_share(self) -> float:
        """Failed operations as a share (0 to 1) of all that were tried."""
        return self.failures / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class OfferedLoad:
    """What an open loop offered in the measured stage: operations that were due, and what became of them.

    `achieved` succeeded, and `waiting` had no reply at the end (`Row.censored`), without operations that follow from
    another one. `missed` were due on a worker that was not there, `dropped` were given up before they were sent. None
    where it was not recorded.
    """

    offered: int
    achieved: int
    waiting: int
    missed: int | None
    dropped: int | None
    offered_per_s: float | None


@dataclass(frozen=True, slots=True)
class Headline:
    """Rows by operation, in alphabetical order, and the total.

    `measured_s` is the length of the measured stage. `errors` counts failures by the error's name. `from_distributions`
    is False when the figures had to be taken from the cumulative columns of `locust-stats.csv`. `load` is None in
    closed loop. `distributions` has the measured stage's by operation and for `TOTAL`, if there are any.
    """

    rows: tuple[Row, ...]
    total: Row
    measured_s: float
    errors: dict[str, int]
    from_distributions: bool
    load: OfferedLoad | None
    open_loop: bool
    distributions: Mapping[str, Distribution]

    @property
    def loop(self) -> str:
        """Which loop drove the load, and which clock the latencies are of, for people."""
        if not self.open_loop:
            return "closed loop: service time"
        return f"open loop: {self.total.clock} time"


def build(run: RunFolder, timeline: Timeline) -> Headline:
    """Sum the measured stage's distributions, then compute percentiles."""
    by_operation: dict[str, list[Distribution]] = defaultdict(list)
    for line in run.distributions:
        if line.stage == MEASURED:
            by_operation[line.operation].append(line.distribution)
    measured_s = timeline.measured_s
    last = _last_rows(run)
    everything = last.pop(AGGREGATED, None)
    merged = {name: Distribution.merged(found) for name, found in sorted(by_operation.items())}
    if merged:
        rows = tuple(row(name, distribution, measured_s) for name, distribution in merged.items())
        merged[TOTAL] = Distribution.merged(merged.values())
        total = row(TOTAL, merged[TOTAL], measured_s)
    else:
        rows = tuple(_stats_row(name, found, measured_s) for name, found in sorted(last.items()))
        empty = {"requests": sum(row.operations for row in rows), "failures": sum(row.failures for row in rows)}
        total = _stats_row(TOTAL, everything or empty, measured_s)
    load = _offered(everything or {}, (*rows, total), merged.get(TOTAL), measured_s)
    return Headline(
        rows=rows,
        total=total,
        measured_s=measured_s,
        errors=_errors(everything),
        from_distributions=bool(merged),
        load=load,
        open_loop=load is not None or total.response is not None,
        distributions=merged,
    )


def row(name: str, distribution: Distribution, measured_s: float) -> Row:
    """The results of one distribution over `measured_s` seconds."""
    censored = distribution.censored
    return Row(
        operation=name,
        operations=distribution.requests,
        failures=distribution.failures,
        rate_per_s=distribution.requests / measured_s if measured_s > 0 else None,
        service=_latencies(distribution),
        response=None if distribution.response is None else _latencies(distribution.response),
        overflows=distribution.overflows,
        suppressed=distribution.suppressed,
        censored=censored.requests if censored else 0,
        censored_max_us=censored.max_us if censored else None,
    )


def _latencies(clock: Distribution) -> Latencies:
    p50_us, p95_us, p99_us, p999_us = clock.percentiles_us(HEADLINE_PERCENTILES)
    return Latencies(clock.mean_us, p50_us, p95_us, p99_us, p999_us, clock.max_us)


def _offered(
    found: Mapping[str, Any], rows: Sequence[Row], total: Distribution | None, measured_s: float
) -> OfferedLoad | None:
    """`rows` has the total last. Only what was due has slipped; without distributions, all operations were due."""
    offered = _whole(found, "offered")
    if offered is None:
        return None
    rate = offered / measured_s if measured_s > 0 else None
    achieved, waiting = rows[-1].operations, rows[-1].censored
    if total is not None:
        achieved = total.slip.requests if total.slip else 0
        waiting = sum(row.censored for row in rows[:-1] if row.response is not None or not row.operations)
    return OfferedLoad(offered, achieved, waiting, _whole(found, "missed"), _whole(found, "dropped"), rate)


def _number(found: Mapping[str, Any], column: str) -> float | None:
    value = found.get(column)
    return None if value is None or value != value else float(value)


def _whole(found: Mapping[str, Any], column: str) -> int | None:
    value = _number(found, column)
    return None if value is None else int(value)


def stats_totals(run: RunFolder) -> tuple[int, int] | None:
    """Operations and failures of the measured stage as `locust-stats.csv` counts them; None when it does not."""
    last = _last_rows(run)
    found = last.get(AGGREGATED)
    return None if found is None else (int(found["requests"]), int(found["failures"]))


def _last_rows(run: RunFolder) -> dict[str, dict[str, Any]]:
    """The last row (counts are cumulative) of each operation of the measured stage, over all workers."""
    last: dict[str, dict[str, Any]] = {}
    for record in run.last_stats[run.last_stats["stage"] == MEASURED].to_dict("records"):
        name = str(record["name"])
        key = AGGREGATED if name == AGGREGATED else operation_name(str(record["type"]), name)
        last[key] = {str(column): value for column, value in record.items()}
    return last


def _errors(found: Mapping[str, Any] | None) -> dict[str, int]:
    try:
        errors = json.loads(found["errors"]) if found and found["errors"] else {}
        return {str(name): int(count) for name, count in errors.items() if int(count) > 0}
    except (ValueError, TypeError, AttributeError):
        return {}


def _stats_row(name: str, found: Mapping[str, Any], measured_s: float) -> Row:
    operations = int(found["requests"])
    columns = {percentile: column for column, percentile in PERCENTILES.items()}
    named = ("mean_us", *(columns[wanted] for wanted in HEADLINE_PERCENTILES), "max_us")
    response = [_number(found, f"{RESPONSE}_{column}") for column in named]
    return Row(
        operation=name,
        operations=operations,
        failures=int(found["failures"]),
        rate_per_s=operations / measured_s if measured_s > 0 else None,
        service=Latencies(*(_number(found, column) if operations else None for column in named)),
        response=Latencies(*response) if any(value is not None for value in response) else None,
        overflows=_whole(found, "overflows") or 0,
        suppressed=_whole(found, "suppressed") or 0,
        censored=_whole(found, "censored") or 0,
        censored_max_us=_number(found, "censored_max_us"),
    )
