"""Trials of costs: an operation inside Locust beside raw frames in C, and the master of a large fleet."""

from collections.abc import Iterator
from typing import Final

from benchmarks.truth.locust_run import Load, run_replicated
from benchmarks.truth.scripted_server import GET
from benchmarks.truth.setting import DELAY_US, Setting, Trial
from benchmarks.truth.table import Row, at_most, exact

_WORKERS: Final = 64
_INTERVAL_MS: Final = 500
_MASTER_CPU_PERCENT: Final = 50
_MASTER_MIB: Final = 512


def mastered(setting: Setting) -> Iterator[Row]:
    """64 workers report every 500 ms. One works, and speaks to the master for all of them."""
    with setting.server("master", delay_us=DELAY_US) as server:
        load = Load(_WORKERS * 4, setting.seconds, wait_ms=5, options={"stats-collect": f"{_INTERVAL_MS}ms"})
        said, cost = run_replicated(server.hosts, setting.folder / "master", load, workers=_WORKERS)
    received = server.counts["received"].get(str(GET), 0)
    trial = f"{_WORKERS} workers at {_INTERVAL_MS} ms"
    yield exact(trial, "requests that the server counted, for each worker", received * _WORKERS, said.accounted)
    yield at_most(trial, "the master's CPU, of one core", _MASTER_CPU_PERCENT, cost.cpu_percent, "%")
    yield at_most(trial, "the master's resident memory", _MASTER_MIB, cost.resident_mib, "MiB")


COST_TRIALS: Final[dict[str, Trial]] = {"master": mastered}
