"""Writes run folders of any length as a load leaves them: what reports of long runs are measured on.

All are open loops with all clocks. The slowest operations fill their file up to its limit, and the members' logs have
given as many events as are kept of them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.member_logs.log_folder import MOST_EVENTS
from host_metrics.columns import HOST_COLUMNS
from locust_extra.columns import CLOCK_PERCENTILES, PERCENTILES, SLOW_COLUMNS, STATS_COLUMNS
from locust_extra.slow_file import LIMIT_BYTES
from zk_locust.contract.clock_names import CLOCKS
from zk_locust.contract.events import ELECTION, EVENT_COLUMNS, GC_PAUSE, SLOW_FSYNC, WORKER_LATE
from zk_locust.contract.ranks import bucket_of
from zk_locust.contract.run_files import DISTRIBUTIONS, EVENTS, HOST_METRICS, MANIFEST, METRICS, SLOW_OPERATIONS, STATS
from zk_locust.load.slowest import MOST
from zk_metrics.columns import METRIC_COLUMNS

START: Final = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
MEMBERS: Final = tuple(f"zk{i + 1}" for i in range(5))
WARM_UP_SHARE: Final = 1 / 60
MORE_METRICS: Final = 300  # columns of a member beyond those that are always there
RATE: Final = 400  # of each operation in each interval
DIFFERENT: Final = 211  # distributions and polls that are repeated
PAUSE_EACH_S: Final = 1.0
FSYNC_EACH_S: Final = 10.0
LATE_EACH_S: Final = 30.0
BEHIND_S: Final = 0.05  # of each host's clock, against that of the one before
DRIFT_MS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How long a run is, and what it has in each interval."""

    seconds: int
    interval_s: float
    operations: tuple[str, ...]
    workers: int

    @property
    def intervals(self) -> int:
        """How many there are."""
        return round(self.seconds / self.interval_s)

    def label(self, number: int) -> tuple[str, str, str, int]:
        """Return timestamp, elapsed seconds, stage and number within it of an interval of the load."""
        warm_up = round(self.intervals * WARM_UP_SHARE)
        end_s = (number + 1) * self.interval_s
        place = ("warm-up", number) if number < warm_up else ("measured", number - warm_up)
        return stamp(end_s), f"{end_s:.6f}", *place


SHAPES: Final[Mapping[str, Shape]] = {
    "minute": Shape(60, 1.0, ("get", "set", "create"), 8),
    "hour": Shape(3600, 0.5, ("get", "set", "create", "delete"), 32),
    "day": Shape(86_400, 1.0, ("get", "set", "create"), 8),
}


def stamp(elapsed_s: float) -> str:
    """Return the label of a moment of the load."""
    return (START + timedelta(seconds=elapsed_s)).isoformat(timespec="microseconds")


def line(columns: tuple[str, ...], values: Mapping[str, object]) -> str:
    """Return a line of a CSV file; columns without a value are blank."""
    return ",".join(str(values.get(name, "")) for name in columns) + "\n"


def worker_name(number: int) -> str:
    """Return the name of a worker: eight share a host."""
    return f"load{number // 8 + 1}/worker-{number % 8 + 1}"


