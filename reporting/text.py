"""Formats figures and sorts names for people: the same on screen, in Markdown and on the page."""

import re
from collections.abc import Sequence
from typing import Final

from zk_locust.contract.durations import format_duration

NOTHING: Final = "\N{EN DASH}"


def latency_ms(value_us: float | None) -> str:
    """Microseconds as milliseconds with three significant digits (at least all of the integer milliseconds)."""
    if value_us is None:
        return NOTHING
    ms = value_us / 1000
    if ms < 9.995:
        return f"{ms:.3f}" if ms < 0.9995 else f"{ms:.2f}"
    return f"{ms:.1f}" if ms < 99.95 else f"{ms:,.0f}"


def rate(value: float | None) -> str:
    """Operations a second: an integer from 100 on, otherwise with one decimal."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 99.95 or value == 0 else f"{value:,.1f}"


def count(value: int | None) -> str:
    """An integer with separators."""
    return NOTHING if value is None else f"{value:,}"


def duration(seconds: float | None) -> str:
    """Seconds in the usual units: 0.4 s, 42 s, 2 min 5 s, 3 h 20 min."""
    if seconds is None or seconds != seconds:
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    return format_duration(seconds)


def moment(iso: str) -> str:
    """An ISO 8601 time as `2026-11-24 03:15:00 UTC`; any other text unchanged."""
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return found.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if found.tzinfo else f"{found:%Y-%m-%d %H:%M:%S} UTC"


def some(names: Sequence[str], most: int) -> str:
    """The first `most` of the names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def percent(share: float) -> str:
    """A share (0 to 1) as percent, with enough digits to be above zero."""
    value = share * 100
    return f"{value:.2g} %" if value < 1 else f"{value:.1f} %"


def change(ratio: float) -> str:
    """A ratio as a change: +12.3 %, or its factor from a change of 100 % on."""
    percents = (ratio - 1) * 100
    return f"{percents:+.1f} %" if abs(percents) < 100 else f"{ratio:.2f} times"


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key under which zk2 comes before zk10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
