"""A lock has one holder at a time: the times between its holding and its release, as its holders have noted them.

A holder whose session lost a connection may not know that its session has ended, and its lock been given to another
one. So the times of such sessions prove nothing, and neither do those without a release.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.found import LOCKS, Findings
from reporting.consistency.history_file import Chunk
from reporting.consistency.order import Clock
from reporting.consistency.sessions import SessionColumns
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

_FIELDS: Final = [
    ("key", "<u8"), ("session", "<i8"), ("time", "<i8"), ("place", "<i8"), ("file", "<u2"), ("held", "?"),
]  # fmt: skip


@dataclass(slots=True)
class Locks:
    """What holders have noted."""

    _notes: list[Array] = field(default_factory=list)

    def take(self, chunk: Chunk, places: Array, file: int) -> None:
        """Take a chunk's notes."""
        records = chunk.records
        kind = records["what"] & history.KIND_MASK
        at = np.flatnonzero((kind == history.HELD) | (kind == history.RELEASED))
        found = np.zeros(len(at), _FIELDS)
        found["key"], found["session"], found["time"] = chunk.key[at], records["session"][at], records["arrived"][at]
        found["place"], found["file"], found["held"] = places[at], file, kind[at] == history.HELD
        self._notes.append(found)

    def check(self, clocks: list[Clock], sessions: SessionColumns, found: Findings) -> None:
        """Find locks that two sessions have held at one time, beyond the error of the clocks of two hosts."""
        notes = np.concatenate(self._notes) if self._notes else np.zeros(0, _FIELDS)
        notes = notes[sessions.losses[sessions.at(notes["session"])] == 0]
        notes["time"] += np.array([clock.offset_ns for clock in clocks], np.int64)[notes["file"]]
        notes = notes[np.lexsort((notes["place"], notes["session"], notes["key"]))]
        if len(notes) < 2:
            return
        first, then = notes[:-1], notes[1:]
        same = (first["key"] == then["key"]) & (first["session"] == then["session"])
        complete = np.flatnonzero(same & first["held"] & ~then["held"])
        held, released = first[complete], then[complete]
        order = np.lexsort((held["time"], held["key"]))
        held, released = held[order], released[order]
        overlaps = (
            np.flatnonzero((held["key"][1:] == held["key"][:-1]) & (held["time"][1:] < released["time"][:-1])) + 1
        )
        for place in overlaps:
            own, other = clocks[held["file"][place]], clocks[held["file"][place - 1]]
            margin = 0 if own.host == other.host else own.error_ns + other.error_ns
            if held["time"][place] + margin < released["time"][place - 1]:
                shown = (held["place"][place - 1], held["place"][place], released["place"][place - 1])
                found.add(LOCKS, "two sessions have held a lock at one time", *(np.array([each]) for each in shown))
