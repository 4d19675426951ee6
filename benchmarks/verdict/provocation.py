"""What a provocation is, and what all of them share: the scripted server, the ensemble, the folder."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.truth.scripted_server import ScriptedServer
from benchmarks.verdict.recorded_run import Course, judged
from lab.zookeeper_server import ZooKeeperServers
from reporting.verdict.judged_run import JudgedRun

DELAY_US: Final = 3000
SECONDS: Final = 4.0


@dataclass
class Setting:
    """Where runs go, the scripted server's program, and an ensemble of three that starts when a run needs it."""

    folder: Path
    program: Path
    ensemble: ZooKeeperServers
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_folder(self) -> Path:
        """Return the path of a folder that is not there."""
        return self.folder / f"run-{next(self._numbers)}"

    def scripted(self, course: Course, **script: object) -> JudgedRun:
        """Judge a run against the scripted server; `script` has its options."""
        script.setdefault("delay_us", DELAY_US)
        with ScriptedServer(self.program, None, precise=True, **script) as server:
            return judged(self.new_folder(), server.hosts, course)

    def real(self, course: Course, members: list[int] | None = None) -> JudgedRun:
        """Judge a run against the ensemble, or against these members of it."""
        self.ensemble.start_all()
        chosen = self.ensemble.members if members is None else [self.ensemble.members[at] for at in members]
        return judged(self.new_folder(), ",".join(member.address for member in chosen), course)


@dataclass(frozen=True)
class Provocation:
    """A run, or several, each of which must break some rules.

    `run` yields judged runs with the rule that each of them breaks. `how` says what is done; a stand-in is not done to
    the machine, but to the file of the run.
    """

    how: str
    rules: tuple[str, ...]
    run: Callable[[Setting], JudgedRun]
    stand_in: bool = False


def found(run: JudgedRun) -> dict[str, list[str]]:
    """Return the rules that speak, and the figures of all operations that each of them makes not valid."""
    by_rule: dict[str, list[str]] = {reason.rule: [] for reason in run.verdict.reasons}
    for figure in run.figures:
        for reason in figure.reasons:
            figures = by_rule.setdefault(reason.rule, [])
            if reason.severity != "note" and figure.figure not in figures:
                figures.append(figure.figure)
    return by_rule
