"""What a CSV file of a run is expected to hold: the same for both ways of reading it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "a number"  # a blank becomes NaN
    TIME = "a time"  # ISO 8601; becomes seconds since the epoch

    @property
    def dtype(self) -> Any:
        """The type in a frame. Texts are objects, not Arrow's or pandas' strings: plain comparisons, no library."""
        return object if self is Kind.TEXT else float


@dataclass(frozen=True, slots=True)
class TableFormat:
    """The columns that are read, in their order.

    Columns in `filled` must not be blank. A column that the file lacks is blank or NaN; this is a problem unless it is
    `optional`. `older_names` maps former names of columns to today's. `only` has a column and the values to keep;
    other lines are skipped.
    """

    columns: Mapping[str, Kind]
    filled: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    older_names: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, frozenset[str]] | None = None

    def names(self, header: list[str]) -> list[str]:
        """Return today's names of the columns of a file."""
        return [self.older_names.get(name, name) for name in header]

    def lacking(self, header: list[str]) -> list[str]:
        """Return the columns that a file must have and lacks."""
        return [name for name in self.columns if name not in header and name not in self.optional]


def kinds(columns: tuple[str, ...], *, text: tuple[str, ...]) -> dict[str, Kind]:
    """Return the kinds of columns: `timestamp` is a time, those of `text` are texts, all others numbers."""
    return {name: Kind.TIME if name == "timestamp" else Kind.TEXT if name in text else Kind.NUMBER for name in columns}
