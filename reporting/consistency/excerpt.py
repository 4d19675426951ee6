"""The shortest excerpt of a history that shows a violation, as lines of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from reporting.consistency.found import Violation
from reporting.consistency.history_file import HistoryError, HistoryFile
from reporting.consistency.order import Clock
from reporting.consistency.sessions import PLACE_BITS
from zk_locust.contract import history_format as history
from zk_locust.contract.plain_text import plain_line

_PLACE: Final = (1 << PLACE_BITS) - 1
_RESULTS: Final = {history.UNDECIDED: "no reply", history.NO_NODE: "no node"}


@dataclass(frozen=True, slots=True)
class _Told:
    """A record, its file's number and its path."""

    file: int
    record: Any
    path: str


def excerpt(violation: Violation, files: Sequence[HistoryFile], clocks: Sequence[Clock]) -> list[str]:
    """Return the records that show a violation, in the order of their times."""
    places = list(dict.fromkeys(violation.records))
    if violation.seen:
        places += [place for place in (_seen_by(violation, files),) if place is not None and place not in places]
    told = []
    for number, file in enumerate(files):
        wanted = {place & _PLACE for place in places if place >> PLACE_BITS == number}
        if wanted:
            told += [_Told(number, *found) for found in file.texts(wanted).values()]
    told.sort(key=lambda each: int(each.record["arrived"]) + clocks[each.file].offset_ns)
    return [_line(each, files, clocks) for each in told]


def _seen_by(violation: Violation, files: Sequence[HistoryFile]) -> int | None:
    """Return the first reply by which the session of the last record had seen the transaction."""
    last = violation.records[-1]
    number, end = last >> PLACE_BITS, last & _PLACE
    session = None
    try:
        session = files[number].texts({end})[end][0]["session"]
        for chunk in files[number].chunks():
            records = chunk.records
            kind = records["what"] & history.KIND_MASK
            hits = (records["session"] == session) & (records["zxid"] >= violation.seen) & (kind < history.EVENT)
            for at in np.flatnonzero(hits):
                place = chunk.first + int(at)
                return place | number << PLACE_BITS if place < end else None
    except (HistoryError, KeyError):
        pass  # damaged since it was checked
    return None


def _line(told: _Told, files: Sequence[HistoryFile], clocks: Sequence[Clock]) -> str:
    record, clock = told.record, clocks[told.file]
    what = int(record["what"])
    kind = what & history.KIND_MASK
    times = [_time(int(record[name]), clock) for name in ("sent", "arrived") if int(record[name])]
    flags = [
        words
        for flag, words in (
            (history.EPHEMERAL, "ephemeral"), (history.SEQUENCE, "sequential"), (history.IN_MULTI, "in a transaction"),
            (history.WATCH, "with a watch"),
        )
        if what & flag
    ]  # fmt: skip
    result = int(record["result"])
    found = [f"zxid 0x{int(record['zxid']):x}"] if int(record["zxid"]) > 0 else []
    if kind == history.EVENT:
        found.append(history.EVENTS.get(result, f"event {result}"))
    elif result:
        found.append(_RESULTS.get(result, f"error {result}"))
    elif what & history.STAT:
        found.append(f"mzxid 0x{int(record['mzxid']):x}, version {int(record['version'])}")
    if kind in (history.GET, history.SET, history.CREATE):
        found.append(f"value {int(record['digest']):08x}")
    if what & history.NAMES:
        found.append(f"{int(record['version']):,} names")
    operation = " ".join([history.KINDS[kind], plain_line(told.path, 200)]).strip()
    flagged = f" ({', '.join(flags)})" if flags else ""
    session = f"session 0x{int(record['session']) & (1 << 64) - 1:x}"
    return f"{' to '.join(times)} {files[told.file].host} {session}: {operation}{flagged} -> {', '.join(found)}"


def _time(monotonic_ns: int, clock: Clock) -> str:
    moment = (monotonic_ns + clock.offset_ns) / 1e9
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S.%f}"
    except (ValueError, OverflowError, OSError):
        return "?"
