"""The progress of a load as text, from a host's `progress.json` and `status.json`, whose content is not trusted."""

from collections.abc import Mapping
from typing import Any

from zk_locust.contract.plain_text import first_of, plain_line


def clock(seconds: float) -> str:
    """Return minutes and seconds, with hours where there are any: `0:45`, `1:02:03`."""
    rounded = max(0, round(seconds))
    hours, minutes = divmod(rounded // 60, 60)
    return f"{hours}:{minutes:02}:{rounded % 60:02}" if hours else f"{minutes}:{rounded % 60:02}"


def latency(microseconds: float | None) -> str:
    """Return a latency with three significant digits and its unit."""
    if microseconds is None:
        return "-"
    if microseconds < 1000:
        return f"{microseconds:.0f} µs"
    for value, unit in ((microseconds / 1000, "ms"), (microseconds / 1e6, "s")):
        if value < 99.95:
            return f"{value:.3g} {unit}"
        if value < 999.5:
            break
    return f"{value:.0f} {unit}"


def progress_words(progress: Mapping[str, Any], *, in_columns: bool = False) -> list[str]:
    """Return stage, time left, users, operations per second, p99 and failures, then the absent workers.

    With `in_columns`, every word except the last has a fixed width, so that lines align.
    """
    if not progress.get("stage"):
        return ["waiting for workers", f"{plain_line(progress.get('workers') or 0)} ready"]
    left, p99_us = _number(progress.get("time_left_s")), _number(progress.get("p99_us"))
    failures = _number(progress.get("failures")) or 0
    users, rate = _number(progress.get("users")) or 0, _number(progress.get("rate_per_s")) or 0
    cells = [
        (plain_line(progress["stage"]), "<9"),
        ("" if left is None else f"{clock(left)} left", ">12"),
        (f"{users:,.0f} users", ">12"),
        (f"{rate:,.0f} op/s", ">14"),
        (f"p99 {latency(p99_us):>{7 if in_columns else 0}}", ""),
        (f"{failures:,.0f} failure{'' if failures == 1 else 's'}", ""),
    ]
    absent = progress.get("absent")
    notes = [plain_line(note) for note in first_of(absent)] if isinstance(absent, list) else []
    return [f"{text:{width if in_columns else ''}}" for text, width in cells if text or in_columns] + notes


def progress_line(progress: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """Return the progress line of a load; `status` says whether the master's disk is full."""
    times = status.get("disk_full")
    is_full = isinstance(times, list) and times and isinstance(times[-1], dict) and times[-1].get("until") is None
    words = progress_words(progress, in_columns=True)
    return "   ".join(["  " + words[0], *words[1:], *(["the master's disk is full"] if is_full else [])])


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18
    return float(value) if is_number else None  # type: ignore[arg-type]
