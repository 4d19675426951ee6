"""Whether experiments find what is there, as a table: equal arms, a planted difference, a known capacity.

    python -m benchmarks.experiments [--trials equal,planted,capacity,…] [--comparisons 20] [--searches 5] [--first 1]

Plans, statistics, searches and reports are those of experiments; a scripted server in C replaces ZooKeeper, and Locust
is called without playbooks. The server's delay is 5 ms in the mean. It differs from run to run by a known noise
(`--noise`), because on an idle machine the scripted server has none: equal arms would then be equivalent always. The
server with the known capacity answers one request at a time in 2 ms.

Each comparison has five pairs. `--first` continues the numbers of a series that is run in parts. The trials `…-lab`
conduct experiments on a lab (docs/lab.md), which needs root on Debian; elsewhere the table says why they were not
measured. The exit code is 0 only if every aim that was measured is met. Other work on the machine changes the figures:
the first line shows its load average.
"""

import argparse
import os
import platform
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.experiments.result import Result, Setting
from benchmarks.experiments.trials import TRIALS
from benchmarks.truth.server_folder import server_folder
from reporting import aligned

HEADS: Final = ("what", "found", "aim", "")


def printed(results: list[Result]) -> str:
    """Return the table as text."""
    return "\n".join(aligned(HEADS, [_cells(result) for result in results], left={"what", "found", ""}))


def markdown(results: list[Result]) -> str:
    """Return the table as it stands in `docs/measured.md`."""
    lines = ["| what | found | aim |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(result)[:3])} |" for result in results)])


def _cells(result: Result) -> tuple[str, str, str, str]:
    holds = {True: "holds", False: "does not hold", None: ""}[result.holds]
    return result.statement, result.found, result.aim, holds if result.aim else ""


def main() -> None:
    """Run the trials and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", default=",".join(TRIALS), help=f"of {', '.join(TRIALS)}, separated by commas")
    parser.add_argument("--comparisons", type=int, default=20, help="comparisons of equal arms, and of planted (20)")
    parser.add_argument("--searches", type=int, default=5, help="searches for the capacity (5)")
    parser.add_argument("--first", type=int, default=1, help="number and seed of the first of each (1)")
    parser.add_argument("--noise", type=float, default=1.5, help="noise between runs, percent of the delay (1.5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a run of a comparison (2)")
    parser.add_argument("--search-seconds", type=float, default=5.0, help="length of a run of a search (5)")
    parser.add_argument("--keep", type=Path, help="folder for runs and experiments, which are removed otherwise")
    parser.add_argument("--markdown", type=Path, help="file for the table, as docs/measured.md has it")
    options = parser.parse_args()
    names = options.trials.split(",")
    for name in names:
        if name not in TRIALS:
            parser.error(f"--trials [{name}]: there is no such trial; known: {', '.join(TRIALS)}")
    for name in ("comparisons", "searches", "first"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} [{getattr(options, name)}] must be at least 1")
    machine = f"Linux {platform.release()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    results: list[Result] = []
    with server_folder(parser, options.keep) as (folder, program):
        setting = Setting(
            program, folder, options.comparisons, options.searches, options.noise / 100, options.seconds,
            options.search_seconds, options.first,
        )  # fmt: skip
        for name in names:
            began = time.monotonic()
            print(f"{name}: {TRIALS[name].about} …", file=sys.stderr)
            for found in TRIALS[name].run(setting):
                if isinstance(found, Result):
                    results.append(found)
                else:
                    print(f"{found} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
    print(f"{machine} before the first trial\n\n{printed(results)}")
    if options.markdown:
        options.markdown.write_text(f"{machine}\n\n{markdown(results)}\n")
    sys.exit(1 if any(result.holds is False for result in results) else 0)


if __name__ == "__main__":
    main()
