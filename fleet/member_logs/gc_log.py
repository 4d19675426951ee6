"""Pauses in a JVM's `gc.log`: of Java 8 (`-XX:+PrintGCDetails -XX:+PrintGCDateStamps`) and of Java 9 and later.

    2026-11-26T20:49:41.411+0000: 0.615: [GC (Allocation Failure) [PSYoungGen: …] 6M->2M(64M), 0.0063 secs] [Times: …]
    [2026-11-26T20:49:41.418+0000][0.621s][info][gc       ] GC(0) Pause Young (Normal) (G1 Evacuation Pause) … 6.343ms
    [2026-11-26T20:49:41.418+0000][0.621s][info][safepoint] Safepoint "Cleanup", …, Total: 6440597 ns

Java 9 to 12 write instead of the last:

    […][safepoint    ] Entering safepoint region: RevokeBias
    […][safepoint    ] Total time for which application threads were stopped: 0.3 seconds, Stopping threads took: 0.1 …

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
_STOPPED: Final = "Total time for which application threads were stopped: "
_ENTERING: Final = "] Entering safepoint region: "
_TIMES: Final = re.compile(r"(\d{1,6}\.\d{1,9}) seconds, Stopping threads took: (\d{1,6}\.\d{1,9}) seconds", re.ASCII)
_NANOSECONDS: Final = re.compile(r"(\d{1,15}) ns", re.ASCII)
_OF_COLLECTORS: Final = re.compile("Collect|GC|Pause|Mark|XStart|ZOperation", re.ASCII)


def pauses(lines: Iterable[str]) -> Iterator[Event]:
    """Give the pauses in order of the log; those of the garbage collector, and long ones for other reasons."""
    entered = ""
    for line in lines:
        if ") Pause " in line:
            event = _pause(line)
        elif _ENTERING in line:
            entered = line.partition(_ENTERING)[2]
            continue
        elif _STOPPED in line:
            event, entered = _stopped(line, entered), ""
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


def _stopped(line: str, name: str) -> Event | None:
    found = _TIMES.fullmatch(line.partition(_STOPPED)[2])
    return None if found is None else _long_stop(line, name, float(found[2]), float(found[1]))


def _safepoint(line: str) -> Event | None:
    name, _, rest = line.partition('] Safepoint "')[2].partition('", ')
    fields = dict(part.partition(": ")[::2] for part in rest.split(", "))
    reaching, total = (_NANOSECONDS.fullmatch(fields.get(key, "")) for key in ("Reaching safepoint", "Total"))
    if reaching is None or total is None:
        return None
    return _long_stop(line, name, int(reaching[1]) / 1e9, int(total[1]) / 1e9)


def _long_stop(line: str, name: str, reaching_s: float, total_s: float) -> Event | None:
    """Return a stop of the JVM that no pause of the garbage collector contains, if it is long.

    Of a stop for the collector that is the time until all threads stood still, and likewise of one without a name: it
    may be for the collector.
    """
    seconds = reaching_s if not name or _OF_COLLECTORS.search(name) else total_s
    ended = moment_of(line, None)
    if ended is None or seconds < LEAST_JVM_PAUSE_S or seconds > total_s:
        return None
    return Event(ended - timedelta(seconds=total_s), JVM_PAUSE, f"safepoint {name[:_LONGEST_KIND]}".strip(), seconds)
