"""How long the trials take, where their files go, and the loads and servers that several of them use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.truth.locust_run import Load
from benchmarks.truth.scripted_server import GET, ScriptedServer
from benchmarks.truth.table import Row

# The wait of a closed loop's user between two gets, and the server's delay, where a trial has no script of its own.
WAIT_MS: Final = 5.0
DELAY_US: Final = 5000
OPEN: Final = "open"
CLOSED: Final = "closed"


@dataclass(frozen=True)
class Setting:
    """How long and how often, and where the files go."""

    program: Path
    folder: Path
    seconds: float
    count_trials: int
    rounds: int

    def record(self, name: str) -> Path:
        """Return the file of a server's own record."""
        return self.folder / f"{name}.record"

    def server(self, name: str, **script: object) -> ScriptedServer:
        """Return a server with this script, which records the gets."""
        return ScriptedServer(self.program, self.record(name), precise=True, interest=GET, **script)


Trial = Callable[[Setting], Iterator[Row]]


def load_of(loop: str, rate: float, seconds: float, **options: object) -> Load:
    """Return a load of so many gets a second, if each takes `DELAY_US`.

    In a closed loop that is the number of users with a wait of `WAIT_MS`. An open loop has as many sessions.
    """
    users = max(1, round(rate * (DELAY_US / 1000 + WAIT_MS) / 1000))
    if loop == OPEN:
        return Load(users, seconds, arrival_rate=rate, options=options)
    return Load(users, seconds, wait_ms=WAIT_MS, options=options)
