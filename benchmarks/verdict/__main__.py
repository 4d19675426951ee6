"""How reliably each rule of the verdict speaks, on real runs: provoked, and on clean runs.

    python -m benchmarks.verdict [--trials 'stopped-*,disk'] [--list] [--repeats 10] [--markdown FILE] [--keep FOLDER]
    python -m benchmarks.verdict --clean 20

Locust's master and workers are real, and so is an ensemble of three ZooKeeper servers on loopback. Where the server
has to misbehave at a moment, the scripted server of `benchmarks.truth` answers instead. What would disturb everything
on the machine has a stand-in: the run is real, and its file is rewritten.

Each provocation is repeated. The table has a row for each rule that it must break: how many runs the rule spoke in, and
which figures of all operations it made not valid. The exit code is 0 only if each rule spoke in every run. With
`--clean`, nothing is provoked: at most one of the runs may have an alarm, which is anything that makes the run or a
figure not valid. Clean runs need an idle machine.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from benchmarks.truth.server_folder import server_folder
from benchmarks.verdict import clean
from benchmarks.verdict.load_provocations import LOAD_PROVOCATIONS
from benchmarks.verdict.machine_provocations import MACHINE_PROVOCATIONS
from benchmarks.verdict.member_provocations import MEMBER_PROVOCATIONS
from benchmarks.verdict.provocation import Provocation, Setting, found
from benchmarks.verdict.table import Row, markdown, printed
from lab.zookeeper_server import ZooKeeperServers, missing

PROVOCATIONS: Final[dict[str, Provocation]] = {**LOAD_PROVOCATIONS, **MEMBER_PROVOCATIONS, **MACHINE_PROVOCATIONS}
_MOST_ALARMS: Final = 1


def chosen(text: str | None) -> list[str]:
    """Return the names of the provocations to run. Raises ValueError for a pattern that no name matches."""
    patterns = text.split(",") if text is not None else ["*"]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in PROVOCATIONS):
            raise ValueError(pattern)
    return [name for name in PROVOCATIONS if any(fnmatch(name, pattern) for pattern in patterns)]


def provoke(setting: Setting, names: Iterable[str], repeats: int) -> list[Row]:
    """Run each provocation so often and return the rows of its rules."""
    rows: list[Row] = []
    for name in names:
        provocation = PROVOCATIONS[name]
        of_this = [Row(rule, provocation.how, provocation.stand_in) for rule in provocation.rules]
        began = time.monotonic()
        for _ in range(repeats):
            spoke = found(provocation.run(setting))
            for row in of_this:
                row.take(spoke)
        print(f"{name} ({time.monotonic() - began:.0f} s)\n{printed(of_this)}", file=sys.stderr)
        for row in of_this:
            if row.others:
                print(f"where {row.rule} was silent: {', '.join(sorted(row.others))}", file=sys.stderr)
        rows += of_this
    return rows


def alarmed(setting: Setting, count: int) -> int:
    """Run so many clean runs, print the alarms, and return how many runs had one."""
    alarmed_runs = 0
    for number, run in enumerate(clean.runs(setting, count), start=1):
        alarms = clean.alarms(run)
        alarmed_runs += bool(alarms)
        print(f"clean run {number} of {count}: {run.verdict.verdict}", *alarms, sep="\n    ", file=sys.stderr)
    print(f"{alarmed_runs} of {count} clean runs have an alarm; at most {_MOST_ALARMS} may")
    return alarmed_runs


def main() -> None:
    """Provoke the rules, or drive clean runs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", help="names or patterns such as stopped-*, separated by commas")
    parser.add_argument("--list", action="store_true", help="list the names of the provocations")
    parser.add_argument("--repeats", type=int, default=10, help="runs of each provocation (10)")
    parser.add_argument("--clean", type=int, metavar="N", help="drive N clean runs instead")
    parser.add_argument("--markdown", type=Path, help="file for the table, as docs/measured.md has it")
    parser.add_argument("--keep", type=Path, help="folder for the runs, which are removed otherwise")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name:16} {each.how}: {', '.join(each.rules)}" for name, each in PROVOCATIONS.items()))
        return
    for name in ("repeats", "clean"):
        if (value := getattr(options, name)) is not None and value < 1:
            parser.error(f"--{name} [{value}]: at least 1")
    try:
        names = chosen(options.trials)
    except ValueError as error:
        parser.error(f"--trials [{error}]: there is no such provocation; --list shows all")
    if needs := missing():
        sys.exit(needs)
    with (
        server_folder(parser, options.keep) as (folder, program),
        closing(ZooKeeperServers(3, folder / "ensemble")) as ensemble,  # started when it is needed
    ):
        setting = Setting(folder, program, ensemble)
        if options.clean:
            sys.exit(0 if alarmed(setting, options.clean) <= _MOST_ALARMS else 1)
        rows = provoke(setting, names, options.repeats)
    print(printed(rows))
    if options.markdown:
        options.markdown.write_text(f"{markdown(rows)}\n")
    sys.exit(0 if all(row.holds for row in rows) else 1)


if __name__ == "__main__":
    main()
