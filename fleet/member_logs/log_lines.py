"""Lines of a log that a host has sent, and the moments in them. A host may send anything: both are bounded."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, NamedTuple

_LONGEST_LINE: Final = 4096
_YEARS: Final = range(1970, 9000)
_STAMP: Final = re.compile(r"\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)[.,](\d{3,6})\s?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


class Event(NamedTuple):
    """One event: `began` in UTC by the host's clock, `duration_s` in seconds, None for a moment."""

    began: datetime
    name: str
    detail: str = ""
    duration_s: float | None = None


def lines_of(file: Path) -> Iterator[str]:
    """Give the lines of a log; of a longer one than any log's the beginning."""
    with file.open(encoding="utf-8", errors="replace") as source:
        while line := source.readline(_LONGEST_LINE):
            yield line.rstrip("\r\n")
            while len(line) == _LONGEST_LINE and not line.endswith("\n"):
                line = source.readline(_LONGEST_LINE)


def has_moment(line: str) -> bool:
    """Return whether a line begins with a date and a time, with or without a zone."""
    return _STAMP.match(line) is not None


def moment_of(line: str, zone: timezone | None) -> datetime | None:
    """Return the moment, UTC, that a line begins with; `zone` is for a line that does not say its own.

    None where the line begins with no moment, with one of an unknown zone, or with a year that no log is of.
    """
    found = _STAMP.match(line)
    if found is None:
        return None
    day, time, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}.{fraction:0<6}{offset or ''}")
    except ValueError:
        return None
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    # Within them no offset and no duration leads out of the calendar.
    return moment.astimezone(UTC) if moment.year in _YEARS else None


def zone_of(line: str) -> timezone | None:
    """Return the zone that the moment at the beginning of a line is in, if the line says it."""
    found = _STAMP.match(line)
    if found is None or found[4] is None:
        return None
    if found[4] == "Z":
        return UTC
    sign, digits = (-1 if found[4][0] == "-" else 1), found[4][1:].replace(":", "")
    offset = sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(offset) if abs(offset) < timedelta(hours=24) else None
