"""Tolerant parsing of values and JSON: what is not readable becomes a `Problem` that names file and line.

Files may be missing, empty, cut off in the middle of a line (an interrupted run, a full disk) or damaged.
"""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reporting.read.problems import ProblemLog


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
    try:
        cut_off = is_cut_off(path)
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
