"""Makes answers of members harmless: any process may listen at the address and answer anything."""

import contextlib
import json
from collections.abc import Iterable
from typing import Any, Final

from zk_locust.contract.plain_text import plain_line

MOST_BYTES: Final = 1024 * 1024
"""An answer is read up to this size. A member's some 500 metrics take 20 kB."""
MOST_METRICS: Final = 4_000
LONGEST_NAME: Final = 200
LONGEST_TEXT: Final = 300
# Beyond this a number is no measurement; all metrics of ZooKeeper are 64-bit.
_GREATEST: Final = 2.0**64

_LONGEST_NUMBER: Final = 40

Value = int | float | str
_OWN_FIELDS: Final = frozenset({"command", "error"})  # of the AdminServer's answer, not of the member


def plain_text(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return the text as one plain line, cut if it is too long (without a mark, because it is a value)."""
    return plain_line(text, longest, cut="")


def metrics_of(body: bytes) -> dict[str, Value]:
    """Return the metrics of an AdminServer's answer: finite numbers and plain text, by plain names.

    Lists and objects become text, other values are left out. Raises ValueError with a message for people if the answer
    has no metrics or too many.
    """
    try:
        told = json.loads(body, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    if not isinstance(told, dict):
        raise ValueError("the answer is JSON, but no metrics")
    if len(told) > MOST_METRICS:
        raise ValueError(f"the answer has {len(told):,} metrics; at most {MOST_METRICS:,} are read")
    found: dict[str, Value] = {}
    for name, value in told.items():
        plain_name = plain_text(name, LONGEST_NAME)
        plain_value = _plain(value)
        if plain_name and plain_value is not None and plain_name not in _OWN_FIELDS:
            found[plain_name] = plain_value
    if not found:
        raise ValueError("the answer is JSON, but no metrics")
    return found


def metrics_of_lines(pairs: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Return the metrics of an answer whose names and values are text. Raises ValueError if it has too many."""
    found: dict[str, Value] = {}
    for number, (name, text) in enumerate(pairs, start=1):
        if number > MOST_METRICS:
            raise ValueError(f"the answer has more than {MOST_METRICS:,} metrics")
        plain_name, value = plain_text(name, LONGEST_NAME), _plain(_number(text.strip()))
        if plain_name and value is not None:
            found[plain_name] = value
    return found


def _number(text: str) -> int | float | str:
    """Return the number that a text is, otherwise the text."""
    if len(text) > _LONGEST_NUMBER or not text.isascii() or "_" in text:
        return text
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        return float(text)
    return text


def _plain(value: Any) -> Value | None:
    if value is None or isinstance(value, str):
        return plain_text(value) if value else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) <= _GREATEST else None  # NaN is not
    try:
        return plain_text(json.dumps(value))
    except RecursionError:
        return None
