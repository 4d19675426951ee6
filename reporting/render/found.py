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
    """A statement for a CI system: its name, `passed`, `failed` or `skipped` (cannot be said), and why."""

    name: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """`answer` is one sentence or two; `notes` are sentences that a reader must know too; `data` is for JSON."""

    answer: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]
    checks: tuple[Check, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
