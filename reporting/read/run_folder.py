"""Reads a run folder into memory, whatever state it is in.

The folder follows the results contract; its columns are those of `locust_extra.columns`, `zk_metrics.columns` and
`host_metrics.columns`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from host_metrics.columns import HOST_COLUMNS, STALL_COLUMNS
from reporting.errors import InputError
from reporting.read import combining, load_files, member_metrics, memory, moments, sessions, slow_operations
from reporting.read import manifest as manifests
from reporting.read.csv_tables import read_table
from reporting.read.distributions import DistributionLine
from reporting.read.manifest import Manifest
from reporting.read.parsing import read_json_object
from reporting.read.problems import Problem, ProblemLog
from reporting.read.table_format import TableFormat, kinds
from zk_locust.contract.events import CONTROLLER, EVENT_COLUMNS, RUN_START
from zk_locust.contract.run_files import DISTRIBUTIONS, EVENTS, HOST_METRICS, MANIFEST, METRICS, SLOW_OPERATIONS, STATS

HOST_METRICS_READ: Final = tuple(name for name in HOST_COLUMNS if name != "disk_read_bytes_per_s")
"""What the report shows and judges of the samples. A long run has a million of them."""
_HOST_METRICS: Final = TableFormat(
    kinds(HOST_METRICS_READ, text=(), word=("host", "machine", "kernel", "process")),
    filled=("host", "machine"),
    optional=("kernel", *STALL_COLUMNS),
)
_EVENTS: Final = TableFormat(
    kinds(EVENT_COLUMNS, text=("source", "event", "subject", "detail", "clock")),
    optional=("duration_s", "clock"),
)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Everything that reporting reads of a run.

    `stats`, `metrics`, `host_metrics`, `slow_operations` and `events` have the columns of
    `load_files.SERIES_READ`, `member_metrics.COLUMNS`, `HOST_METRICS_READ`, `SLOW_COLUMNS` and `EVENT_COLUMNS`, and
    `moments` and `sessions` those of `moments.COLUMNS` and `sessions.COLUMNS`; their timestamps are seconds since the
    epoch. `sessions` is None where they were not recorded. `stats` and `last_stats` are `load_files.Stats`.

    `distributions` are of single intervals, or in a long run of `together` adjacent ones: those of a stage whose
    numbers divided by `together` give the same whole number. `intervals` always has the figures of each interval, with
    `interval_figures.COLUMNS`.
    """

    path: Path
    manifest: Manifest
    stats: pd.DataFrame
    last_stats: pd.DataFrame
    distributions: tuple[DistributionLine, ...]
    together: int
    intervals: pd.DataFrame
    metrics: pd.DataFrame
    host_metrics: pd.DataFrame
    slow_operations: pd.DataFrame
    moments: pd.DataFrame
    sessions: pd.DataFrame | None
    events: pd.DataFrame
    problems: tuple[Problem, ...]

    @property
    def run_id(self) -> str:
        """The run's id, which is its folder's name where the manifest does not say."""
        return self.manifest.run_id or self.path.name


def check_folder(path: Path) -> Path:
    """The folder's real path. Raises InputError when it is none, or holds nothing of a run."""
    if not path.exists():
        raise InputError(f"run folder [{path}] does not exist; `zk-locust-report runs` lists the runs there are")
    if not path.is_dir():
        raise InputError(f"run folder [{path}] is a file; give the folder results/<run_id> that holds it")
    known = (MANIFEST, STATS, DISTRIBUTIONS, METRICS, HOST_METRICS, EVENTS)
    if not any((path / name).exists() for name in known):
        raise InputError(f"run folder [{path}] holds none of {', '.join(known)}; give a folder results/<run_id>")
    return path.resolve()


def load(path: Path) -> RunFolder:
    """Read a run folder. Raises InputError when it is none; everything else that is wrong is in `problems`."""
    folder = check_folder(path)
    memory.map_large_blocks()
    problems = ProblemLog()
    raw = read_json_object(
        folder / MANIFEST, problems, missing="what was run, on which hosts and with which versions is not known"
    )
    manifest = manifests.parse(raw, problems)
    stats = load_files.read_stats(folder / STATS, problems)
    distributions = combining.combined(load_files.read_distributions(folder / DISTRIBUTIONS, problems))
    memory.release()
    metrics = member_metrics.read(folder / METRICS, problems)
    host_metrics = read_host_metrics(folder / HOST_METRICS, problems, may_be_missing=manifest.samples_no_machine)
    return RunFolder(
        path=folder,
        manifest=manifest,
        stats=stats.rows,
        last_stats=stats.last,
        distributions=distributions.lines,
        together=distributions.together,
        intervals=distributions.figures,
        metrics=metrics,
        host_metrics=host_metrics,
        slow_operations=slow_operations.read(folder / SLOW_OPERATIONS, problems),
        moments=moments.read(folder, problems),
        sessions=sessions.read(folder, problems),
        events=_read_events(folder / EVENTS, problems),
        problems=tuple(problems.all()),
    )


def _read_events(path: Path, problems: ProblemLog) -> pd.DataFrame:
    """Return the events of the first test. A second one in the same Locust process has figures of its own.

    What the controller did belongs to the folder, whenever it was.
    """
    found = read_table(path, _EVENTS, problems, missing="what happened when, lost workers included, is not known")
    second = found.loc[found["event"] == RUN_START, "timestamp"].min()  # NaN without one
    later = (found["timestamp"] > second) & (found["source"] != CONTROLLER)
    return found[~later].reset_index(drop=True) if later.any() else found


def read_host_metrics(path: Path, problems: ProblemLog, *, may_be_missing: bool = False) -> pd.DataFrame:
    """Return the samples of machines and processes with `HOST_METRICS_READ`."""
    missing = "what the machines and their processes used is not known"
    return read_table(path, _HOST_METRICS, problems, missing=missing, may_be_missing=may_be_missing)