def write_stats(path: Path, shape: Shape, workers: int) -> None:
    """Write `locust-stats.csv`: the counts grow as those of a steady load do."""
    label = {"timestamp": "@label", "elapsed_s": "@elapsed", "stage": "@stage", "interval": "@number"}
    latencies: dict[str, object] = {column: 600 + 10 * place for place, column in enumerate(PERCENTILES)}
    latencies |= {"failures": 0, "mean_us": "65@mean.3", "min_us": 240, "max_us": 48211, "overflows": 0}
    latencies |= {"suppressed": 0, "censored": 0, "users": 64, "errors": "{}"}
    latencies |= {f"{clock}_{which}": 90 for clock in CLOCKS for which in CLOCK_PERCENTILES}
    offered: dict[str, object] = {"offered": "@all", "missed": 0, "dropped": 0, "queued": 0}
    rows: list[dict[str, object]] = [
        {"worker": "all", "type": "zookeeper", "name": name, "requests": "@each"} for name in shape.operations
    ]
    rows.append({"worker": "all", "name": "Aggregated", "requests": "@all"} | offered)
    for i in range(workers):
        cpu: dict[str, object] = {"cpu_percent": f"{41 + i % 9}.3", "cpu_wait_percent": "1.2", "gc_ms": "0.8"}
        cpu |= {f"lateness_{which}": str(60 + i % 9) for which in CLOCK_PERCENTILES}
        rows.append({"worker": worker_name(i), "name": "Aggregated", "requests": "@worker"} | cpu)
    lines = "".join(line(STATS_COLUMNS, latencies | label | row) for row in rows)
    with path.open("w") as file:
        file.write(line(STATS_COLUMNS, {name: name for name in STATS_COLUMNS}))
        for number in range(shape.intervals):
            label_, elapsed_s, stage, interval = shape.label(number)
            text = lines.replace("@label", label_).replace("@elapsed", elapsed_s).replace("@stage", stage)
            each = (interval + 1) * RATE
            text = text.replace("@number", str(interval)).replace("@mean", str(interval % 7))
            text = text.replace("@each", str(each)).replace("@all", str(each * len(shape.operations)))
            file.write(text.replace("@worker", str(each // 8)))


def times(values: NDArray[np.int64]) -> dict[str, Any]:
    """Return the fields that tell these times in a line of `locust-distrib.jsonl`."""
    buckets, counts = np.unique([bucket_of(value) for value in values.tolist()], return_counts=True)
    return {
        "sum_us": int(values.sum()),
        "min_us": int(values.min()),
        "max_us": int(values.max()),
        "overflows": 0,
        "histogram": dict(zip(map(str, buckets.tolist()), counts.tolist(), strict=True)),
    }


def write_distributions(path: Path, shape: Shape) -> None:
    """Write `locust-distrib.jsonl` of an open loop: `RATE` times of each operation and clock in each interval."""
    random = np.random.default_rng(7)
    different = []
    for _ in range(DIFFERENT):
        service = random.lognormal(np.log(650), 0.4, RATE).astype(int)
        slip = random.lognormal(np.log(40), 0.3, RATE).astype(int)
        clocks = {"response": service + slip, "slip": slip}
        clocks["client_delay"] = random.lognormal(np.log(80), 0.4, RATE).astype(int)
        counted = {clock: {"count": RATE, **times(values)} for clock, values in clocks.items()}
        found = {"requests": RATE, "failures": 0, "suppressed": 0, **times(service), **counted}
        different.append(json.dumps(found)[1:])
    with path.open("w") as file:
        for number in range(shape.intervals):
            label, elapsed_s, stage, interval = shape.label(number)
            for at, name in enumerate(shape.operations):
                head = {"timestamp": label, "elapsed_s": float(elapsed_s), "interval_s": shape.interval_s}
                head |= {"stage": stage, "interval": interval, "type": "zookeeper", "name": name}
                body = different[(number * len(shape.operations) + at) % DIFFERENT]
                file.write(f"{json.dumps(head)[:-1]}, {body}\n")


def write_metrics(path: Path, shape: Shape) -> None:
    """Write `zk-metrics.csv`: a poll of each member each second, with all columns that a busy member fills."""
    more = [f"metric_{i}" for i in range(MORE_METRICS)]
    columns = (*METRIC_COLUMNS, *more)
    polls = []
    for second in range(DIFFERENT):
        row: dict[str, object] = {"timestamp": "@label", "elapsed_s": "@elapsed", "reachable": 1, "poll_ms": 3.2}
        row |= {"server_state": "follower", "version": '"3.8.0-x, built on 2022-02-25"', "member": "@member"}
        row |= {"outstanding_requests": second % 5, "num_alive_connections": 13, "znode_count": 5 + second}
        row |= {"avg_latency": f"{0.4 + second % 10 / 100:.4f}", "watch_count": 16}
        polls.append(line(columns, row | {name: second * place % 1000 for place, name in enumerate(more)}))
    with path.open("w") as file:
        file.write(line(columns, {name: name for name in columns}))
        for second in range(shape.seconds):
            text = polls[second % DIFFERENT].replace("@label", stamp(second)).replace("@elapsed", f"{second:.6f}")
            file.writelines(text.replace("@member", member) for member in MEMBERS)


def hosts_of(workers: int) -> dict[str, list[str]]:
    """Return the processes that are sampled on each host."""
    hosts = {member: ["zookeeper"] for member in MEMBERS}
    for i in range(workers):
        hosts.setdefault(f"load{i // 8 + 1}", ["master"] if i == 0 else []).append(f"worker-{i % 8 + 1}")
    return hosts


def write_machines(path: Path, shape: Shape, workers: int) -> None:
    """Write `host-metrics.csv`: each second a row of each machine and of each process."""
    lines = ""
    for host, processes in hosts_of(workers).items():
        label: dict[str, object] = {"timestamp": "@label", "elapsed_s": "@elapsed", "host": host, "machine": host}
        used: dict[str, object] = {"cores": 8, "cpu_percent": "310.5", "iowait_percent": "1.0", "steal_percent": "0.2"}
        used |= {"memory_bytes": 3 * 1024**3, "memory_total_bytes": 8 * 1024**3, "swap_bytes": 0}
        used |= {"disk_read_bytes_per_s": "0.0", "disk_write_bytes_per_s": "@written", "disk_busy_percent": "12.5"}
        used |= {"net_receive_bytes_per_s": "2500000.5", "net_send_bytes_per_s": "1200000.5"}
        lines += line(HOST_COLUMNS, label | used | {"tcp_retransmits_per_s": "0.1"})
        for process in processes:
            used = {"process": process, "cpu_percent": "41.3", "cpu_wait_percent": "1.2", "swap_bytes": 0}
            lines += line(HOST_COLUMNS, label | used | {"memory_bytes": 90 * 1024**2, "threads": 4, "open_files": 80})
    with path.open("w") as file:
        file.write(line(HOST_COLUMNS, {name: name for name in HOST_COLUMNS}))
        for second in range(1, shape.seconds + 1):
            text = lines.replace("@label", stamp(second)).replace("@elapsed", f"{second:.6f}")
            file.write(text.replace("@written", f"{1e6 + second % 1000:.1f}"))


def write_slowest(path: Path, shape: Shape, workers: int) -> None:
    """Write `slow-operations.csv`: as many of the slowest of each interval as its limit of size leaves room for."""
    random = np.random.default_rng(11)
    count = RATE * len(shape.operations)
    slowest = [np.sort(random.lognormal(np.log(650), 0.4, count).astype(int))[::-1] for _ in range(DIFFERENT)]
    room = LIMIT_BYTES / shape.intervals
    with path.open("w") as file:
        file.write(line(SLOW_COLUMNS, {name: name for name in SLOW_COLUMNS}))
        for number in range(shape.intervals):
            _, end_s, stage, interval = shape.label(number)
            begins_s = float(end_s) - shape.interval_s * random.uniform(0.1, 1.0, count)
            written = 0
            for at, took_us in enumerate(slowest[number % DIFFERENT].tolist()[: MOST * workers]):
                due_s, arrived_s, member = float(begins_s[at]), float(begins_s[at]) + took_us / 1e6, at % len(MEMBERS)
                written += file.write(
                    f"{stage},{interval},{worker_name(at % workers)},zookeeper,"
                    f"{shape.operations[at % len(shape.operations)]},{due_s:.6f},{due_s + 0.00004:.6f},{arrived_s:.6f},"
                    f"{arrived_s + 0.00008:.6f},{took_us},ok,{0x10001A2B3C40000 + at:#x},{MEMBERS[member]}:2181,"
                    f"{number * count + at}\n"
                )
                if written >= room:
                    break


def events_of(shape: Shape, workers: int) -> Iterator[dict[str, object]]:
    """Give the events: pauses, slow fsyncs and an election of each member by its own clock, and late workers."""
    for place, member in enumerate(MEMBERS):
        found = [(0.4 * shape.seconds, ELECTION, 0.25)]
        for kind, each_s, took_s in ((GC_PAUSE, PAUSE_EACH_S, 0.012), (SLOW_FSYNC, FSYNC_EACH_S, 0.06)):
            found += [(at_s + 0.1 * place, kind, took_s) for at_s in np.arange(0.3, shape.seconds - 1, each_s)]
        for at_s, kind, took_s in found[:MOST_EVENTS]:
            told: dict[str, object] = {"source": member, "subject": member, "clock": member, "duration_s": took_s}
            yield {"timestamp": stamp(float(at_s) - BEHIND_S * (place + 1)), "event": kind, "detail": "told"} | told
    for i in range(workers):
        for at_s in np.arange(0.7, shape.seconds - 1, LATE_EACH_S):
            at_s += i % int(LATE_EACH_S)
            told = {"source": worker_name(i).partition("/")[0], "subject": worker_name(i), "duration_s": 0.03}
            yield {"timestamp": stamp(float(at_s)), "event": WORKER_LATE, "detail": "30 ms"} | told


def write_events(path: Path, shape: Shape, workers: int) -> None:
    """Write `events.csv` in order of the labels."""
    lines = sorted(line(EVENT_COLUMNS, event) for event in events_of(shape, workers))
    path.write_text(line(EVENT_COLUMNS, {name: name for name in EVENT_COLUMNS}) + "".join(lines))


def manifest(run_id: str, shape: Shape, workers: int) -> dict[str, Any]:
    """Return a manifest with the inventory, and each host's clock before and after the load."""
    hosts = list(hosts_of(workers))
    load_hosts = hosts[len(MEMBERS) :]
    offsets_ms = {host: -1000 * BEHIND_S * (place + 1) for place, host in enumerate(MEMBERS)}
    offsets_ms |= dict.fromkeys(load_hosts, 0.0)
    processes = {host: sum(worker_name(i).startswith(f"{host}/") for i in range(workers)) for host in load_hosts}
    return {
        "run_id": run_id,
        "state": "complete",
        "started": stamp(-20),
        "ended": stamp(shape.seconds + 20),
        "inventory": {
            "groups": {
                "zookeeper": list(MEMBERS),
                "locust_master": load_hosts[:1],
                "locust_workers": load_hosts,
            },
            "hosts": {
                **{member: {"zookeeper_id": place + 1} for place, member in enumerate(MEMBERS)},
                **{host: {"locust_processes": count} for host, count in processes.items()},
            },
        },
        "hosts": {
            host: {
                "clock_offset_ms": offset_ms,
                "clock_error_ms": 0.4,
                "clock_offset_after_ms": offset_ms + (DRIFT_MS if host in MEMBERS else 0.0),
                "clock_error_after_ms": 0.4,
            }
            for host, offset_ms in offsets_ms.items()
        },
    }


def write_run(folder: Path, shape: Shape, workers: int) -> Path:
    """Write a run folder of that shape and return it."""
    folder.mkdir()
    write_stats(folder / STATS, shape, workers)
    write_distributions(folder / DISTRIBUTIONS, shape)
    write_metrics(folder / METRICS, shape)
    write_machines(folder / HOST_METRICS, shape, workers)
    write_slowest(folder / SLOW_OPERATIONS, shape, workers)
    write_events(folder / EVENTS, shape, workers)
    (folder / MANIFEST).write_text(json.dumps(manifest(folder.name, shape, workers)))
    return folder
