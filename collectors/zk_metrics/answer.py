"""The data of the page: the members and their last samples, as JSON."""

import time
from typing import Any

from zk_metrics.member import Member
from zk_metrics.monitor import Monitor


def answer(monitor: Monitor, next_s: float) -> dict[str, Any]:
    """Return the page's data.

    | key | content |
    |---|---|
    | `process` | changes when Locust is restarted; `at_s` then starts from 0 |
    | `collection` | `web`, `interval` or `none` |
    | `interval_s` | seconds between two polls at an interval |
    | `polls` | whether members are polled now |
    | `recording` | whether what is read is written to `zk-metrics.csv` |
    | `problem` | why metrics cannot be read or recorded, for people |
    | `next_s` | seconds until new data |
    | `members` | for each: `name`; `sample`, null before its first poll |

    A sample has `timestamp`, `at_s` (seconds on one clock for all), `age_s`, `poll_ms`, `metrics` (numbers and text),
    and `detail`: why there are no metrics.
    """
    collection = monitor.collection
    return {
        "process": monitor.process,
        "collection": "web" if collection.on_demand else "interval" if collection.interval_s else "none",
        "interval_s": collection.interval_s,
        "polls": monitor.polls,
        "recording": monitor.recording.wanted and not monitor.recording.problem and collection != type(collection)(),
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
            "timestamp": sample.answered.isoformat(timespec="milliseconds"),
            "at_s": sample.answered_s,
            "age_s": round(time.perf_counter() - sample.answered_s, 3),
            "poll_ms": sample.poll_ms,
            "metrics": sample.metrics,
            "detail": sample.detail,
        },
    }
