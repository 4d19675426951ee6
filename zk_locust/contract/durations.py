"""Durations as people write them: a number with a unit (`500ms`, `30s`, `5m`, `1h30m`), or a bare number."""

import math
import re
from typing import Final

_UNIT_MS: Final[dict[str, float]] = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3, "min": 60e3, "h": 3600e3}
# Python writes small and large numbers as 1e-05 and 1e+16.
_TERM: Final = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(us|ms|min|s|m|h)")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def parse_duration_ms(text: str | float, bare_unit: str = "s") -> float:
    """Return the duration in milliseconds; a bare number is one of `bare_unit`.

    Raises ValueError, with the forms that are understood, for anything else (also for a negative duration).
    """
    if isinstance(text, bool):
        raise ValueError(_advice(text))
    if isinstance(text, (int, float)):
        text = repr(text)
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _finite(float(text) * _UNIT_MS[bare_unit], text)
    position, total_ms = 0, 0.0
    for term in _TERM.finditer(text):
        if text[position : term.start()].strip():
            raise ValueError(_advice(text))
        total_ms += float(term[1]) * _UNIT_MS[term[2]]
        position = term.end()
    if position == 0 or text[position:].strip():
        raise ValueError(_advice(text))
    return _finite(total_ms, text)


def _finite(duration_ms: float, text: str) -> float:
    if not math.isfinite(duration_ms):
        raise ValueError(_advice(text if len(text) <= 60 else f"{text[:57]}…"))
    return duration_ms


def _advice(text: object) -> str:
    return f"[{text}] is not a duration; write e.g. 500ms, 30s, 5m or 1h30m"


def format_duration(seconds: float) -> str:
    """Return a duration as people say it: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
