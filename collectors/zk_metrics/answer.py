"""What the page is told: the members and what was last read of them, as JSON."""

import math
import time
from typing import Any, Final

from zk_metrics.member import Member
from zk_metrics.monitor import Monitor

_LONGEST_TEXT: Final = 300


def answer(monitor: Monitor, next_s: float) -> dict[str, Any]:
    """Return the page's data.

    | key | content |
    |---|---|
    | `collection` | `web`, `interval` or `none` |
    | `interval_s` | seconds between two polls at an interval |
    | `polls` | whether anybody polls now |
    | `recording` | whether what is read is written to `zk-metrics.csv` |
    | `problem` | what keeps metrics from being read or recorded, for people |
    | `next_s` | when there is news, seconds |
    | `members` | for each: `name`; `sample`, null before its first poll |

    A sample has `timestamp`, `at_s` (seconds on one clock for all), `age_s`, `poll_ms`, `metrics` (numbers and text),
    and `detail`: why there are no metrics.
    """
    collection = monitor.collection
    return {
        "collection": "web" if collection.on_demand else "interval" if collection.interval_s else "none",
        "interval_s": collection.interval_s,
        "polls": monitor.polls,
        "recording": monitor.recording is not None and collection != type(collection)(),
        "problem": monitor.problem,
        "next_s": round(next_s, 3),
        "members": [_member(member) for member in monitor.members],
    }


def _member(member: Member) -> dict[str, Any]:
    sample = member.latest
    if sample is None:
        return {"name": member.name, "sample": None}
    return {
        "name": member.name,
        "sample": {
            "timestamp": sample.sent.isoformat(timespec="milliseconds"),
            "at_s": sample.sent_s,
            "age_s": round(time.perf_counter() - sample.sent_s, 3),
            "poll_ms": sample.poll_ms,
            "metrics": {name: _plain(value) for name, value in sample.metrics.items()},
            "detail": sample.detail,
        },
    }


def _plain(value: Any) -> float | str | None:
    """A number that JSON has, or text of bounded length: the member may have answered anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None if value is None else str(value)[:_LONGEST_TEXT]
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None
