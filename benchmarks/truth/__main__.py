"""Whether what a run says is true, one table: each row is a claim, the truth, and what Locust's files said.

    python -m benchmarks.truth [--quick] [--trials stall,constant,…] [--keep FOLDER]

A scripted server in C stands in for ZooKeeper here only: it answers when its script says so, and records what it did.
Locust is driven as users drive it, by its command line, and its files are read.

- *Truth* of a service time is the server's record: from the moment that the kernel received a request to the moment
  before the system call that answers it. The rows "the server itself" say how exactly it keeps its script.
- *Truth* of a response time is arithmetic: operations that are due at a fixed rate wait for the end of the server's
  stall, as it was recorded.
- *Truth* of a count is what the server received, what it never answered included.
- With root, the packets on loopback are a third witness, against both: matched by xid, times by the kernel.

A latency holds if it is within 1 % of the truth or 100 µs, whichever is more (2 % for the open loop's; 5 % and nothing
else against packets); a count holds if it is exact. Percentiles take the ceiling of the rank. The last column is the
verdict of the run that the figure stands in, without what it says of the AdminServer, which a scripted server does not
have: a figure that does not hold should not stand in a run that is called valid. The exit code is 0 whatever
holds.
Other work on the machine moves the figures: the first line says how much there was.
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
