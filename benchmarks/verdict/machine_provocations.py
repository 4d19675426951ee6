"""Stand-ins for what would disturb everything on the machine, or needs another one: real runs with rewritten samples.

A clock that is set, a full disk queue, lost segments, a hypervisor that takes cores, and swapping would spoil whatever
else runs here. The load and the samples of these runs are real; only the named columns of `host-metrics.csv` are not.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.truth.locust_run import Load
from benchmarks.truth.scripted_server import ScriptedServer
from benchmarks.verdict.provocation import DELAY_US, SECONDS, Provocation, Setting
from benchmarks.verdict.recorded_run import Course, record
from reporting import judge_run
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.run_files import DISTRIBUTIONS, HOST_METRICS

COURSE: Final = Course(Load(16, SECONDS, wait_ms=5), samples=True)


Change = Callable[[Path], None]


def _rewritten(change: Change) -> Callable[[Setting], JudgedRun]:
    def run(setting: Setting) -> JudgedRun:
        folder = setting.new_folder()
        with ScriptedServer(setting.program, precise=True, delay_us=DELAY_US) as server:
            recorded = record(folder, server.hosts, COURSE)
        change(recorded)
        return judge_run(recorded)

    return run


def _column(name: str, value: float) -> Change:
    """Return what gives all of the machine's samples this value."""

    def change(run: Path) -> None:
        samples = pd.read_csv(run / HOST_METRICS)
        samples[name] = samples[name].astype(float).mask(samples["process"].isna(), value)
        samples.to_csv(run / HOST_METRICS, index=False)

    return change


def _clock(run: Path) -> None:
    """Set the wall clock of the second half by 200 ms."""
    samples = pd.read_csv(run / HOST_METRICS, parse_dates=["timestamp"])
    late = samples["elapsed_s"] > samples["elapsed_s"].median()
    samples.loc[late, "timestamp"] += pd.Timedelta(milliseconds=200)
    samples["timestamp"] = samples["timestamp"].map(lambda at: at.isoformat(timespec="microseconds"))
    samples.to_csv(run / HOST_METRICS, index=False)


def _swapped(run: Path) -> None:
    samples = pd.read_csv(run / HOST_METRICS)
    grown = samples["elapsed_s"] / samples["elapsed_s"].max() * 256 * 2**20
    samples["swap_bytes"] = grown.round().astype(int).where(samples["process"].isna())
    samples.to_csv(run / HOST_METRICS, index=False)


def _written_by_others(run: Path) -> None:
    _column("disk_busy_percent", 97.0)(run)
    _column("disk_write_bytes_per_s", 90e6)(run)


def _halved(run: Path) -> None:
    """Cut the last line, as a crash does."""
    text = (run / DISTRIBUTIONS).read_text()
    (run / DISTRIBUTIONS).write_text(text[: len(text) - 40])


CHANGES: Final[dict[str, tuple[str, str, Change]]] = {
    "clock": ("wall clock set by 200 ms", "clock-stepped", _clock),
    "disk": ("disk busy 97 %", "disk-saturated", _written_by_others),
    "retransmissions": (
        "60 segments a second sent again", "retransmissions", _column("tcp_retransmits_per_s", 60.0)
    ),
    "steal": ("30 % of a core taken by the hypervisor", "cpu-steal", _column("steal_percent", 30.0)),
    "swap": ("256 MiB swapped out", "swapping", _swapped),
    "cut-file": ("locust-distrib.jsonl cut within its last line", "figures-incomplete", _halved),
}  # fmt: skip
MACHINE_PROVOCATIONS: Final[dict[str, Provocation]] = {
    name: Provocation(how, (rule,), _rewritten(change), stand_in=True) for name, (how, rule, change) in CHANGES.items()
}
