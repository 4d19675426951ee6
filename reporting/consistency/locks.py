"""A lock has one holder at a time: the times between its holding and its release, as its holders have noted them.

A holder may not know that its session has ended, and its lock been given to another one: its connection may be lost, or
its member cut off from the others. A session that has ended writes nothing more. So a holding counts where its session
has had a write acknowledged that it sent after the release, as the removal of its place in the queue; of the others
nothing is known, and they are left out.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.found import LOCKS, Findings
from reporting.consistency.history_file import Chunk
from reporting.consistency.order import WRITES, Clock
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

_FIELDS: Final = [
    ("key", "<u8"), ("session", "<i8"), ("time", "<i8"), ("place", "<i8"), ("file", "<u2"), ("held", "?"),
]  # fmt: skip


@dataclass(slots=True)
class Locks:
    """What holders have noted. After the check: how many `holdings` there were, and how many were `left_out`."""

    holdings: int = 0
    left_out: int = 0
    _notes: list[Array] = field(default_factory=list)
    _wrote: dict[int, int] = field(default_factory=dict)
    """By session, from its first note on: when it sent the newest of its acknowledged writes, on its file's clock."""

    def take(self, chunk: Chunk, places: Array, file: int) -> None:
        """Take a chunk's notes, and when their sessions have written."""
        records = chunk.records
        kind = records["what"] & history.KIND_MASK
        at = np.flatnonzero((kind == history.HELD) | (kind == history.RELEASED))
        if len(at):
            found = np.zeros(len(at), _FIELDS)
            found["key"], found["session"], found["time"] = (
                chunk.key[at],
                records["session"][at],
                records["arrived"][at],
            )
            found["place"], found["file"], found["held"] = places[at], file, kind[at] == history.HELD
            self._notes.append(found)
            self._wrote |= {each: self._wrote.get(each, -1) for each in np.unique(found["session"]).tolist()}
        if self._wrote:
            self._take_writes(records[np.isin(kind, WRITES) & (records["result"] == 0)])

    def _take_writes(self, writes: Array) -> None:
        order = np.lexsort((writes["sent"], writes["session"]))
        session, sent = writes["session"][order], writes["sent"][order]
        newest = np.flatnonzero(np.append(session[1:] != session[:-1], True)) if len(session) else order
        for each, time in zip(session[newest].tolist(), sent[newest].tolist(), strict=True):
            if each in self._wrote:
                self._wrote[each] = max(self._wrote[each], time)

    def check(self, clocks: list[Clock], found: Findings) -> None:
        """Find locks that two sessions have held at one time, beyond the error of the clocks of two hosts."""
        held, released = self._holdings()
        offsets = np.array([clock.offset_ns for clock in clocks], np.int64)
        for notes in (held, released):
            notes["time"] += offsets[notes["file"]]
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

    def _holdings(self) -> tuple[Array, Array]:
        """Return the notes of the holdings that count, and of their releases; count the others."""
        notes = np.concatenate(self._notes) if self._notes else np.zeros(0, _FIELDS)
        notes = notes[np.lexsort((notes["place"], notes["session"], notes["key"]))]
        first, then = notes[:-1], notes[1:]
        same = (first["key"] == then["key"]) & (first["session"] == then["session"])
        complete = np.flatnonzero(same & first["held"] & ~then["held"])
        held, released = first[complete], then[complete]
        wrote = np.array([self._wrote[each] for each in released["session"].tolist()], np.int64)
        sure = wrote >= released["time"]
        self.holdings = int(notes["held"].sum())
        self.left_out = self.holdings - int(sure.sum())
        return held[sure], released[sure]
