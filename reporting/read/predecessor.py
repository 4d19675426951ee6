"""Reads the files of the predecessor's last version (2019).

The series (`LOCUST_EXTRA_STATS_CSV`) has a row for each request name at each sample, the distributions
(`LOCUST_EXTRA_STATS_DISTRIB`) a JSON object. Both are cumulative since the start or the last reset of Locust's
statistics (`--reset-stats`), with times in milliseconds as Locust rounds them. `method` is the operation, `name` the
task set. Counts before the last reset count as warm-up.

`num_requests` includes failed requests since Locust 0.12. The files do not tell the version.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from locust_extra.columns import AGGREGATED, ALL_WORKERS, STATS_COLUMNS
from reporting.read.csv_tables import header_of, read_table
from reporting.read.distributions import Distribution, DistributionLine, Histogram
from reporting.read.parsing import finite, parse_time, read_json_lines, read_records
from reporting.read.problems import ProblemLog
from reporting.read.table_format import Kind, TableFormat
from zk_locust.contract.ranks import bucket_of
from zk_locust.contract.stage_names import MEASURED, WARM_UP

_TOTALS: Final = frozenset({"Total", AGGREGATED})
_PERCENTILES: Final[Mapping[str, str]] = {"50%": "p50_us", "90%": "p90_us", "95%": "p95_us", "99%": "p99_us"}
_MILLISECONDS: Final[Mapping[str, str]] = {
    "avg_response_time": "mean_us",
    "min_response_time": "min_us",
    "max_response_time": "max_us",
    **_PERCENTILES,
}
_SERIES: Final = TableFormat(
    {
        "timestamp": Kind.TIME,
        "method": Kind.TEXT,
        "name": Kind.TEXT,
        "client_id": Kind.TEXT,
        **dict.fromkeys(("num_requests", "num_failures", "user_count", *_MILLISECONDS), Kind.NUMBER),
    },
    filled=("timestamp", "num_requests", "num_failures"),
    optional=("user_count", "client_id"),
)
LACKS: Final = (
    "was written by the predecessor (2019): times are rounded to milliseconds, requests may contain failed ones, and "
    "it lacks p99.9, errors, and the workers' CPU; what was counted before the last reset is taken for the warm-up"
)
LACKS_OF_DISTRIBUTIONS: Final = (
    "was written by the predecessor (2019): times are rounded to milliseconds and may contain those of failed requests"
)


class _Look(NamedTuple):
    """One line of the distributions: an operation since the start or the last reset."""

    timestamp: float
    operation: str
    counts: dict[int, int]  # milliseconds to requests
    requests: int
    failures: int
    sum_ms: float


def is_series(path: Path) -> bool:
    """Whether the file is a series of the predecessor's."""
    return {"method", "num_requests"} <= header_of(path)


def operation_of(method: str, name: str) -> str:
    """Return what the report calls an operation: task set and operation, or whichever there is."""
    if name in _TOTALS and method in ("", "None"):
        return AGGREGATED
    return "/".join(part for part in (name, method) if part and part != "None")


def read_series(path: Path, problems: ProblemLog) -> pd.DataFrame:
    """Return the series as a frame with `STATS_COLUMNS`; columns that it lacks are NaN or empty."""
    problems.add(path.name, None, LACKS, lost_figures=True)
    found = read_table(path, _SERIES, problems, missing="the series is not known", lost_figures=True)
    found = found[found["client_id"] == ""].sort_values("timestamp", kind="stable").reset_index(drop=True)
    names = [operation_of(method, name) for method, name in zip(found["method"], found["name"], strict=True)]
    frame = pd.DataFrame(
        {
            "timestamp": found["timestamp"],
            "elapsed_s": found["timestamp"] - found["timestamp"].min(),
            "worker": ALL_WORKERS,
            "type": ["" if name == AGGREGATED else "zookeeper" for name in names],
            "name": names,
            "requests": found["num_requests"],
            "failures": found["num_failures"],
            "overflows": 0.0,
            "users": found["user_count"],
            "errors": "",
            **{ours: found[theirs] * 1000 for theirs, ours in _MILLISECONDS.items()},
        }
    )
    totals = frame[frame["name"] == AGGREGATED]
    places = _places(list(zip(totals["timestamp"], totals["requests"], strict=True)))
    frame = frame[frame["timestamp"].isin(places)]
    frame["stage"] = [places[timestamp][0] for timestamp in frame["timestamp"]]
    frame["interval"] = [float(places[timestamp][1]) for timestamp in frame["timestamp"]]
    return frame.reindex(columns=list(STATS_COLUMNS)).reset_index(drop=True)


