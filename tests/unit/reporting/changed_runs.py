"""Changes the files of a run folder that was written before."""

import csv
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.unit.reporting.synthetic import START
from zk_locust.contract.events import EVENT_COLUMNS


def stamp(at_s: float) -> str:
    """Return the label of a moment, seconds since the load started."""
    return (START + timedelta(seconds=at_s)).isoformat(timespec="microseconds")


def change_stats(run: Path, change: Callable[[dict[str, str]], None]) -> None:
    """Change each row of `locust-stats.csv`."""
    with (run / "locust-stats.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        change(row)
    with (run / "locust-stats.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def change_lines(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change each line of `locust-distrib.jsonl`."""
    lines = [json.loads(line) for line in (run / "locust-distrib.jsonl").read_text().splitlines()]
    for line in lines:
        change(line)
    (run / "locust-distrib.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def add_slow(run: Path, slow: Mapping[int, tuple[int, float]]) -> None:
    """Have so many `get` more, which took so many seconds, end in these intervals of the measured stage."""

    def add_to_line(line: dict[str, Any]) -> None:
        count, took_s = slow.get(line["interval"], (0, 0.0))
        if count and (line["stage"], line["name"]) == ("measured", "get"):
            us = round(took_s * 1e6)
            line["histogram"][str(us)] = line["histogram"].get(str(us), 0) + count
            line["requests"] += count
            line["sum_us"] += count * us
            line["max_us"] = max(line["max_us"], us)

    def add_to_row(row: dict[str, str]) -> None:
        if row["worker"] == "all" and row["stage"] == "measured" and row["name"] in ("get", "Aggregated"):
            more = sum(count for interval, (count, _) in slow.items() if interval <= int(row["interval"]))
            row["requests"] = str(int(row["requests"]) + more)
            if row["offered"]:
                row["offered"] = str(int(row["offered"]) + more)

    change_lines(run, add_to_line)
    change_stats(run, add_to_row)


def add_events(run: Path, *events: Mapping[str, Any]) -> None:
    """Add events; `at_s` is seconds since the load started, and the master's where nothing else is said."""
    with (run / "events.csv").open("a", newline="") as file:
        writer = csv.DictWriter(file, EVENT_COLUMNS, restval="")
        for event in events:
            rest = {name: value for name, value in event.items() if name != "at_s"}
            writer.writerow({"timestamp": stamp(event["at_s"]), "source": "master"} | rest)


def election(member: str, at_s: float, took_s: float | None = 0.2) -> dict[str, Any]:
    """Return the event that a member's log tells of an election."""
    return {
        "at_s": at_s, "source": member, "event": "election", "subject": member, "detail": "leader",
        "duration_s": "" if took_s is None else took_s, "clock": member,
    }  # fmt: skip
