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
# The last time of a line is that of the complete pause; those before it are of its generations.
_JAVA_8: Final = re.compile(r"^[^ ]+: [\d.]+: \[((?:Full )?GC[^\[,]{0,120}).*, (\d{1,6}\.\d{1,9}) secs\]", re.ASCII)
_PAUSE: Final = re.compile(
    r"\[gc[ \]][^G]*GC\(\d+\) (Pause .{1,120}?)(?: \d+[BKMG]->.*)? (\d{1,9}(?:\.\d{1,9})?)ms$", re.ASCII
)
_SAFEPOINT: Final = re.compile(
    r'Safepoint "(\w{1,80})",.* Reaching safepoint: (\d{1,15}) ns,.*Total: (\d{1,15}) ns', re.ASCII
)
_OF_COLLECTORS: Final = re.compile("Collect|GC|Pause|Mark|XStart|ZOperation", re.ASCII)


def pauses(lines: Iterable[str]) -> Iterator[Event]:
    """Give the pauses in order of the log; those of the garbage collector, and long ones for other reasons."""
    for line in lines:
        if "Safepoint" in line:
            event = _safepoint(line)
        elif "Pause " in line:
            event = _pause(line)
        elif "GC" in line and line.endswith("]"):
            event = _java_8(line)
        else:
            continue
        if event is not None:
            yield event


def _pause(line: str) -> Event | None:
    found, ended = _PAUSE.search(line), moment_of(line, None)
    if found is None or ended is None:
        return None
    seconds = float(found[2]) / 1000
    return Event(ended - timedelta(seconds=seconds), GC_PAUSE, found[1], seconds)


def _java_8(line: str) -> Event | None:
    found, began = _JAVA_8.match(line.split(" [Times:")[0]), moment_of(line, None)
    if found is None or began is None:
        return None
    return Event(began, GC_PAUSE, found[1].strip(), float(found[2]))


def _safepoint(line: str) -> Event | None:
    """The time until the JVM's threads stood still is in no pause of the garbage collector."""
    found, ended = _SAFEPOINT.search(line), moment_of(line, None)
    if found is None or ended is None:
        return None
    total_s = int(found[3]) / 1e9
    seconds = int(found[2]) / 1e9 if _OF_COLLECTORS.search(found[1]) else total_s
    if seconds < LEAST_JVM_PAUSE_S or seconds > total_s:
        return None
    return Event(ended - timedelta(seconds=total_s), JVM_PAUSE, f"safepoint {found[1]}", seconds)
