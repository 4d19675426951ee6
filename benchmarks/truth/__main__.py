"""Whether the figures of a run are true, as a table: each row has a figure, what is expected, and what was found.

    python -m benchmarks.truth [--quick] [--trials 'stall-*,count-*'] [--list] [--markdown FILE] [--keep FOLDER]

A scripted server in C replaces ZooKeeper here only: it answers when its script says so, and records what it did. Locust
is started by its command line, as users start it, and its files are read.

- *Truth* of a service time is the server's record: from the moment that the kernel received a request to the moment
  before the system call that answers it. The rows "the server itself" show how exactly it follows its script.
- *Truth* of a response time is arithmetic: operations that are due at a fixed rate wait for the end of the server's
  stall, as it was recorded. Where the server does not stall and sessions are plenty, it is the service time.
- *Truth* of a count is the number of requests that the server received, answered or not.
- With root, the packets on loopback are compared with both, matched by xid, with the kernel's times.

A latency holds if it is within 1 % of the truth or 100 µs, whichever is more (2 % after an open loop's stall, and 5 %
only against packets); a count holds if it is exact. Percentiles take the ceiling of the rank. A service time beyond its
bound, and a response time of a server that does not stall, is accepted where its verdict is not valid. The last column
is the report's verdict on the figure, without the findings about the AdminServer, which a scripted server does not
have. The exit code is 0 only if every row is as expected. Other work on the machine changes the figures: the first line
shows its load average.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from benchmarks.truth.cost_trials import COST_TRIALS
from benchmarks.truth.count_trials import COUNT_TRIALS
from benchmarks.truth.latency_trials import LATENCY_TRIALS
from benchmarks.truth.server_folder import server_folder
from benchmarks.truth.setting import Setting, Trial
from benchmarks.truth.table import Row, markdown, printed, summary

TRIALS: Final[dict[str, Trial]] = {**LATENCY_TRIALS, **COUNT_TRIALS, **COST_TRIALS}
_LONG: Final = ("rate-*-2000", "rate-*-8000", "rate-*-12000", "constant-kazoo", "constant-libzookeeper", "cost")
"""What `--quick` leaves out, unless it is named."""


def _machine() -> str:
    load, _, _ = os.getloadavg()
    return f"Linux {platform.release()}, {os.cpu_count()} cores, load average {load:.1f}"


def _matching(patterns: Iterable[str]) -> list[str]:
    return [name for name in TRIALS if any(fnmatch(name, pattern) for pattern in patterns)]


def chosen(text: str | None, quick: bool) -> list[str]:
    """Return the names of the trials to run. Raises ValueError for a pattern that no name matches."""
    if text is None:
        left_out = _matching(_LONG) if quick else []
        return [name for name in TRIALS if name not in left_out]
    patterns = text.split(",")
    for pattern in patterns:
        if not _matching([pattern]):
            raise ValueError(pattern)
    return _matching(patterns)


def _run(names: list[str], setting: Setting) -> tuple[list[Row], dict[str, str]]:
    """Return the rows, and the problem of each trial that has none."""
    rows: list[Row] = []
    failed: dict[str, str] = {}
    for name in names:
        began = time.monotonic()
        print(f"{name} … ({_machine()})", file=sys.stderr)
        try:
            found = list(TRIALS[name](setting))
        except RuntimeError as error:
            failed[name] = str(error)
            continue
        rows += found
        print(f"{printed(found)}\n({time.monotonic() - began:.0f} s)", file=sys.stderr)
    return rows, failed


def main() -> None:
    """Run the trials and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short runs, fewer of them: some five minutes")
    parser.add_argument("--trials", help="names or patterns such as rate-open-*, separated by commas")
    parser.add_argument("--list", action="store_true", help="list the names of the trials")
    parser.add_argument("--count-trials", type=int, help="runs of each count trial (25, with --quick 2)")
    parser.add_argument("--keep", type=Path, help="folder for records and logs, which are removed otherwise")
    parser.add_argument("--markdown", type=Path, help="file for the table, as docs/measured.md has it")
    options = parser.parse_args()
    if options.list:
        print("\n".join(TRIALS))
        return
    try:
        names = chosen(options.trials, options.quick)
    except ValueError as error:
        parser.error(f"--trials [{error}]: there is no such trial; --list shows all")
    with server_folder(parser, options.keep) as (folder, program):
        setting = Setting(
            program,
            folder,
            seconds=4 if options.quick else 12,
            count_trials=options.count_trials or (2 if options.quick else 25),
            rounds=1 if options.quick else 5,
        )
        machine = _machine()
        rows, failed = _run(names, setting)
    print(f"{machine} before the first trial\n\n{printed(rows)}\n\n{summary(rows)}")
    if options.markdown:
        options.markdown.write_text(f"{machine}\n\n{markdown(rows)}\n")
    for name, problem in failed.items():
        print(f"\n{name} has no figures: {problem}", file=sys.stderr)
    sys.exit(0 if not failed and all(row.accepted for row in rows) else 1)


if __name__ == "__main__":
    main()
