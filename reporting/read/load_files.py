"""Reads the figures of the load: `locust-stats.csv` and `locust-distrib.jsonl`, as any version has written them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from locust_extra.columns import AGGREGATED, ALL_WORKERS, CLOCK_PERCENTILES, PERCENTILES, STATS_COLUMNS
from reporting.read import predecessor
from reporting.read.csv_tables import read_table
from reporting.read.distributions import Distribution, DistributionLine, Histogram
from reporting.read.parsing import finite, parse_time, read_records
from reporting.read.problems import ProblemLog
from reporting.read.table_format import TableFormat, kinds
from zk_locust.contract.clock_names import CENSORED, CLIENT_DELAY, CLOCKS, RESPONSE, SLIP

# Older versions did not measure these.
_NEWER: Final = (
    *("suppressed", "censored", "censored_max_us", "offered", "missed", "dropped", "queued", "away_percent", "gc_ms"),
    *(f"{clock}_{which}" for clock in (*CLOCKS, "lateness") for which in CLOCK_PERCENTILES),
)
_NOT_READ: Final = frozenset(
    (
        *("min_us", "p90_us", "p99.99_us"),
        *(f"{clock}_{which}" for clock in (SLIP, CLIENT_DELAY) for which in CLOCK_PERCENTILES),
    )
)
STATS_READ: Final = tuple(name for name in STATS_COLUMNS if name not in _NOT_READ)
"""What the report shows and judges of the series. Distributions tell the rest."""
_ONLY_LAST: Final = frozenset(
    (
        *("mean_us", *PERCENTILES, "max_us", "overflows", "censored_max_us", "errors"),
        *(f"{RESPONSE}_{which}" for which in CLOCK_PERCENTILES),
    )
)
SERIES_READ: Final = tuple(name for name in STATS_READ if name not in _ONLY_LAST)
"""What is needed of each row, of which a long run has a million. Of the others, the last value is enough."""
_STATS: Final = TableFormat(
    kinds(STATS_READ, word=("stage", "worker", "type", "name", "errors")),
    filled=("elapsed_s", "stage", "interval", "worker", "name"),
    optional=tuple(name for name in _NEWER if name in STATS_READ),
    older_names={"part": "stage"},
)


@dataclass(frozen=True, slots=True)
class Stats:
    """The series: `rows` has `SERIES_READ` of each row.

    `last` has `STATS_READ` of the last row of each operation in each stage, over all workers, and the index of `rows`.
    """

    rows: pd.DataFrame
    last: pd.DataFrame


def operation_name(request_type: str, name: str) -> str:
    """The name of an operation in the report, with its type unless that is ZooKeeper's."""
    return name if request_type in ("", "zookeeper") else f"{name} ({request_type})"


def read_stats(path: Path, problems: ProblemLog) -> Stats:
    """Return the series; timestamps are seconds since the epoch."""
    if predecessor.is_series(path):
        found = predecessor.read_series(path, problems)[list(STATS_READ)]
    else:
        missing = "workers' CPU and the users over time are not known"
        found = read_table(path, _STATS, problems, missing=missing, lost_figures=True)
    return Stats(found.drop(columns=list(_ONLY_LAST & set(STATS_READ))), _last(found))


def _last(stats: pd.DataFrame) -> pd.DataFrame:
    key = ["stage", "type", "name"]
    # Only these columns: all columns of a day take much memory.
    rows = stats.loc[stats["worker"] == ALL_WORKERS, [*key, "interval", "requests", "failures"]]
    rows = rows.dropna(subset=["requests", "failures"]).sort_values(["interval", "requests"], kind="stable")
    return stats.loc[rows.drop_duplicates(key, keep="last").index]


def read_distributions(path: Path, problems: ProblemLog) -> Iterator[DistributionLine]:
    """Yield the latencies of each operation in each interval, as the file holds them."""
    if predecessor.is_distributions(path):
        yield from predecessor.read_distributions(path, problems)
        return
    missing = "latency distributions are not known"
    for number, line in read_records(path, problems, _distribution_line, missing=missing):
        if line.operation == AGGREGATED:
            continue  # a sum over operations would count every one of them twice
        distribution = line.distribution
        held = distribution.histogram.total + distribution.overflows
        if held != distribution.requests:
            text = f"its histogram holds {held} operations where requests says {distribution.requests}"
            problems.add(path.name, number, text, lost_figures=True)
        yield line


def _distribution_line(value: Any) -> DistributionLine:
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    interval = int(value["interval"])
    clocks = {name: _distribution(value[name], "count") for name in (*CLOCKS, CENSORED) if value.get(name) is not None}
    if SLIP not in clocks:  # it follows from another operation: its due time is that of its sending
        clocks.pop(RESPONSE, None)
    return DistributionLine(
        timestamp=parse_time(value["timestamp"]),
        elapsed_s=finite(value["elapsed_s"]),
        interval_s=finite(value["interval_s"]),
        stage=str(value.get("stage") or value["part"]),
        interval=interval,
        operation=operation_name(str(value.get("type") or ""), str(value["name"])),
        distribution=_distribution(
            value, "requests", failures=int(value["failures"]), suppressed=int(value.get("suppressed") or 0), **clocks
        ),
        last_interval=interval,
    )


def _distribution(value: Any, count: str, *, failures: int = 0, **more: Any) -> Distribution:
    """Return a distribution from a JSON object, whose field `count` says how many times it holds."""
    least, most = (None if value[key] is None else round(value[key]) for key in ("min_us", "max_us"))
    return Distribution(
        histogram=Histogram.from_texts(value["histogram"]),
        requests=int(value[count]),
        failures=failures,
        sum_us=round(value["sum_us"]),
        min_us=least,
        max_us=most,
        overflows=int(value["overflows"]),
        **more,
    )
