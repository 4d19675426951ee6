"""Reads a CSV file in which every line is complete and valid, with pandas' parser; otherwise returns None.

pandas fills up short lines, skips blank ones and accepts infinite numbers. So each block of lines is checked: every
line must have as many fields as the header. `csv_damaged` reads files that fail, and names the lines.
"""

import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reporting.read import memory
from reporting.read.parsing import parse_time
from reporting.read.table_format import Kind, TableFormat, words

_BLOCK_BYTES: Final = 2 * 1024 * 1024
_COMMA, _NEWLINE, _QUOTE, _RETURN = b',\n"\r'
_NO_MARK: Final = bytes(set(range(256)) - set(b',\r\n"\0'))
MOST_ROWS_EXACT: Final = 500_000
"""Numbers of a longer file are float32 where nothing is lost, so that sums over them may have only 7 exact digits."""
FEW_ROWS: Final = 50_000
"""The same of columns that are `compact`: what computes with them makes them float64 again, so sums stay exact."""

_Texts = dict[str, dict[str, int]]

# `csv_damaged` refuses a field of twice this length.
_HALF_FIELD: Final = csv.field_size_limit() // 2


def read(path: Path, table: TableFormat) -> pd.DataFrame | None:
    """Return the file as a frame with the columns of `table`, or None unless it is valid throughout."""
    try:
        with path.open("rb") as file:
            line = file.readline()
            if not line.endswith(b"\n") or _QUOTE in line:
                return None
            header = table.names(next(csv.reader([line.decode()]), []))
            if table.lacking(header) or (table.only and table.only[0] not in header):
                return None
            blocks = []
            texts: _Texts = defaultdict(dict)
            while block := file.read(_BLOCK_BYTES):
                blocks.append(_columns(block + file.readline(), header, table, texts))
    except (OSError, ValueError, csv.Error):
        return None
    columns = {}
    for name in table.columns:
        columns[name] = _joined(name, table, blocks, texts)
        if len(blocks) > 1:
            memory.release()
    return pd.DataFrame(columns, copy=False)


def _joined(name: str, table: TableFormat, blocks: list[dict[str, NDArray[Any]]], texts: "_Texts") -> "pd.Series[Any]":
    """Return a column of all blocks, and take it out of them: a long file is not held twice."""
    kind, parts = table.columns[name], [block.pop(name) for block in blocks]
    if kind is Kind.WORD:
        codes = np.concatenate(parts) if parts else np.zeros(0, np.int32)
        return pd.Series(words(list(texts[name]), codes), copy=False)
    most_exact = FEW_ROWS if name in table.compact else MOST_ROWS_EXACT
    compact = kind is Kind.NUMBER and sum(map(len, parts)) > most_exact
    found: Any = np.concatenate(parts, dtype=None if compact else kind.dtype) if parts else []
    return pd.Series(found, dtype=None if compact else kind.dtype, copy=False)


def _columns(block: bytes, header: list[str], table: TableFormat, texts: "_Texts") -> dict[str, NDArray[Any]]:
    """Return the columns of a block of lines: those of words as codes, numbers as float32 where nothing is lost.

    `texts` has the code of each word of each column; new ones are added. Raises ValueError unless all lines are valid.
    """
    _check_lines(block, len(header))
    there = {name: header.index(name) for name in table.columns if name in header}
    frame = pd.read_csv(
        io.BytesIO(block),
        header=None,
        names=range(len(header)),
        usecols=list(there.values()),
        dtype={place: float if table.columns[name] is Kind.NUMBER else "category" for name, place in there.items()},
        keep_default_na=False,
        na_values=[""],
        skip_blank_lines=False,
        low_memory=False,
    )
    if table.only:
        frame = frame[frame[there[table.only[0]]].isin(table.only[1])]
    found = {}
    for name, kind in table.columns.items():
        if name not in there:
            if kind is Kind.WORD:
                found[name] = np.full(len(frame), texts[name].setdefault("", len(texts[name])), np.int32)
            elif kind is Kind.NUMBER:
                found[name] = np.full(len(frame), np.nan, np.float32)
            else:
                found[name] = np.full(len(frame), "" if kind is Kind.TEXT else np.nan, kind.dtype)
            continue
        column = frame[there[name]]
        if name in table.filled and column.isna().any():
            raise ValueError
        if kind is Kind.NUMBER:
            found[name] = _compact(column.to_numpy())
        elif kind is Kind.WORD:
            code_of = texts[name]
            codes = [code_of.setdefault(text, len(code_of)) for text in map(str, column.cat.categories)]
            blank = code_of.setdefault("", len(code_of)) if column.isna().any() else -1
            found[name] = np.array([*codes, blank], np.int32)[column.cat.codes.to_numpy()]
        else:
            found[name] = _from_categories(column, kind)
    return found


def _compact(numbers: NDArray[np.float64]) -> NDArray[Any]:
    """Return the numbers, as float32 if they are the same. Raises ValueError for an infinite one."""
    if np.isinf(numbers).any():
        raise ValueError
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    return narrow if np.array_equal(narrow, numbers, equal_nan=True) else numbers


def _check_lines(block: bytes, fields: int) -> None:
    """Raise ValueError unless every line is complete, of that many fields, and none of them is too long."""
    marks = block.translate(None, _NO_MARK)
    ways = (b"," * (fields - 1) + end for end in (b"\r\n", b"\n"))
    if not any(marks == line * (len(marks) // len(line)) for line in ways):
        _check_quoted_lines(block, fields)
    # A longer field would leave a piece of half its length without a comma.
    if any(block.find(b",", i, i + _HALF_FIELD) < 0 for i in range(0, len(block) - _HALF_FIELD, _HALF_FIELD)):
        raise ValueError


def _check_quoted_lines(block: bytes, fields: int) -> None:
    """Do the same for quoted fields, which may hold commas; quotes must enclose complete fields."""
    if not block.endswith(b"\n") or b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
        raise ValueError
    data = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    if len(quotes) % 2:
        raise ValueError
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.isin(data[opening[opening > 0] - 1], (_COMMA, _NEWLINE, _QUOTE))
    after = np.isin(data[closing + 1], (_COMMA, _NEWLINE, _RETURN, _QUOTE))  # a line end follows the last one
    ends = np.flatnonzero((data == _COMMA) | (data == _NEWLINE))
    ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
    line_ends = ends[fields - 1 :: fields]
    if not before.all() or not after.all() or len(ends) % fields or block.count(b"\n") != len(line_ends):
        raise ValueError
    if (data[line_ends] != _NEWLINE).any():
        raise ValueError


def _from_categories(column: "pd.Series[Any]", kind: Kind) -> NDArray[Any]:
    """Return texts or times, converting each distinct one once. Raises ValueError for a bad time."""
    texts = [str(text) for text in column.cat.categories]
    codes = column.cat.codes.to_numpy()  # -1, the last, for a blank
    if kind is Kind.TEXT:
        return np.array([*texts, ""], dtype=object)[codes]
    return np.array([*map(parse_time, texts), np.nan])[codes]
