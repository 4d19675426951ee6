"""A tolerant reader of CSV files: the lines that are readable as a data frame, the others as problems."""

import csv
import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd

from reporting.parsing import finite, is_cut_off, parse_time
from reporting.problems import ProblemLog


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"  # a blank becomes NaN
    TIME = "time"  # ISO 8601; becomes seconds since the epoch


def _number(text: str) -> float:
    return finite(text) if text else math.nan


def _text(text: str) -> str:
    return text


_CONVERT: Mapping[Kind, tuple[Callable[[str], Any], str]] = {
    Kind.NUMBER: (_number, "a number"),
    Kind.TIME: (parse_time, "a time"),
    Kind.TEXT: (_text, "text"),
}


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
    check: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read a CSV file with a header line into one frame with exactly `columns`, in their order.

    `missing` says what the report lacks when the file is not there. `accept` sees a line's fields and tells whether the
    line is wanted at all. `check` names columns that must not be blank. Text columns are str, the others float64;
    a column that the file lacks is blank or NaN throughout.
    """
    texts: dict[str, list[str]] = {name: [] for name, kind in columns.items() if kind is Kind.TEXT}
    numbers: dict[str, array[float]] = {name: array("d") for name, kind in columns.items() if kind is not Kind.TEXT}
    shared: dict[str, str] = {}  # the same few words stand on every line: keep one copy of each

    def frame() -> pd.DataFrame:
        data: dict[str, Any] = {}
        for name in columns:
            # object, not Arrow or pandas strings: plain comparisons, and no further library
            data[name] = (
                pd.Series(texts[name], dtype=object) if name in texts else pd.Series(numbers[name], dtype=float)
            )
        return pd.DataFrame(data)

    try:
        lines = _csv_lines(path, problems, lost_figures)
        header_line = next(lines, None)
        if header_line is None:
            problems.add(path.name, None, f"is empty: {missing}", lost_figures=lost_figures)
            return frame()
        header = header_line[1]
        absent = [name for name in columns if name not in header]
        if absent:
            problems.add(path.name, 1, f"lacks the columns {', '.join(absent)}", lost_figures=lost_figures)
        for number, fields in lines:
            if len(fields) != len(header):
                text = f"{len(fields)} fields where {len(header)} are expected; the line is left out"
                problems.add(path.name, number, text, lost_figures=lost_figures)
                continue
            row = dict(zip(header, fields, strict=True))
            if accept is not None and not accept(row):
                continue
            converted: dict[str, Any] = {}
            for name, kind in columns.items():
                text = row.get(name, "")
                if (not text and kind is Kind.TIME) or name in absent:
                    converted[name] = "" if kind is Kind.TEXT else math.nan
                    continue
                convert, what = _CONVERT[kind]
                try:
                    converted[name] = convert(text)
                except ValueError:
                    break
                if check is not None and name in check and not text:
                    what = "filled"
                    break
            else:
                for name, value in converted.items():
                    if name in texts:
                        texts[name].append(shared.setdefault(value, value))
                    else:
                        numbers[name].append(value)
                continue
            problems.add(
                path.name,
                number,
                f"column {name} is not {what} [{text[:40]}]; the line is left out",
                lost_figures=lost_figures,
            )
    except FileNotFoundError:
        problems.add(path.name, None, f"is missing: {missing}", lost_figures=lost_figures)
    except OSError as error:
        problems.add(path.name, None, f"cannot be read ({error.strerror}): {missing}", lost_figures=lost_figures)
    return frame()
