"""Trials of costs: an operation inside Locust beside raw frames in C, and the master of a large fleet."""

from collections.abc import Iterator
from typing import Final

from benchmarks.client_cost import compile_floor, measure_floor_in_c, prepare
from benchmarks.locust_cost import measure
from benchmarks.standalone_server import standalone_server
from benchmarks.truth.locust_run import Load, run_replicated
from benchmarks.truth.scripted_server import GET
from benchmarks.truth.setting import DELAY_US, Setting, Trial
from benchmarks.truth.table import Row, at_most, exact, measured
from lab.zookeeper_server import missing
from zk_locust.contract.run_files import SLOW_OPERATIONS

_USERS: Final = 32
_COST_S: Final = 6
_FLOOR_OPERATIONS: Final = 60_000
_MOST_OF_FLOOR: Final = 3.0
_WORKERS: Final = 64
_INTERVAL_MS: Final = 500
_MASTER_CPU_PERCENT: Final = 50
_MASTER_MIB: Final = 512


def operation_cost(setting: Setting) -> Iterator[Row]:
    """CPU for each get inside Locust with all records on, beside raw frames in C, and with them off (ZooKeeper)."""
    if needs := missing():
        raise RuntimeError(needs)
    costs: dict[str, float] = {}
    with standalone_server() as servers:
        program = compile_floor(servers.folder)
        if program is None:
            raise RuntimeError("there is no C compiler: apt install gcc libc6-dev")
        prepare(servers.hosts, _USERS, _FLOOR_OPERATIONS)
        for _ in range(setting.rounds):
            floor = measure_floor_in_c(program, servers.members[0].client_port, _USERS, _FLOOR_OPERATIONS)["get"]
            found = {"floor": floor} | {
                name: measure("native", servers.hosts, _USERS, _COST_S, servers.folder if recording else None)
                for name, recording in (("on", True), ("off", False))
            }
            costs = {name: min(cost, costs.get(name, cost)) for name, cost in found.items()}
    trial = f"CPU of a get inside Locust, {_USERS} users, best of {setting.rounds}"
    yield measured(trial, "raw frames in C, CPU for 10,000", 1000 * costs["floor"], "ms")
    yield at_most(trial, "native, all records on, of raw frames", _MOST_OF_FLOOR, costs["on"] / costs["floor"], "times")
    yield measured(trial, "records on, of records off", costs["on"] / costs["off"], "times")


def mastered(setting: Setting) -> Iterator[Row]:
    """64 workers report every 500 ms. One works, and speaks to the master for all of them."""
    with setting.server("master", delay_us=DELAY_US) as server:
        slowest = setting.folder / SLOW_OPERATIONS
        options: dict[str, object] = {"stats-collect": f"{_INTERVAL_MS}ms", "stats-slowest": slowest}
        load = Load(_WORKERS * 4, setting.seconds, wait_ms=5, options=options)
        said, cost = run_replicated(server.hosts, setting.folder / "master", load, workers=_WORKERS)
    received = server.counts["received"].get(str(GET), 0)
    trial = f"{_WORKERS} workers at {_INTERVAL_MS} ms"
    yield exact(trial, "requests that the server counted, for each worker", received * _WORKERS, said.accounted)
    yield at_most(trial, "the master's CPU, of one core", _MASTER_CPU_PERCENT, cost.cpu_percent, "%")
    yield at_most(trial, "the master's resident memory", _MASTER_MIB, cost.resident_mib, "MiB")
    written_mb = slowest.stat().st_size / 1e6
    yield measured(trial, f"slowest operations of {setting.seconds:g} s, written", written_mb, "MB")


COST_TRIALS: Final[dict[str, Trial]] = {"cost": operation_cost, "master": mastered}
