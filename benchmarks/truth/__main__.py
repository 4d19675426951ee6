"""Whether the figures of a run are true, as a table: each row has a claim, the truth, and the figure of the run.

    python -m benchmarks.truth [--quick] [--trials stall,constant,…] [--keep FOLDER]

A scripted server in C replaces ZooKeeper here only: it answers when its script says so, and records what it did. Locust
is started by its command line, as users start it, and its files are read.

- *Truth* of a service time is the server's record: from the moment that the kernel received a request to the moment
  before the system call that answers it. The rows "the server itself" show how exactly it follows its script.
- *Truth* of a response time is arithmetic: operations that are due at a fixed rate wait for the end of the server's
  stall, as it was recorded.
- *Truth* of a count is the number of requests that the server received, answered or not.
- With root, the packets on loopback are compared with both, matched by xid, with the kernel's times.

A latency holds if it is within 1 % of the truth or 100 µs, whichever is more (2 % for the open loop; against packets,
5 % only); a count holds if it is exact. Percentiles take the ceiling of the rank. The last column is the verdict of the
run, without the findings about the AdminServer, which a scripted server does not have. A figure that does not hold
should not be in a valid run. The exit code does not depend on the table. Other work on the machine changes the figures:
the first line shows its load average.
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks.truth.scripted_server import compile_server
from benchmarks.truth.table import Row, printed, summary
from benchmarks.truth.trials import TRIALS, Setting


def _machine() -> str:
    load, _, _ = os.getloadavg()
    return f"Linux {platform.release()}, {os.cpu_count()} cores, load average {load:.1f} before the first trial"


def main() -> None:
    """Run the trials and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short runs, fewer of them: about two minutes")
    parser.add_argument("--trials", default=",".join(TRIALS), help="names, separated by commas")
    parser.add_argument("--count-trials", type=int, help="runs of the trial count (50, with --quick 4)")
    parser.add_argument("--keep", type=Path, help="folder for records and logs, which are removed otherwise")
    options = parser.parse_args()
    names = options.trials.split(",")
    if unknown := [name for name in names if name not in TRIALS]:
        parser.error(f"--trials [{unknown[0]}]: there is no such trial; there are {', '.join(TRIALS)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"--keep [{folder}]: it is not empty; name another folder")
        program = compile_server(folder)
        if program is None:
            sys.exit("the scripted server needs a C compiler: apt install gcc libc6-dev")
        setting = Setting(
            program,
            folder,
            seconds=4 if options.quick else 12,
            rates=(1000, 4000) if options.quick else (1000, 2000, 4000, 8000),
            workers=(1, 4),
            count_trials=options.count_trials or (4 if options.quick else 50),
        )
        machine = _machine()
        rows: list[Row] = []
        failed: dict[str, str] = {}
        for name in names:
            print(f"{name} …", file=sys.stderr)
            try:
                rows += TRIALS[name](setting)
            except RuntimeError as error:
                failed[name] = str(error)
    print(f"{machine}\n\n{printed(rows)}\n\n{summary(rows)}")
    for name, problem in failed.items():
        print(f"\n{name} has no figures: {problem}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
