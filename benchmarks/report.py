"""How long it takes to read the files of a run and to write its report, and how much memory, next to plain pandas.

    python -m benchmarks.report [--runs minute,hour,day] [--workers 32] [--folder /var/tmp]

The run folders are synthetic: one minute and 24 hours at the default interval of 1 s with three operations, and one
hour at 500 ms with four. All are open loops with all clocks. Each file is read as the report reads it and as pandas or
`json.loads` alone do, and the report is written, each in a process of its own on one core. Times are seconds of CPU,
memory is the largest that the process had resident.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.own_process import measured
from host_metrics.columns import HOST_COLUMNS
from locust_extra.columns import CLOCK_PERCENTILES, EVENT_COLUMNS, PERCENTILES, STATS_COLUMNS
from reporting.read import combining, load_files, member_metrics, run_folder
from reporting.read.problems import ProblemLog
from zk_locust.contract.clock_names import CLOCKS
from zk_locust.contract.ranks import bucket_of
from zk_locust.contract.run_files import DISTRIBUTIONS, EVENTS, HOST_METRICS, MANIFEST, METRICS, STATS
from zk_metrics.columns import METRIC_COLUMNS

START: Final = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
MEMBERS: Final = tuple(f"zk{i + 1}" for i in range(5))
WARM_UP_SHARE: Final = 1 / 60
MORE_METRICS: Final = 300  # columns of a member beyond those that are always there
RATE: Final = 400  # of each operation in each interval
DIFFERENT: Final = 211  # distributions and polls that are repeated
MB_PER_LINE: Final = 0.0165  # of distributions


@dataclass(frozen=True, slots=True)
class Shape:
    """How long a run is, and what it has in each interval."""

    seconds: int
    interval_s: float
    operations: tuple[str, ...]

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
    "minute": Shape(60, 1.0, ("get", "set", "create")),
    "hour": Shape(3600, 0.5, ("get", "set", "create", "delete")),
    "day": Shape(86_400, 1.0, ("get", "set", "create")),
}


def stamp(elapsed_s: float) -> str:
    """Return the label of a moment of the load."""
    return (START + timedelta(seconds=elapsed_s)).isoformat(timespec="microseconds")


def line(columns: tuple[str, ...], values: Mapping[str, object]) -> str:
    """Return a line of a CSV file; columns without a value are blank."""
    return ",".join(str(values.get(name, "")) for name in columns) + "\n"


def write_stats(path: Path, shape: Shape, workers: int) -> None:
    """Write `locust-stats.csv`: the counts grow as those of a steady load do."""
    label = {"timestamp": "@label", "elapsed_s": "@elapsed", "stage": "@stage", "interval": "@number"}
    latencies: dict[str, object] = {column: 600 + 10 * place for place, column in enumerate(PERCENTILES)}
    latencies |= {"failures": 0, "mean_us": "65@mean.3", "min_us": 240, "max_us": 48211, "overflows": 0}
    latencies |= {"suppressed": 0, "censored": 0, "users": 64, "errors": "{}"}
    latencies |= {f"{clock}_{which}": 90 for clock in CLOCKS for which in CLOCK_PERCENTILES}
    offered = {"offered": "@all", "missed": 0, "dropped": 0, "queued": 0}
    rows = [{"worker": "all", "type": "zookeeper", "name": name, "requests": "@each"} for name in shape.operations]
    rows += [{"worker": "all", "name": "Aggregated", "requests": "@all"} | offered]
    for i in range(workers):
        cpu = {"cpu_percent": f"{41 + i % 9}.3", "cpu_wait_percent": "1.2", "gc_ms": "0.8"}
        cpu |= {f"lateness_{which}": str(60 + i % 9) for which in CLOCK_PERCENTILES}
        name = f"load{i // 8 + 1}/worker-{i % 8 + 1}"
        rows.append({"worker": name, "name": "Aggregated", "requests": "@worker"} | cpu)
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


def write_machines(path: Path, shape: Shape, workers: int) -> None:
    """Write `host-metrics.csv`: each second a row of each machine and of each process."""
    hosts = {member: ["zookeeper"] for member in MEMBERS}
    for i in range(workers):
        hosts.setdefault(f"load{i // 8 + 1}", ["master"] if i == 0 else []).append(f"worker-{i % 8 + 1}")
    lines = ""
    for host, processes in hosts.items():
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


def write_run(folder: Path, shape: Shape, workers: int) -> Path:
    """Write a run folder of that shape and return it."""
    folder.mkdir()
    write_stats(folder / STATS, shape, workers)
    write_distributions(folder / DISTRIBUTIONS, shape)
    write_metrics(folder / METRICS, shape)
    write_machines(folder / HOST_METRICS, shape, workers)
    (folder / EVENTS).write_text(",".join(EVENT_COLUMNS) + "\n")
    (folder / MANIFEST).write_text(json.dumps({"run_id": folder.name, "state": "complete"}))
    return folder


def parsed(path: Path) -> int:
    """Parse each line of a JSON-lines file, keep none, and return how many there are."""
    with path.open("rb") as file:
        return sum(1 for text in file if json.loads(text))


READERS: Final[Mapping[str, tuple[Callable[[Path, ProblemLog], object], Callable[[Path], object]]]] = {
    STATS: (load_files.read_stats, lambda path: pd.read_csv(path, low_memory=False)),
    DISTRIBUTIONS: (lambda path, problems: combining.combined(load_files.read_distributions(path, problems)), parsed),
    METRICS: (member_metrics.read, lambda path: pd.read_csv(path, low_memory=False)),
    HOST_METRICS: (run_folder.read_host_metrics, lambda path: pd.read_csv(path, low_memory=False)),
}


def read_once(path: Path, *, ours: bool) -> dict[str, float]:
    """Read a file, and return the seconds of CPU and the MiB of the process."""
    problems = ProblemLog()
    own, plain = READERS[path.name]
    start_s = time.process_time()
    found = own(path, problems) if ours else plain(path)
    cpu_s = time.process_time() - start_s
    assert found is not None
    assert not problems.all(), problems.all()
    return {"cpu_s": cpu_s, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def report_once(run: Path) -> dict[str, float]:
    """Write the report of a run in a process, and return its seconds of CPU and its MiB."""
    code = "import sys; from reporting import cli; sys.exit(cli.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "report", "--summary", str(run)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu_s": used.ru_utime + used.ru_stime, "mib": used.ru_maxrss / 1024}


def measure_run(folder: Path, name: str, workers: int) -> None:
    """Write a run, read its files, write its report, and show what it took."""
    shape = SHAPES[name]
    lines = shape.intervals * len(shape.operations)
    needed_mb = lines * MB_PER_LINE * 1.6 + shape.seconds * 0.02
    if (free_mb := shutil.disk_usage(folder).free / 1e6) < 2 * needed_mb:
        raise SystemExit(
            f"[{folder}] has {free_mb:,.0f} MB free, and a run of a {name} takes {needed_mb:,.0f}; free some, or give "
            "another --folder"
        )
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        run = write_run(Path(temporary) / name, shape, workers)
        print(f"\n{name}: {shape.intervals:,} intervals of {shape.interval_s:g} s, {workers} workers")
        for file in READERS:
            size_mb = (run / file).stat().st_size / 1e6
            own, plain = (measured("report", run / file, which) for which in ("ours", "plain"))
            print(
                f"  {file:22} {size_mb:8.1f} MB   report {own['cpu_s']:7.2f} s {own['mib']:6,.0f} MiB   "
                f"alone {plain['cpu_s']:7.2f} s {plain['mib']:6,.0f} MiB   ratio {own['cpu_s'] / plain['cpu_s']:5.2f}",
                flush=True,
            )
        found = measured("report", run, "report")
        page_kb = (run / "report.html").stat().st_size / 1e3
        print(f"  report: {found['cpu_s']:.1f} s, at most {found['mib']:,.0f} MiB, page {page_kb:,.0f} kB", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="minute,hour", help=f"of {', '.join(SHAPES)} [%(default)s]")
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument(
        "--folder", type=Path, default=Path("/var/tmp"), help="on a disk; a day takes 5 GB [%(default)s]"
    )
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        path, which = Path(options.measure[0]), options.measure[1]
        print(json.dumps(report_once(path) if which == "report" else read_once(path, ours=which == "ours")))
        return
    for name in options.runs.split(","):
        if name not in SHAPES:
            raise SystemExit(f"unknown run [{name}]; known: {', '.join(SHAPES)}")
        measure_run(options.folder, name, options.workers)


if __name__ == "__main__":
    main()
