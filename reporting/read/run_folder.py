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
from reporting.errors import InputError
from reporting.read import manifest as manifests
from reporting.read import member_metrics, predecessor
from reporting.read.csv_tables import Kind, read_table
from reporting.read.distributions import Distribution, DistributionLine, Histogram
from reporting.read.manifest import Manifest
from reporting.read.parsing import finite, parse_time, read_json_lines, read_json_object
from reporting.read.problems import Problem, ProblemLog

STATS_FILE: Final = "locust-stats.csv"
# Runs recorded before stages were called so have them under this name.
_OLDER_NAMES: Final = {"part": "stage"}
DISTRIBUTIONS_FILE: Final = "locust-distrib.jsonl"
METRICS_FILE: Final = "zk-metrics.csv"
HOST_METRICS_FILE: Final = "host-metrics.csv"
EVENTS_FILE: Final = "events.csv"

_STATS_KINDS: Final[Mapping[str, Kind]] = {
    name: Kind.TIME
    if name == "timestamp"
    else Kind.TEXT
    if name in ("stage", "worker", "type", "name", "errors")
    else Kind.NUMBER
    for name in STATS_COLUMNS
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


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Everything that reporting reads of a run.

    `stats`, `metrics`, `host_metrics` and `events` have the columns of `STATS_COLUMNS`, `member_metrics.COLUMNS`,
    `HOST_COLUMNS` and `EVENT_COLUMNS`; their timestamps are seconds since the epoch.
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
    stats = _stats(folder / STATS_FILE, problems)
    distributions = tuple(_distributions(folder / DISTRIBUTIONS_FILE, problems))
    metrics = member_metrics.read(folder / METRICS_FILE, problems)
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


def _stats(path: Path, problems: ProblemLog) -> pd.DataFrame:
    if predecessor.is_series(path):
        return predecessor.read_series(path, problems)
    return read_table(
        path,
        _STATS_KINDS,
        problems,
        missing="workers' CPU and the users over time are not known",
        lost_figures=True,
        check=("elapsed_s", "stage", "interval", "worker", "name"),
        older_names=_OLDER_NAMES,
    )


def _distributions(path: Path, problems: ProblemLog) -> list[DistributionLine]:
    if predecessor.is_distributions(path):
        return predecessor.read_distributions(path, problems)
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
        stage=str(value.get("stage") or value["part"]),
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
