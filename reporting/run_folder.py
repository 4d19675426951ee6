"""Reads a run folder into memory, whatever state it is in.

The folder follows the results contract; its columns are those of `locust_extra.columns`, `zk_metrics.columns` and
`host_metrics.columns`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from host_metrics.columns import HOST_COLUMNS
from locust_extra.columns import AGGREGATED, EVENT_COLUMNS, STATS_COLUMNS
from reporting import manifest as manifests
from reporting.csv_tables import Kind, read_table
from reporting.distributions import Distribution, Histogram
from reporting.errors import InputError
from reporting.manifest import Manifest
from reporting.parsing import finite, parse_time, read_json_lines, read_json_object
from reporting.problems import Problem, ProblemLog
from zk_metrics.columns import METRIC_COLUMNS

STATS_FILE: Final = "locust-stats.csv"
DISTRIBUTIONS_FILE: Final = "locust-distrib.jsonl"
METRICS_FILE: Final = "zk-metrics.csv"
HOST_METRICS_FILE: Final = "host-metrics.csv"
EVENTS_FILE: Final = "events.csv"

_STATS_KINDS: Final[Mapping[str, Kind]] = {
    name: Kind.TIME
    if name == "timestamp"
    else Kind.TEXT
    if name in ("part", "worker", "type", "name", "errors")
    else Kind.NUMBER
    for name in STATS_COLUMNS
}
_METRIC_KINDS: Final[Mapping[str, Kind]] = {
    name: Kind.TIME if name == "timestamp" else Kind.NUMBER if name == "elapsed_s" else Kind.TEXT
    for name in METRIC_COLUMNS
}
_HOST_KINDS: Final[Mapping[str, Kind]] = {
    name: Kind.TIME
    if name == "timestamp"
    else Kind.TEXT
    if name in ("host", "machine", "kernel", "process")
    else Kind.NUMBER
    for name in HOST_COLUMNS
}
_EVENT_KINDS: Final[Mapping[str, Kind]] = {
    name: Kind.TIME if name == "timestamp" else Kind.TEXT for name in EVENT_COLUMNS
}

# What the report shows of a member. The file holds some hundred metrics more, a long run millions of rows.
METRICS_WANTED: Final = frozenset(
    {
        "reachable",
        "outstanding_requests",
        "num_alive_connections",
        "znode_count",
        "watch_count",
        "avg_latency",
        "server_state",
        "version",
    }
)


@dataclass(frozen=True, slots=True)
class DistributionLine:
    """One line of `locust-distrib.jsonl`: the latencies of one operation within one interval, over all workers."""

    timestamp: float  # end of the interval, seconds since the epoch; a label
    elapsed_s: float  # the same on the load's own clock, since the load started
    interval_s: float
    part: str
    interval: int
    operation: str
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Everything that reporting reads of a run.

    `stats`, `metrics`, `host_metrics` and `events` have the columns of `STATS_COLUMNS`, `METRIC_COLUMNS`,
    `HOST_COLUMNS` and `EVENT_COLUMNS`; their timestamps are seconds since the epoch. `metrics` holds only
    `METRICS_WANTED`, its values as text.
    """

    path: Path
    manifest: Manifest
    stats: pd.DataFrame
    distributions: tuple[DistributionLine, ...]
    metrics: pd.DataFrame
    host_metrics: pd.DataFrame
    events: pd.DataFrame
    problems: tuple[Problem, ...]

    @property
    def run_id(self) -> str:
        """The run's id, which is its folder's name where the manifest does not say."""
        return self.manifest.run_id or self.path.name


def operation_name(request_type: str, name: str) -> str:
    """What the report calls an operation; the type is said only where it is not ZooKeeper's."""
    return name if request_type in ("", "zookeeper") else f"{name} ({request_type})"


def check_folder(path: Path) -> Path:
    """The folder's real path. Raises InputError when it is none, or holds nothing of a run."""
    if not path.exists():
        raise InputError(f"run folder [{path}] does not exist; `zk-locust-report runs` lists the runs there are")
    if not path.is_dir():
        raise InputError(f"run folder [{path}] is a file; give the folder results/<run_id> that holds it")
    known = (manifests.FILE, STATS_FILE, DISTRIBUTIONS_FILE, METRICS_FILE, HOST_METRICS_FILE, EVENTS_FILE)
    if not any((path / name).exists() for name in known):
        raise InputError(f"run folder [{path}] holds none of {', '.join(known)}; give a folder results/<run_id>")
    return path.resolve()


def load(path: Path) -> RunFolder:
    """Read a run folder. Raises InputError when it is none; everything else that is wrong is in `problems`."""
    folder = check_folder(path)
    problems = ProblemLog()
    raw = read_json_object(
        folder / manifests.FILE, problems, missing="what was run, on which hosts and with which versions is not known"
    )
    manifest = manifests.parse(raw, problems)
    stats = read_table(
        folder / STATS_FILE,
        _STATS_KINDS,
        problems,
        missing="workers' CPU and the users over time are not known",
        lost_figures=True,
        check=("elapsed_s", "part", "interval", "worker", "name"),
    )
    distributions = tuple(_distributions(folder / DISTRIBUTIONS_FILE, problems))
    metrics = read_table(
        folder / METRICS_FILE,
        _METRIC_KINDS,
        problems,
        missing="the members' metrics are not known",
        accept=lambda row: row.get("metric") in METRICS_WANTED,
    )
    host_metrics = read_table(
        folder / HOST_METRICS_FILE,
        _HOST_KINDS,
        problems,
        missing="what the machines and their processes used is not known",
        check=("host", "machine"),
        optional=("kernel",),
        may_be_missing=manifest.samples_no_machine,
    )
    events = read_table(
        folder / EVENTS_FILE, _EVENT_KINDS, problems, missing="what happened when, lost workers included, is not known"
    )
    return RunFolder(folder, manifest, stats, distributions, metrics, host_metrics, events, tuple(problems.all()))


def _distributions(path: Path, problems: ProblemLog) -> list[DistributionLine]:
    found = []
    missing = "latency distributions are not known"
    for number, value in read_json_lines(path, problems, missing=missing, lost_figures=True):
        try:
            line = _distribution_line(value)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            reason = f"lacks the field {error}" if isinstance(error, KeyError) else str(error)[:80]
            problems.add(path.name, number, f"{reason}; the line is left out", lost_figures=True)
            continue
        if line.operation == AGGREGATED:
            continue  # a sum over operations would count every one of them twice
        distribution = line.distribution
        held = distribution.histogram.total + distribution.overflows
        if held != distribution.requests:
            text = f"its histogram holds {held} operations where requests says {distribution.requests}"
            problems.add(path.name, number, text, lost_figures=True)
        found.append(line)
    return found


def _distribution_line(value: Any) -> DistributionLine:
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    extremes = [None if value[key] is None else round(value[key]) for key in ("min_us", "max_us")]
    return DistributionLine(
        timestamp=parse_time(value["timestamp"]),
        elapsed_s=finite(value["elapsed_s"]),
        interval_s=finite(value["interval_s"]),
        part=str(value["part"]),
        interval=int(value["interval"]),
        operation=operation_name(str(value.get("type") or ""), str(value["name"])),
        distribution=Distribution(
            histogram=Histogram.from_counts({int(low): int(count) for low, count in value["histogram"].items()}),
            requests=int(value["requests"]),
            failures=int(value["failures"]),
            sum_us=round(value["sum_us"]),
            min_us=extremes[0],
            max_us=extremes[1],
            overflows=int(value["overflows"]),
        ),
    )
