"""What an experiment of any kind has found, for all forms of its report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reporting.render.report_tables import Table

PASSED = "passed"
FAILED = "failed"
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """A statement for a CI system: its name, `passed`, `failed` or `skipped` (cannot be said), and why.

    `compares` says whether it is about arms beside each other, which conditions of the user judge instead.
    """

    name: str
    state: str
    why: str
    compares: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """A main figure: its name, its value, the value's unit or interval, and what was decided about it."""

    name: str
    value: str
    unit: str
    decided: str


@dataclass(frozen=True, slots=True)
class Found:
    """`answer` is one sentence or two, and `tiles` are the figures that stand beside it on the page.

    `of_tiles` says what they are. `notes` are sentences that a reader must know too; `data` is for JSON.
    """

    answer: str
    tiles: tuple[Tile, ...]
    of_tiles: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]
    checks: tuple[Check, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
