"""What a CSV file of a run is expected to hold: the same for both ways of reading it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    WORD = "one of few texts"  # becomes a category, because a long run repeats it a million times
    NUMBER = "a number"  # a blank becomes NaN
    TIME = "a time"  # ISO 8601; becomes seconds since the epoch

    @property
    def dtype(self) -> Any:
        """The type in a frame. Texts are objects, not Arrow's or pandas' strings: plain comparisons, no library.

        Categories are made by `words`.
        """
        return object if self in (Kind.TEXT, Kind.WORD) else float

    @property
    def is_text(self) -> bool:
        """Whether a blank is the empty text."""
        return self in (Kind.TEXT, Kind.WORD)


@dataclass(frozen=True, slots=True)
class TableFormat:
    """The columns that are read, in their order.

    Columns in `filled` must not be blank. A column that the file lacks is blank or NaN; this is a problem unless it is
    `optional`. A file without a number or a time that must be filled has no rows. `older_names` maps former names of
    columns to today's. `only` has a column and the values to keep; other lines are skipped. Numbers in `compact`
    may be float32 in a file of more than `csv_complete.FEW_ROWS`, where nothing is lost: who computes with them
    converts them first.
    """

    columns: Mapping[str, Kind]
    filled: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    older_names: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, frozenset[str]] | None = None
    compact: tuple[str, ...] = ()

    def names(self, header: list[str]) -> list[str]:
        """Return today's names of the columns of a file."""
        return [self.older_names.get(name, name) for name in header]

    def lacking(self, header: list[str]) -> list[str]:
        """Return the columns that a file must have and lacks."""
        return [name for name in self.columns if name not in header and name not in self.optional]


def kinds(columns: tuple[str, ...], *, text: tuple[str, ...] = (), word: tuple[str, ...] = ()) -> dict[str, Kind]:
    """Return the kinds of columns: `timestamp` is a time, those of `text` and `word` are so, all others numbers."""
    told = {"timestamp": Kind.TIME, **dict.fromkeys(text, Kind.TEXT), **dict.fromkeys(word, Kind.WORD)}
    return {name: told.get(name, Kind.NUMBER) for name in columns}


def words(texts: Sequence[str], codes: NDArray[Any]) -> pd.Categorical:
    """Return the texts of these codes as categories, in alphabetical order and without any that is not used."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(texts)))
    order = sorted(used.tolist(), key=lambda code: texts[code])
    place = np.zeros(len(texts), dtype=np.int64)
    place[order] = np.arange(len(order))
    return pd.Categorical.from_codes(place[codes], pd.Index([texts[code] for code in order], dtype=object))
