"""The events in a member's logs, as they were collected."""

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import chain, islice
from pathlib import Path
from typing import Final

from fleet.member_logs import gc_log, server_log
from fleet.member_logs.log_lines import Event, has_moment, lines_of, zone_of

MOST_EVENTS: Final = 20_000
"""Events of a member that are kept, the longest of them; the others are counted."""
_GC_LOGS: Final = re.compile(r"gc\.log(\.\d+)?(\.current)?", re.ASCII)
_SERVER_LOGS: Final = re.compile(r"(zookeeper\.(?:log|out))(?:\.(\d+))?", re.ASCII)
_SERVER_LOG: Final = "zookeeper.log"
_LOOKED_AT: Final = 2000  # lines, for what a log's lines begin with
_BEGIN: Final = 64  # characters, more than a moment has


@dataclass(slots=True)
class Found:
    """A member's events in order of time, how many more there were, and why a log cannot be read."""

    events: list[Event] = field(default_factory=list)
    left_out: int = 0
    problems: list[str] = field(default_factory=list)


def events_of(folder: Path, began: datetime, ended: datetime) -> Found:
    """Return the events of a member that were under way between the two moments, which are by its own clock.

    A server's log that does not say its time zone is in that of the `gc.log` beside it: one JVM writes both.
    """
    collector = [file for file in sorted(folder.iterdir()) if _GC_LOGS.fullmatch(file.name) and file.is_file()]
    zone = next(
        filter(None, (zone_of(line) for file in collector for line in islice(lines_of(file), _LOOKED_AT))), None
    )
    found = Found()
    if not collector:
        found.problems.append(
            "there is no gc.log: of the garbage collector's pauses only those that the server noticed are known"
        )
    elif problem := _unreadable("gc.log", collector, zone):
        found.problems.append(f"gc.log: {problem}")
    sources = [gc_log.pauses(lines_of(file)) for file in collector]
    logs = _server_logs(folder)
    if not logs:
        found.problems.append("there is no zookeeper.log: elections and slow fsyncs are not known")
    for name, files in logs.items():
        if problem := _unreadable(name, files, zone):
            found.problems.append(f"{name}: {problem}")
        sources.append(server_log.events(chain.from_iterable(map(lines_of, files)), zone, has_gc_log=bool(collector)))
    kept: list[tuple[float, int, Event]] = []
    for number, event in enumerate(_between(chain.from_iterable(sources), began, ended)):
        item = (_rank(event), number, event)
        if len(kept) < MOST_EVENTS:
            heapq.heappush(kept, item)
        else:
            heapq.heappushpop(kept, item)
            found.left_out += 1
    found.events = sorted((event for _, _, event in kept), key=lambda event: event.began)
    return found


def _rank(event: Event) -> float:
    """Return the length that an event counts with, seconds.

    A restart, or an election without an end, is the longest. Clients cause any number of ended sessions and
    connections, which must not push out what explains them.
    """
    if event.duration_s is None:
        return 0.0 if event.name in server_log.COUNTED else float("inf")
    return event.duration_s


def _between(events: Iterable[Event], began: datetime, ended: datetime) -> Iterator[Event]:
    for event in events:
        if event.began <= ended and event.began + timedelta(seconds=event.duration_s or 0.0) >= began:
            yield event


def _server_logs(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each log in order of time: an election may begin in one and end in the next."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for file in folder.iterdir():
        if (named := _SERVER_LOGS.fullmatch(file.name)) is not None and file.is_file() and file.stat().st_size:
            found.setdefault(named[1], []).append((-int(named[2] or 0), file))
    return {name: [file for _, file in sorted(files)] for name, files in sorted(found.items())}


def _unreadable(name: str, files: Iterable[Path], zone: timezone | None) -> str:
    """Return why the lines of a log have no moment; empty if they have one.

    `zookeeper.out` has one only where the server logs into it, and `gc.log` from the first pause on. Their other lines
    do not begin with a number.
    """
    begins = [line[:_BEGIN] for file in files for line in islice(lines_of(file), _LOOKED_AT)]
    stamped = list(filter(has_moment, begins))
    if not stamped:
        is_wrong = name == _SERVER_LOG or any(line.removeprefix("[")[:1].isdigit() for line in begins)
        return "its lines do not begin with a date as in ISO 8601" if is_wrong else ""
    if zone is None and not any(map(zone_of, stamped)):
        return "its lines do not say their time zone, and no gc.log says it"
    return ""
