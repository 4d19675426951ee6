"""How long it takes to read the files of a large run and to write its report, next to plain `pandas.read_csv`.

    python -m benchmarks.report [--lines 437000] [--repeats 5] [--workers 32] [--interval-s 0.5] [--hours 1]

The run folder is synthetic. Each file is read as the report reads it and as pandas or `json.loads` alone do, in turn.
The report is written by a process of its own. Times are seconds of CPU.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from host_metrics.columns import HOST_COLUMNS
from locust_extra.columns import CLOCK_PERCENTILES, EVENT_COLUMNS, PERCENTILES, STATS_COLUMNS
from reporting.read import load_files, member_metrics, run_folder
from reporting.read.problems import ProblemLog
from zk_locust.contract.clock_names import CLOCKS
from zk_locust.contract.ranks import bucket_of
from zk_metrics.columns import METRIC_COLUMNS

START: Final = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
OPERATIONS: Final = ("get", "set", "create", "delete")
MEMBERS: Final = tuple(f"zk{i + 1}" for i in range(5))
WARM_UP_S: Final = 60.0
MORE_METRICS: Final = 300  # columns of a member beyond those that are always there


def stamp(elapsed_s: float) -> str:
    """Return the label of a moment of the load."""
    return (START + timedelta(seconds=elapsed_s)).isoformat(timespec="microseconds")


def place_of(number: int, interval_s: float) -> tuple[str, int]:
    """Return stage and number within it of an interval of the load."""
    warm_up = round(WARM_UP_S / interval_s)
    return ("warm-up", number) if number < warm_up else ("measured", number - warm_up)


def write_stats(path: Path, intervals: int, interval_s: float, workers: int) -> None:
    """Write `locust-stats.csv`: the counts grow as those of a steady load do."""
    names = [f"load{i // 8 + 1}/worker-{i % 8 + 1}" for i in range(workers)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, STATS_COLUMNS, restval="")
        writer.writeheader()
        for number in range(intervals):
            stage, interval = place_of(number, interval_s)
            label = {
                "timestamp": stamp((number + 1) * interval_s),
                "elapsed_s": f"{(number + 1) * interval_s:.6f}",
                "stage": stage,
                "interval": interval,
            }

            def row(worker: str, kind: str, name: str, rate: int, interval: int = interval) -> dict[str, Any]:
                latencies = {column: 600 + 10 * place for place, column in enumerate(PERCENTILES)}
                return {
                    "worker": worker,
                    "type": kind,
                    "name": name,
                    "requests": (interval + 1) * rate,
                    "failures": 0,
                    "mean_us": f"{650 + interval % 7 / 10:.1f}",
                    "min_us": 240,
                    **latencies,
                    "max_us": 48211,
                    "overflows": 0,
                    "suppressed": 0,
                    "censored": 0,
                    **{f"{clock}_{which}": 90 for clock in CLOCKS for which in CLOCK_PERCENTILES},
                    "users": 64,
                    "errors": "{}",
                }

            rate = 400
            for name in OPERATIONS:
                writer.writerow(label | row("all", "zookeeper", name, rate))
            offered = {"offered": (interval + 1) * rate * len(OPERATIONS), "missed": 0, "dropped": 0, "queued": 0}
            writer.writerow(label | row("all", "", "Aggregated", rate * len(OPERATIONS)) | offered)
            for worker in names:
                cpu = {"cpu_percent": f"{41 + number % 9}.3", "cpu_wait_percent": "1.2", "gc_ms": "0.8"}
                cpu |= {f"lateness_{which}": str(60 + number % 9) for which in CLOCK_PERCENTILES}
                writer.writerow(label | row(worker, "", "Aggregated", rate // 8) | cpu)


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


def write_distributions(path: Path, intervals: int, interval_s: float) -> None:
    """Write `locust-distrib.jsonl` of an open loop: 400 times of each operation and clock in each interval."""
    random = np.random.default_rng(7)
    with path.open("w") as file:
        for number in range(intervals):
            stage, interval = place_of(number, interval_s)
            for name in OPERATIONS:
                service = random.lognormal(np.log(650), 0.4, 400).astype(int)
                slip = random.lognormal(np.log(40), 0.3, 400).astype(int)
                clocks = {"response": service + slip, "slip": slip}
                clocks["client_delay"] = random.lognormal(np.log(80), 0.4, 400).astype(int)
                line = {
                    "timestamp": stamp((number + 1) * interval_s),
                    "elapsed_s": (number + 1) * interval_s,
                    "interval_s": interval_s,
                    "stage": stage,
                    "interval": interval,
                    "type": "zookeeper",
                    "name": name,
                    "requests": 400,
                    "failures": 0,
                    "suppressed": 0,
                    **times(service),
                    **{clock: {"count": 400, **times(values)} for clock, values in clocks.items()},
                }
                file.write(json.dumps(line) + "\n")


def write_metrics(path: Path, seconds: int) -> None:
    """Write `zk-metrics.csv`: a poll of each member each second, with all columns that a busy member fills."""
    more = [f"metric_{i}" for i in range(MORE_METRICS)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*METRIC_COLUMNS, *more], restval="")
        writer.writeheader()
        for second in range(seconds):
            for member in MEMBERS:
                row = {"timestamp": stamp(second), "elapsed_s": f"{second:.6f}", "member": member, "reachable": 1}
                row |= {"poll_ms": 3.2, "server_state": "follower", "version": "3.8.0-x, built on 2022-02-25"}
                row |= {"outstanding_requests": second % 5, "num_alive_connections": 13, "znode_count": 5 + second}
                row |= {"avg_latency": f"{0.4 + second % 10 / 100:.4f}", "watch_count": 16}
                writer.writerow(row | {name: second * place % 1000 for place, name in enumerate(more)})


def write_machines(path: Path, seconds: int, workers: int) -> None:
    """Write `host-metrics.csv`: each second a row of each machine and of each process."""
    hosts = {member: ["zookeeper"] for member in MEMBERS}
    for i in range(workers):
        hosts.setdefault(f"load{i // 8 + 1}", ["master"] if i == 0 else []).append(f"worker-{i % 8 + 1}")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HOST_COLUMNS, restval="")
        writer.writeheader()
        for second in range(1, seconds + 1):
            for host, processes in hosts.items():
                label = {"timestamp": stamp(second), "elapsed_s": f"{second:.6f}", "host": host, "machine": host}
                used = {"cores": 8, "cpu_percent": "310.5", "iowait_percent": "1.0", "steal_percent": "0.2"}
                used |= {"memory_bytes": 3 * 1024**3, "memory_total_bytes": 8 * 1024**3, "swap_bytes": 0}
                used |= {"disk_read_bytes_per_s": "0.0", "disk_write_bytes_per_s": f"{1e6 + second:.1f}"}
                used |= {"disk_busy_percent": "12.5", "net_receive_bytes_per_s": "2500000.5"}
                used |= {"net_send_bytes_per_s": "1200000.5", "tcp_retransmits_per_s": "0.1"}
                writer.writerow(label | used)
                for process in processes:
                    used = {"process": process, "cpu_percent": "41.3", "cpu_wait_percent": "1.2", "swap_bytes": 0}
                    used |= {"memory_bytes": 90 * 1024**2, "threads": 4, "open_files": 80}
                    writer.writerow(label | used)


def write_run(folder: Path, hours: float, interval_s: float, workers: int) -> Path:
    """Write a run folder of that length and return it."""
    folder.mkdir()
    seconds = round(hours * 3600)
    intervals = round(seconds / interval_s)
    write_stats(folder / "locust-stats.csv", intervals, interval_s, workers)
    write_distributions(folder / "locust-distrib.jsonl", intervals, interval_s)
    write_metrics(folder / "zk-metrics.csv", seconds)
    write_machines(folder / "host-metrics.csv", seconds, workers)
    (folder / "events.csv").write_text(",".join(EVENT_COLUMNS) + "\n")
    (folder / "manifest.json").write_text(json.dumps({"run_id": folder.name, "state": "complete"}))
    return folder


def compare(
    title: str, path: Path, ours: Callable[[ProblemLog], object], theirs: Callable[[], object], repeats: int
) -> None:
    """Read a file in both ways in turn, and show the least time of each and their ratio."""
    times: tuple[list[float], list[float]] = ([], [])
    problems = ProblemLog()
    reads: tuple[Callable[[], object], ...] = (lambda: ours(problems), theirs)
    for _ in range(repeats):
        for found, read in zip(times, reads, strict=True):
            start = time.process_time()  # other work on the machine stretches it less than wall time
            read()
            found.append(time.process_time() - start)
    assert not problems.all(), problems.all()
    own_s, other_s = map(min, times)  # anything else on the machine only adds to them
    size = path.stat().st_size / 1e6
    print(f"{title:32} {size:6.1f} MB   report {own_s:6.3f} s   alone {other_s:6.3f} s   ratio {own_s / other_s:5.2f}")


def json_lines(path: Path) -> list[Any]:
    """Return what a JSON-lines file holds, unchecked."""
    with path.open("rb") as file:
        return [json.loads(line) for line in file]


def main() -> None:
    """Make the files, read them, and write a report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=437_000, help="of the large locust-stats.csv")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--interval-s", type=float, default=0.5)
    parser.add_argument("--hours", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        large = Path(temporary) / "locust-stats.csv"
        write_stats(large, options.lines // (options.workers + 5), options.interval_s, options.workers)
        run = write_run(Path(temporary) / "run", options.hours, options.interval_s, options.workers)
        files: tuple[tuple[str, Path, Callable[[Path, ProblemLog], pd.DataFrame]], ...] = (
            (f"locust-stats.csv, {options.lines:,} lines", large, load_files.read_stats),
            ("locust-stats.csv", run / "locust-stats.csv", load_files.read_stats),
            ("zk-metrics.csv", run / "zk-metrics.csv", member_metrics.read),
            ("host-metrics.csv", run / "host-metrics.csv", run_folder.read_host_metrics),
        )
        for title, path, read in files:
            compare(
                title,
                path,
                lambda problems, path=path, read=read: read(path, problems),  # type: ignore[misc]
                lambda path=path: pd.read_csv(path, low_memory=False),  # type: ignore[misc]
                options.repeats,
            )
        lines = run / "locust-distrib.jsonl"
        compare(
            "locust-distrib.jsonl",
            lines,
            lambda problems: load_files.read_distributions(lines, problems),
            lambda: json_lines(lines),
            options.repeats,
        )
        code = "import sys; from reporting import cli; sys.exit(cli.main(sys.argv[1:]))"
        subprocess.run([sys.executable, "-c", code, "report", str(run)], check=True, stdout=subprocess.DEVNULL)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s, peak_mib = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        page_kb = (run / "report.html").stat().st_size / 1e3
        print(
            f"report of {options.hours:g} h with {options.workers} workers: {cpu_s:.1f} s, at most "
            f"{peak_mib:,.0f} MiB, page {page_kb:,.0f} kB"
        )


if __name__ == "__main__":
    main()
