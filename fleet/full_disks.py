"""When a host's disk was full, as the host reports it. Only times and a number are taken."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

_MOST_TIMES: Final = 20
_LONGEST: Final = 8192


def times_of_full_disk(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's `disk_full`, each time with `since` and `until`; empty if the disk was never full."""
    times = status.get("disk_full")
    found = [
        {"since": _time(entry.get("since")), "until": _time(entry.get("until"))}
        for entry in (times if isinstance(times, list) else [])[:_MOST_TIMES]
        if isinstance(entry, Mapping)
    ]
    return {"disk_full": found} if found else {}


def told_by_sampler(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same for a member, with `samples_lost`, from the answer of `host_metrics stop`."""
    lines = str(answer.get("stdout") or "")[:_LONGEST].splitlines()
    try:
        told = json.loads(lines[1])
    except (IndexError, ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    lost = told.get("lost")
    is_number = isinstance(lost, int) and not isinstance(lost, bool) and lost > 0
    return times_of_full_disk(told) | ({"samples_lost": lost} if is_number else {})


def _time(text: object) -> str | None:
    try:
        return datetime.fromisoformat(str(text)).isoformat()
    except ValueError:
        return None
