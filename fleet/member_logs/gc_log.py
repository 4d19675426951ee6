"""Pauses in a JVM's `gc.log`: of Java 8 (`-XX:+PrintGCDetails -XX:+PrintGCDateStamps`) and of Java 9 and later.

    2026-11-26T20:49:41.411+0000: 0.615: [GC (Allocation Failure) [PSYoungGen: …] 6M->2M(64M), 0.0063 secs] [Times: …]
    [2026-11-26T20:49:41.418+0000][0.621s][info][gc       ] GC(0) Pause Young (Normal) (G1 Evacuation Pause) … 6.343ms
    [2026-11-26T20:49:41.418+0000][0.621s][info][safepoint] Safepoint "Cleanup", …, Total: 6440597 ns

Java 8 stamps the beginning of a pause, later releases its end.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from fleet.member_logs.log_lines import Event, moment_of
from zk_locust.contract.events import GC_PAUSE, JVM_PAUSE

LEAST_JVM_PAUSE_S: Final = 0.010
"""Each second a JVM stands still for a moment, to clean up. Only longer pauses are events."""
# A host may write anything. Lines are split at fixed texts, and patterns match short parts only: no line takes long.
_LONGEST_KIND: Final = 120
_KIND: Final = re.compile(r"(?:Full )?GC(?! concurrent)(?:(?! \d{4}-)[^\[,]){0,120}", re.ASCII)
_SECONDS: Final = re.compile(r"(\d{1,6}\.\d{1,9}) secs\]", re.ASCII)
_MILLISECONDS: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)ms", re.ASCII)
_NANOSECONDS: Final = re.compile(r"(\d{1,15}) ns", re.ASCII)
_OF_COLLECTORS: Final = re.compile("Collect|GC|Pause|Mark|XStart|ZOperation", re.ASCII)


def pauses(lines: Iterable[str]) -> Iterator[Event]:
    """Give the pauses in order of the log; those of the garbage collector, and long ones for other reasons."""
    for line in lines:
        if ") Pause " in line:
            event = _pause(line)
        elif "] Safepoint " in line:
            event = _safepoint(line)
        elif ": [" in line and line.endswith("]"):
            event = _java_8(line)
        else:
            continue
        if event is not None:
            yield event


def _pause(line: str) -> Event | None:
    labels, _, rest = line.partition("] GC(")
    text, _, took = rest.partition(") ")[2].rpartition(" ")
    found, ended = _MILLISECONDS.fullmatch(took), moment_of(line, None)
    if found is None or ended is None or labels.rpartition("[")[2].strip() != "gc" or not text.startswith("Pause "):
        return None
    before, arrow, _ = text.partition("->")  # the heap: 24M->5M(64M)
    seconds = float(found[1]) / 1000
    kind = before.rpartition(" ")[0] if arrow else text
    return Event(ended - timedelta(seconds=seconds), GC_PAUSE, kind[:_LONGEST_KIND], seconds)


def _java_8(line: str) -> Event | None:
    # The last time of a line is that of the complete pause; those before it are of its generations.
    text, _, took = line.partition(" [Times:")[0].rpartition(", ")
    kind = _KIND.match(text.partition(": [")[2])
    found, began = _SECONDS.fullmatch(took), moment_of(line, None)
    if kind is None or found is None or began is None:
        return None
    return Event(began, GC_PAUSE, kind[0].strip(), float(found[1]))


def _safepoint(line: str) -> Event | None:
    """The time until the JVM's threads stood still is in no pause of the garbage collector."""
    name, _, rest = line.partition('] Safepoint "')[2].partition('", ')
    fields = dict(part.partition(": ")[::2] for part in rest.split(", "))
    times = [_NANOSECONDS.fullmatch(fields.get(key, "")) for key in ("Reaching safepoint", "Total")]
    ended = moment_of(line, None)
    if not name or ended is None or times[0] is None or times[1] is None:
        return None
    reaching_s, total_s = int(times[0][1]) / 1e9, int(times[1][1]) / 1e9
    seconds = reaching_s if _OF_COLLECTORS.search(name) else total_s
    if seconds < LEAST_JVM_PAUSE_S or seconds > total_s:
        return None
    return Event(ended - timedelta(seconds=total_s), JVM_PAUSE, f"safepoint {name[:_LONGEST_KIND]}", seconds)
