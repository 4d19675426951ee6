"""Tolerant parsing of values and JSON: what is not readable becomes a `Problem` that names file and line.

Files may be missing, empty, cut off in the middle of a line (an interrupted run, a full disk) or damaged.
"""

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson

from reporting.read.problems import ProblemLog

Record = TypeVar("Record")


def parse_time(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def finite(value: str | float) -> float:
    """`value` as a finite number. Raises ValueError for anything else, `nan` and `inf` included."""
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"is not a finite number [{value}]")
    return found


def number(value: Any) -> float | None:
    """`value` as a finite number, or None when it is none."""
    if isinstance(value, bool):
        return None
    try:
        return finite(value)
    except (TypeError, ValueError):
        return None


def is_cut_off(path: Path) -> bool:
    """Whether the file does not end with a line end: then its last line cannot be trusted."""
    with path.open("rb") as stream:
        if stream.seek(0, 2) == 0:
            return False
        stream.seek(-1, 2)
        return stream.read(1) not in (b"\n", b"\r")


def read_json_lines(
    path: Path, problems: ProblemLog, *, missing: str, lost_figures: bool = False
) -> Iterator[tuple[int, Any]]:
    """Number and value of every line of a JSON-lines file that is complete and valid."""
    tell = partial(problems.add, path.name, lost_figures=lost_figures)
    try:
        cut_off = is_cut_off(path)
        number = 0
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip() and cut_off and not line.endswith(b"\n"):
                    tell(number, "the last line is cut off and is left out")
                elif line.strip():
                    try:
                        yield number, _loads(line)
                    except ValueError as error:
                        tell(number, f"is not JSON ({_reason(error)}); the line is left out")
        if number == 0:
            tell(None, f"is empty: {missing}")
    except OSError as error:
        tell(None, f"{unreadable(error)}: {missing}")


def _loads(line: bytes) -> Any:
    """Return what `json.loads` returns, in a third of the time; what orjson refuses is left to it and its message."""
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line)


def read_records(
    path: Path, problems: ProblemLog, convert: Callable[[Any], Record], *, missing: str
) -> Iterator[tuple[int, Record]]:
    """Number and record of every line whose value `convert` accepts. A lost line is a lost figure."""
    for number, value in read_json_lines(path, problems, missing=missing, lost_figures=True):
        try:
            record = convert(value)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            reason = f"lacks the field {error}" if isinstance(error, KeyError) else str(error)[:80]
            problems.add(path.name, number, f"{reason}; the line is left out", lost_figures=True)
        else:
            yield number, record


def read_json_object(path: Path, problems: ProblemLog, *, missing: str) -> dict[str, Any]:
    """The JSON object in the file; an empty one, and a problem, when there is none."""
    line = None
    try:
        value = json.loads(path.read_bytes())
        if isinstance(value, dict):
            return value
        line, reason = 1, "is not a JSON object"
    except OSError as error:
        reason = unreadable(error)
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        reason = f"is not JSON ({_reason(error)})"
    problems.add(path.name, line, f"{reason}: {missing}")
    return {}


def unreadable(error: OSError) -> str:
    """Why a file was not read."""
    return "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"


def _reason(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:80]
