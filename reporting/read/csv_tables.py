"""A tolerant reader of CSV files: the lines that are readable as a data frame, the others as problems."""

import csv
import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pandas as pd

from reporting.read.parsing import finite, is_cut_off, parse_time
from reporting.read.problems import ProblemLog


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"  # a blank becomes NaN
    TIME = "time"  # ISO 8601; becomes seconds since the epoch


_WHAT: Final = {Kind.TEXT: "text", Kind.NUMBER: "a number", Kind.TIME: "a time"}


# A source writes the same time on all lines of one look at things.
_time = lru_cache(maxsize=64)(parse_time)


@dataclass(slots=True)
class _Column:
    """A column that is wanted: how its texts become values, what a blank becomes, and the values so far."""

    name: str
    kind: Kind
    filled: bool  # blanks are refused
    convert: Callable[[str], Any]
    blank: str | float
    values: Any  # list[str] or array("d")


def _column(name: str, kind: Kind, filled: bool, shared: dict[str, str]) -> _Column:
    """A column without values. `shared` keeps one copy of each text: the same few words stand on every line."""
    if kind is Kind.TEXT:
        return _Column(name, kind, filled, lambda text: shared.setdefault(text, text), "", [])
    return _Column(name, kind, filled, finite if kind is Kind.NUMBER else _time, math.nan, array("d"))


def _csv_lines(path: Path, problems: ProblemLog, lost_figures: bool) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of every whole line."""
    cut_off = is_cut_off(path)
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        reader = csv.reader(stream)
        held: tuple[int, list[str]] | None = None
        while True:
            first_line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                problems.add(path.name, first_line, f"{error}; the line is left out", lost_figures=lost_figures)
                continue
            if held is not None:
                yield held
            held = (first_line, fields)
    if held is None:
        return
    if cut_off:
        problems.add(path.name, held[0], "the last line is cut off and is left out", lost_figures=lost_figures)
    else:
        yield held


def read_table(
    path: Path,
    columns: Mapping[str, Kind],
    problems: ProblemLog,
    *,
    missing: str,
    lost_figures: bool = False,
    accept: Callable[[Mapping[str, str]], bool] | None = None,
    check: Sequence[str] = (),
    optional: Sequence[str] = (),
    may_be_missing: bool = False,
    older_names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Read a CSV file with a header line into one frame with exactly `columns`, in their order.

    `missing` says what the report lacks when the file is not there. `accept` sees a line's fields and tells whether the
    line is wanted at all. `check` names columns that must not be blank. Text columns are str, the others float64;
    a column that the file lacks is blank or NaN throughout, which is no problem where it is `optional`. Nor is it one
    that there is no file, where it `may_be_missing`. `older_names` gives today's name of a column that had another one.
    """
    shared: dict[str, str] = {}
    wanted = {name: _column(name, kind, name in check, shared) for name, kind in columns.items()}

    def frame() -> pd.DataFrame:
        rows = max(len(column.values) for column in wanted.values())
        data: dict[str, Any] = {}
        for name, column in wanted.items():
            values = column.values if len(column.values) else [column.blank] * rows
            # object, not Arrow or pandas strings: plain comparisons, and no further library
            data[name] = pd.Series(values, dtype=object if column.kind is Kind.TEXT else float)
        return pd.DataFrame(data)

    try:
        lines = _csv_lines(path, problems, lost_figures)
        header_line = next(lines, None)
        if header_line is None:
            problems.add(path.name, None, f"is empty: {missing}", lost_figures=lost_figures)
            return frame()
        header = [(older_names or {}).get(name, name) for name in header_line[1]]
        absent = [name for name in columns if name not in header]
        lacking = [name for name in absent if name not in optional]
        if lacking:
            problems.add(path.name, 1, f"lacks the columns {', '.join(lacking)}", lost_figures=lost_figures)
        # a long run has some 100,000 lines of some 20 columns: nothing is looked up twice for a cell
        there = [(header.index(name), c, c.convert, c.blank) for name, c in wanted.items() if name not in absent]
        appends = [column.values.append for _, column, _, _ in there]
        for number, fields in lines:
            if len(fields) != len(header):
                text = f"{len(fields)} fields where {len(header)} are expected; the line is left out"
                problems.add(path.name, number, text, lost_figures=lost_figures)
                continue
            if accept is not None and not accept(dict(zip(header, fields, strict=True))):
                continue
            converted = []
            for place, column, convert, blank in there:
                text = fields[place]
                if text:
                    try:
                        converted.append(convert(text))
                    except ValueError:
                        what = _WHAT[column.kind]
                        break
                elif column.filled:
                    what = "filled"
                    break
                else:
                    converted.append(blank)
            else:
                for append, value in zip(appends, converted, strict=True):
                    append(value)
                continue
            problems.add(
                path.name,
                number,
                f"column {column.name} is not {what} [{text[:40]}]; the line is left out",
                lost_figures=lost_figures,
            )
    except FileNotFoundError:
        if not may_be_missing:
            problems.add(path.name, None, f"is missing: {missing}", lost_figures=lost_figures)
    except OSError as error:
        problems.add(path.name, None, f"cannot be read ({error.strerror}): {missing}", lost_figures=lost_figures)
    return frame()
