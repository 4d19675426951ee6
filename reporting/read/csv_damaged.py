"""Reads a CSV file line by line: the readable lines as a data frame, the others as problems with their numbers."""

import csv
import math
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reporting.read.parsing import finite, is_cut_off, parse_time, unreadable
from reporting.read.table_format import Kind, TableFormat, words

# A source writes the same time on all lines of one interval.
_time = lru_cache(maxsize=64)(parse_time)


class _Column:
    """A wanted column: the conversion of its texts, the value of a blank, and the values so far.

    `shared` keeps one copy of each text, because lines repeat the same few words.
    """

    def __init__(self, name: str, table: TableFormat, shared: dict[str, str]) -> None:
        self.name, self.kind, self.filled = name, table.columns[name], name in table.filled
        self.convert: Callable[[str], Any] = finite if self.kind is Kind.NUMBER else _time
        self.blank: str | float = math.nan
        self.values: Any = array("d")
        if self.kind.is_text:
            self.convert, self.blank, self.values = lambda text: shared.setdefault(text, text), "", []


def read(
    path: Path, table: TableFormat, tell: Callable[[int | None, str], None], *, missing: str, may_be_missing: bool
) -> pd.DataFrame:
    """Return what is readable, with the columns of `table`.

    `tell` is called with line and text of each problem. `missing` says what the report lacks without the file.
    """
    shared: dict[str, str] = {}
    wanted = {name: _Column(name, table, shared) for name in table.columns}
    try:
        _fill(wanted, path, table, tell, missing)
    except OSError as error:
        if not (may_be_missing and isinstance(error, FileNotFoundError)):
            tell(None, f"{unreadable(error)}: {missing}")
    rows = max(len(column.values) for column in wanted.values())
    return pd.DataFrame({name: _series(column, rows) for name, column in wanted.items()})


def _series(column: _Column, rows: int) -> "pd.Series[Any]":
    values = column.values or [column.blank] * rows
    if column.kind is not Kind.WORD:
        found: pd.Series[Any] = pd.Series(values, dtype=column.kind.dtype)
        return found
    code_of: dict[str, int] = {}
    codes = [code_of.setdefault(text, len(code_of)) for text in values]
    return pd.Series(words(list(code_of), np.array(codes, np.int32)))


def _fill(
    wanted: dict[str, _Column], path: Path, table: TableFormat, tell: Callable[[int | None, str], None], missing: str
) -> None:
    lines = _lines(path, tell)
    header_line = next(lines, None)
    if header_line is None:
        tell(None, f"is empty: {missing}")
        return
    header = table.names(header_line[1])
    lacking = table.lacking(header)
    is_useless = any(wanted[name].filled and not wanted[name].kind.is_text for name in lacking)
    if lacking:
        tell(1, f"lacks the columns {', '.join(lacking)}" + (f": {missing}" if is_useless else ""))
    if is_useless:
        return
    there = [(header.index(name), column) for name, column in wanted.items() if name in header]
    for number, fields in lines:
        if len(fields) != len(header):
            tell(number, f"{len(fields)} fields where {len(header)} are expected; the line is left out")
            continue
        if table.only and (table.only[0] not in header or fields[header.index(table.only[0])] not in table.only[1]):
            continue
        converted = []
        for place, column in there:
            text = fields[place]
            try:
                if not text and column.filled:
                    raise ValueError
                converted.append(column.convert(text) if text else column.blank)
            except ValueError:
                what = column.kind.value if text else "filled"
                tell(number, f"column {column.name} is not {what} [{text[:40]}]; the line is left out")
                break
        else:
            for (_, column), value in zip(there, converted, strict=True):
                column.values.append(value)


def _lines(path: Path, tell: Callable[[int | None, str], None]) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of every complete line."""
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
                tell(first_line, f"{error}; the line is left out")
                continue
            if held is not None:
                yield held
            held = (first_line, fields)
    if held is not None and cut_off:
        tell(held[0], "the last line is cut off and is left out")
    elif held is not None:
        yield held
