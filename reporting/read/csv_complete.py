"""Reads a CSV file in which every line is complete and valid, with pandas' own parser; gives None in any doubt.

pandas fills up short lines, accepts some numbers that Python refuses and rounds long ones differently. So each block of
lines is checked first: every line must have as many fields as the header, and no number may be long enough to be
rounded. What does not pass is read by `csv_damaged`, which names the lines.
"""

import csv
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reporting.read.parsing import parse_time
from reporting.read.table_format import Kind, TableFormat

_BLOCK_BYTES: Final = 4 * 1024 * 1024
_COMMA, _NEWLINE, _QUOTE, _RETURN = b',\n"\r'
# A double holds 15 digits exactly, and so do the powers of ten up to 10^22: one division then rounds correctly.
_EXACT_DIGITS: Final = 15
_LONG_FIELD: Final = csv.field_size_limit()  # which `csv_damaged` refuses
_NO_MARK: Final = bytes(set(range(256)) - set(b',\r\n"\0'))
_DIGITS_TO_ZERO: Final = bytes(ord("0") if chr(code) in "0123456789." else ord(" ") for code in range(256))
_SMALLEST_EXACT: Final = 1e-7
_LARGEST_EXACT: Final = 1e22


def read(path: Path, table: TableFormat) -> pd.DataFrame | None:
    """Return the file as a frame with the columns of `table`, or None where it is not valid throughout."""
    try:
        with path.open("rb") as file:
            line = file.readline()
            if not line.endswith(b"\n") or _QUOTE in line:
                return None
            header = table.names(next(csv.reader([line.decode()]), []))
            if table.lacking(header) or (table.only and table.only[0] not in header):
                return None
            blocks = []
            while block := file.read(_BLOCK_BYTES):
                blocks.append(_columns(block + file.readline(), header, table))
    except (OSError, ValueError, csv.Error):
        return None
    return pd.DataFrame(
        {
            name: pd.Series(np.concatenate([b[name] for b in blocks]) if blocks else [], dtype=kind.dtype, copy=False)
            for name, kind in table.columns.items()
        },
        copy=False,
    )


def _columns(block: bytes, header: list[str], table: TableFormat) -> dict[str, NDArray[Any]]:
    """Return the columns of a block of lines. Raises ValueError where they are in doubt."""
    there = {name: header.index(name) for name in table.columns if name in header}
    numbers = [there[name] for name, kind in table.columns.items() if kind is Kind.NUMBER and name in there]
    if not _is_simple(block, len(header)):
        lengths = _field_lengths(block, len(header))
        if lengths[:, numbers].max(initial=0) > _EXACT_DIGITS or lengths.max() >= _LONG_FIELD:
            raise ValueError
    frame = pd.read_csv(
        io.BytesIO(block),
        header=None,
        names=range(len(header)),
        usecols=list(there.values()),
        dtype={place: float if place in numbers else "category" for place in there.values()},
        keep_default_na=False,
        na_values=[""],
        skip_blank_lines=False,
        low_memory=False,
    )
    if table.only:
        column, values = table.only
        frame = frame[frame[there[column]].isin(values)]
    found = {}
    for name, kind in table.columns.items():
        if name not in there:
            found[name] = np.array(["" if kind is Kind.TEXT else np.nan] * len(frame), kind.dtype)
            continue
        column = frame[there[name]]
        if name in table.filled and column.isna().any():
            raise ValueError
        found[name] = _exact(column.to_numpy()) if kind is Kind.NUMBER else _from_categories(column, kind)
    return found


def _is_simple(block: bytes, fields: int) -> bool:
    """Whether all lines have that many fields, without quotes and without anything so long that it needs a look."""
    marks = block.translate(None, _NO_MARK)
    for line in (b"," * (fields - 1) + b"\r\n", b"," * (fields - 1) + b"\n"):
        if marks == line * (len(marks) // len(line)):
            break
    else:
        return False
    if b"0" * (_EXACT_DIGITS + 1) in block.translate(_DIGITS_TO_ZERO):
        return False
    # A longer field would leave a piece of half its length without a comma.
    return all(block.find(b",", i, i + _LONG_FIELD // 2) >= 0 for i in range(0, len(block), _LONG_FIELD // 2)[:-1])


def _field_lengths(block: bytes, fields: int) -> NDArray[np.int64]:
    """Return the bytes of each field, a row for each line. Raises ValueError where a line has more or fewer fields."""
    if not block.endswith(b"\n") or b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
        raise ValueError
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((data == _COMMA) | (data == _NEWLINE))
    if b'"' in block:
        ends = ends[~_is_quoted(data, ends)]
    if len(ends) % fields:
        raise ValueError
    lengths = np.diff(ends, prepend=-1).reshape(-1, fields) - 1
    line_ends = ends[fields - 1 :: fields]
    if block.count(b"\n") != len(line_ends) or (data[line_ends] != _NEWLINE).any():
        raise ValueError
    return lengths


def _is_quoted(data: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each place whether it is quoted. Raises ValueError where quotes do not enclose complete fields."""
    quotes = np.flatnonzero(data == _QUOTE)
    if len(quotes) % 2:
        raise ValueError
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.isin(data[opening[opening > 0] - 1], (_COMMA, _NEWLINE, _QUOTE))
    after = np.isin(data[closing + 1], (_COMMA, _NEWLINE, _RETURN, _QUOTE))  # a line end follows the last one
    if not before.all() or not after.all():
        raise ValueError
    return np.searchsorted(quotes, places) % 2 == 1


def _exact(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers. Raises ValueError where one may be rounded otherwise than Python does, or is infinite."""
    sizes = np.abs(values)
    if (
        np.fmin.reduce(sizes, where=sizes > 0, initial=1.0) < _SMALLEST_EXACT
        or np.fmax.reduce(sizes, initial=0.0) >= _LARGEST_EXACT
    ):
        raise ValueError
    return values


def _from_categories(column: "pd.Series[Any]", kind: Kind) -> NDArray[Any]:
    """Return texts or times, each different one converted once. Raises ValueError for what is no time."""
    texts = [str(text) for text in column.cat.categories]
    codes = column.cat.codes.to_numpy()  # -1, the last, for a blank
    if kind is Kind.TEXT:
        return np.array([*texts, ""], dtype=object)[codes]
    return np.array([*map(parse_time, texts), np.nan])[codes]