def _places(totals: list[tuple[float, float]]) -> dict[float, tuple[str, int]]:
    """Return stage and number of the interval that ends at each look, from time and count of all requests."""
    resets = [i for i in range(1, len(totals)) if totals[i][1] < totals[i - 1][1]]
    last = resets[-1] if resets else 0
    return {timestamp: (WARM_UP, i) if i < last else (MEASURED, i - last) for i, (timestamp, _) in enumerate(totals)}


def read_distributions(path: Path, problems: ProblemLog) -> list[DistributionLine]:
    """Return what each distribution gained between two samples."""
    problems.add(path.name, None, LACKS_OF_DISTRIBUTIONS, lost_figures=True)
    looks: list[_Look] = []
    totals: dict[float, float] = {}
    for _, look in read_records(path, problems, _look, missing="latencies are not known"):
        if look.operation == AGGREGATED:
            totals[look.timestamp] = look.requests
        else:
            looks.append(look)
    return _differences(looks, _places(sorted(totals.items())))


def _look(value: Any) -> _Look:
    counts = {round(finite(ms)): int(count) for ms, count in value["response_times"].items()}
    if any(ms < 0 or count < 0 for ms, count in counts.items()):
        raise ValueError("holds negative times or counts")
    requests = int(value["num_requests"])
    return _Look(
        timestamp=parse_time(value["timestamp"]),
        operation=operation_of(str(value["method"] or ""), str(value["name"] or "")),
        counts=counts,
        requests=requests,
        failures=int(value["num_failures"]),
        sum_ms=finite(value["avg_response_time"]) * requests,
    )


def _differences(looks: list[_Look], places: Mapping[float, tuple[str, int]]) -> list[DistributionLine]:
    times = sorted(places)
    before_of = dict(zip(times[1:], times, strict=False))
    last: dict[str, _Look] = {}
    found = []
    for look in sorted(looks, key=lambda look: look.timestamp):
        timestamp = look.timestamp
        if timestamp not in places:
            continue  # without a total at that time; the next sample includes its counts
        known = last.get(look.operation, look._replace(counts={}, failures=0, sum_ms=0.0))
        last[look.operation] = look
        if sum(look.counts.values()) < sum(known.counts.values()) or look.failures < known.failures:
            known = look._replace(counts={}, failures=0, sum_ms=0.0)  # the statistics were reset
        grown = {ms: more for ms, count in look.counts.items() if (more := count - known.counts.get(ms, 0)) > 0}
        failures = look.failures - known.failures
        if not grown and not failures:
            continue
        by_bucket: Counter[int] = Counter()
        for ms, count in grown.items():
            by_bucket[bucket_of(ms * 1000)] += count
        stage, interval = places[timestamp]
        found.append(
            DistributionLine(
                timestamp=timestamp,
                elapsed_s=timestamp - times[0],
                interval_s=timestamp - before_of.get(timestamp, timestamp),
                stage=stage,
                interval=interval,
                operation=look.operation,
                distribution=Distribution(
                    histogram=Histogram.from_counts(by_bucket),
                    requests=sum(grown.values()),
                    failures=failures,
                    sum_us=max(0, round((look.sum_ms - known.sum_ms) * 1000)),
                    min_us=min(grown) * 1000 if grown else None,
                    max_us=max(grown) * 1000 if grown else None,
                    overflows=0,
                ),
                last_interval=interval,
            )
        )
    return found


def is_distributions(path: Path) -> bool:
    """Whether the file holds distributions of the predecessor's."""
    first = next((value for _, value in read_json_lines(path, ProblemLog(), missing="")), None)
    return isinstance(first, dict) and "response_times" in first
