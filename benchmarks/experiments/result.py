"""What a trial has found, as a line of the table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setting:
    """The server's program, the folder of all runs, and how many experiments there are of each kind.

    `noise` is a share: see `ScriptedRuns`. `seconds` is the length of a run, `first` the number of the first
    experiment, which is also its seed.
    """

    program: Path
    folder: Path
    comparisons: int
    searches: int
    noise: float
    seconds: float
    search_seconds: float
    first: int = 1


@dataclass(frozen=True)
class Result:
    """What was found, what it was to be, and whether it is; `holds` is None for what was not measured."""

    statement: str
    found: str
    aim: str
    holds: bool | None


@dataclass(frozen=True)
class Trial:
    """`run` yields a line for each experiment and then the results."""

    about: str
    run: Callable[[Setting], Iterator[str | Result]]
