"""How long it takes to read the files of a run and to write its report, and how much memory, next to plain pandas.

    python -m benchmarks.report [--runs minute,hour,day] [--workers 32] [--folder /var/tmp]

The run folders are synthetic: one minute and 24 hours of 8 workers at the default interval of 1 s with three
operations, and one hour of 32 workers at 500 ms with four; `long_run` says what is in them. Each file is read as the
report reads it and as pandas or `json.loads` alone do, and the report is written, each in a process of its own on one
core. Times are seconds of CPU, memory is the largest that the process had resident.
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
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.own_process import measured
from reporting.read import combining, load_files, member_metrics, run_folder, slow_operations
from reporting.read.problems import ProblemLog
from zk_locust.contract.run_files import DISTRIBUTIONS, HOST_METRICS, METRICS, SLOW_OPERATIONS, STATS

MB_PER_LINE: Final = 0.0165  # of distributions


def parsed(path: Path) -> int:
    """Parse each line of a JSON-lines file, keep none, and return how many there are."""
    with path.open("rb") as file:
        return sum(1 for text in file if json.loads(text))


READERS: Final[Mapping[str, tuple[Callable[[Path, ProblemLog], object], Callable[[Path], object]]]] = {
    STATS: (load_files.read_stats, lambda path: pd.read_csv(path, low_memory=False)),
    DISTRIBUTIONS: (lambda path, problems: combining.combined(load_files.read_distributions(path, problems)), parsed),
    METRICS: (member_metrics.read, lambda path: pd.read_csv(path, low_memory=False)),
    SLOW_OPERATIONS: (slow_operations.read, lambda path: pd.read_csv(path, low_memory=False)),
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


def measure_run(folder: Path, name: str, workers: int | None) -> None:
    """Write a run, read its files, write its report, and show what it took."""
    # Not above: the libraries of the load would be in the memory of the readers.
    from benchmarks.long_run import SHAPES, write_run
    from locust_extra.slow_file import LIMIT_BYTES

    if name not in SHAPES:
        raise SystemExit(f"unknown run [{name}]; known: {', '.join(SHAPES)}")
    shape = SHAPES[name]
    workers = workers or shape.workers
    lines = shape.intervals * len(shape.operations)
    needed_mb = lines * MB_PER_LINE * 1.6 + shape.seconds * 0.02 + LIMIT_BYTES / 1e6
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
    parser.add_argument("--runs", default="minute,hour", help="of minute, hour and day [%(default)s]")
    parser.add_argument("--workers", type=int, help="in each run, instead of its own number")
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
        measure_run(options.folder, name, options.workers)


if __name__ == "__main__":
    main()
