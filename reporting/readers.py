"""Tolerant readers: what is readable is returned, what is not becomes a `Problem` that names file and line.

Files may be missing, empty, cut off in the middle of a line (an interrupted run, a full disk) or damaged.
"""

import csv
import json
import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd

from reporting.problems import ProblemLog


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"  # a blank becomes NaN
    TIME = "time"  # ISO 8601; becomes seconds since the epoch


def parse_time(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float:
    return finite(text) if text else math.nan


def finite(value: str | float) -> float:
    """`value` as a finite number. Raises ValueError for anything else, `nan` and `inf` included."""
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"is not a finite number [{value}]")
    return found


def _text(text: str) -> str:
    return text


_CONVERT: Mapping[Kind, tuple[Callable[[str], Any], str]] = {
    Kind.NUMBER: (_number, "a number"),
    Kind.TIME: (parse_time, "a time"),
    Kind.TEXT: (_text, "text"),
}


def _is_cut_off(path: Path) -> bool:
    """Whether the file does not end with a line end: then its last line cannot be trusted."""
    with path.open("rb") as stream:
        if stream.seek(0, 2) == 0:
            return False
        stream.seek(-1, 2)
        return stream.read(1) not in (b"\n", b"\r")


def _csv_lines(path: Path, problems: ProblemLog, lost_figures: bool) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of every whole line."""
    cut_off = _is_cut_off(path)
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


def read_json_lines(
    path: Path, problems: ProblemLog, *, missing: str, lost_figures: bool = False
) -> Iterator[tuple[int, Any]]:
    """Number and value of every line of a JSON-lines file that is whole and valid."""
    try:
        cut_off = _is_cut_off(path)
        number = 0
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                if not line.endswith(b"\n") and cut_off:
                    text = "the last line is cut off and is left out"
                    problems.add(path.name, number, text, lost_figures=lost_figures)
                    continue
                try:
                    yield number, json.loads(line)
                except ValueError as error:
                    text = f"is not JSON ({_reason(error)}); the line is left out"
                    problems.add(path.name, number, text, lost_figures=lost_figures)
        if number == 0:
            problems.add(path.name, None, f"is empty: {missing}", lost_figures=lost_figures)
    except FileNotFoundError:
        problems.add(path.name, None, f"is missing: {missing}", lost_figures=lost_figures)
    except OSError as error:
        problems.add(path.name, None, f"cannot be read ({error.strerror}): {missing}", lost_figures=lost_figures)


def read_json_object(path: Path, problems: ProblemLog, *, missing: str) -> dict[str, Any]:
    """The JSON object in the file; an empty one, and a problem, when there is none."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        problems.add(path.name, None, f"is missing: {missing}")
        return {}
    except OSError as error:
        problems.add(path.name, None, f"cannot be read ({error.strerror}): {missing}")
        return {}
    except json.JSONDecodeError as error:
        problems.add(path.name, error.lineno, f"is not JSON ({error.msg}): {missing}")
        return {}
    except ValueError as error:
        problems.add(path.name, None, f"is not JSON ({_reason(error)}): {missing}")
        return {}
    if not isinstance(value, dict):
        problems.add(path.name, 1, f"is not a JSON object: {missing}")
        return {}
    return value


def _reason(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:80]
