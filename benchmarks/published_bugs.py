"""Whether published bugs of ZooKeeper can be provoked in a release, with the check of histories as the judge.

    python -m benchmarks.published_bugs [--attempts 5] [--bugs 4643,4882] [--release 3.4.13]

Each attempt has an ensemble of its own on loopback. Without `--release` the members are of this machine's release, or
of `ZOOKEEPER_CLASSPATH`; with 3.4.13 they are of Debian 11's, which is fetched once. `bug_triggers` has what is done.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bug_triggers import BUGS, ROOT, Bug, Load
from benchmarks.injections import compile_library, loaded
from lab import zookeeper_34
from lab.commands import LabError
from lab.zookeeper_server import ServerError, ZooKeeperServers, four_letters, missing
from reporting.consistency.result import Consistency
from reporting.consistency.states import VIOLATED
from zk_locust.contract.errors import ClientError
from zk_locust.contract.member_answers import parse_srvr


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt has shown: what the history says, whether a member has logged the bug, and the release."""

    found: Consistency
    logged: bool
    release: str
    seconds: float

    @property
    def shown(self) -> bool:
        """Whether the bug was seen."""
        return self.logged or self.found.state == VIOLATED


def attempt(bug: Bug, folder: Path, library: Path, jars: str) -> Attempt:
    """Try once. `folder` must be new. Raises ServerError or ClientError if members do not do what the trigger needs."""
    began = time.monotonic()
    with ZooKeeperServers(bug.members, folder, jars=jars, prefix=loaded(library)) as servers:
        release = parse_srvr(four_letters(servers.members[0].client_port, "srvr")).version
        load = Load(folder / "load")
        with load.session(servers.members[0]) as client:
            client.create(ROOT)
        bug.trigger(servers, load)
        running = [each for each in servers.members if each.process is not None and each.process.poll() is None]
        found = load.check(running)
        logs = [member.log_path.read_text(errors="replace") for member in servers.members]
    logged = bool(bug.log_line) and any(bug.log_line in log for log in logs)
    return Attempt(found, logged, release, time.monotonic() - began)


def report(bug: Bug, attempts: int, library: Path, jars: str) -> None:
    """Make the attempts, and print what they have shown."""
    made: list[Attempt] = []
    failed = ""
    for _ in range(attempts):
        with tempfile.TemporaryDirectory() as folder:
            try:
                made.append(attempt(bug, Path(folder), library, jars))
            except (ServerError, ClientError) as error:
                failed = str(error)
    release = made[0].release if made else "?"
    shown = [each for each in made if each.shown]
    seconds = max((each.seconds for each in made), default=0.0)
    seen = f"seen in {len(shown)} of {len(made)} attempts, at most {seconds:.0f} s each"
    print(f"{release:<10}{bug.number}: {seen}; {bug.says}")
    if shown:
        one = shown[0]
        what = one.found.sentence if one.found.state == VIOLATED else f"a member logs [{bug.log_line}]"
        print("", what, *one.found.excerpt, sep="\n  ")
    if failed:
        print(f"  {attempts - len(made)} attempts could not be made: {failed.splitlines()[0]}")
    sys.stdout.flush()


def main() -> None:
    """Try and print."""
    numbers = list(dict.fromkeys(bug.number.rpartition("-")[2] for bug in BUGS))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--attempts", type=int, default=5)
    parser.add_argument("--bugs", default=",".join(numbers), help="numbers, separated by commas")
    parser.add_argument("--release", choices=["3.4.13"], help="of Debian 11, in place of this machine's")
    options = parser.parse_args()
    chosen = options.bugs.split(",")
    if unknown := set(chosen) - set(numbers):
        parser.error(f"--bugs [{','.join(sorted(unknown))}]: choose from {', '.join(numbers)}")
    if needs := missing():
        sys.exit(needs)
    try:
        jars = zookeeper_34.class_path(zookeeper_34.ensure_packages()) if options.release else ""
    except LabError as error:
        sys.exit(str(error))
    with tempfile.TemporaryDirectory() as folder:
        library = compile_library("faulty_log", Path(folder))
        if library is None:
            sys.exit("the members' disks need a C compiler: apt install gcc libc6-dev")
        for bug in BUGS:
            if bug.number.rpartition("-")[2] in chosen:
                report(bug, options.attempts, library, jars)


if __name__ == "__main__":
    main()
