"""Checks over all writes: one order by transaction, which follows real time; and what a `sync` reaches.

Times of two hosts are compared only beyond the error of their clocks. Those of one host are one clock's.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.found import KEPT, ORDER, REAL_TIME, SYNC, Findings
from reporting.consistency.history_file import Chunk
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

WRITES: Final = (history.CREATE, history.SET, history.DELETE)
_FIELDS: Final = [
    ("zxid", "<i8"), ("sent", "<i8"), ("arrived", "<i8"), ("place", "<i8"), ("file", "<u2"), ("multi", "?"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """How a file's times become times of the controller: add `offset_ns`; `error_ns` is what that may be wrong by."""

    host: str
    offset_ns: int
    error_ns: int


@dataclass(slots=True)
class Order:
    """Acknowledged writes and syncs of all files, in the times of their own hosts."""

    _writes: list[Array] = field(default_factory=list)
    _syncs: list[Array] = field(default_factory=list)
    writes: int = 0

    def take(self, chunk: Chunk, places: Array, file: int) -> None:
        """Take a chunk's writes and syncs."""
        records = chunk.records
        kind = records["what"] & history.KIND_MASK
        done = (records["result"] == 0) & (records["zxid"] > 0)
        for is_meant, kept in ((np.isin(kind, WRITES), self._writes), (kind == history.SYNC, self._syncs)):
            at = np.flatnonzero(done & is_meant)
            found = np.zeros(len(at), _FIELDS)
            for name in ("zxid", "sent", "arrived"):
                found[name] = records[name][at]
            found["place"], found["file"] = places[at], file
            found["multi"] = (records["what"][at] & history.IN_MULTI) > 0
            kept.append(found)
        self.writes += int(((records["result"] == 0) & np.isin(kind, WRITES)).sum())

    def check(self, clocks: list[Clock], found: Findings) -> None:
        """Check all that was taken. `clocks` are those of the files."""
        writes, syncs = _together(self._writes), _together(self._syncs)
        self._writes, self._syncs = [], []
        hosts = sorted({clock.host for clock in clocks})
        host_of = np.array([hosts.index(clock.host) for clock in clocks], np.int64)
        for each in (writes, syncs):
            offsets = np.array([clock.offset_ns for clock in clocks], np.int64)[each["file"]]
            each["sent"] += offsets
            each["arrived"] += offsets
        errors = np.zeros(len(hosts), np.int64)
        for clock in clocks:
            at = hosts.index(clock.host)
            errors[at] = max(errors[at], clock.error_ns)
        _check_real_time(writes, host_of, errors, found)
        _check_syncs(writes, syncs, host_of, errors, found)


def _together(pieces: list[Array]) -> Array:
    found = np.concatenate(pieces) if pieces else np.zeros(0, _FIELDS)
    pieces.clear()
    return found[np.argsort(found["zxid"], kind="stable")]


def _check_real_time(writes: Array, host_of: Array, errors: Array, found: Findings) -> None:
    """Find writes that were sent after a write with a greater transaction was acknowledged."""
    if len(writes) < 2:
        return
    zxid, before, after = writes["zxid"], writes[:-1], writes[1:]
    same = np.flatnonzero((zxid[1:] == zxid[:-1]) & ~(before["multi"] & after["multi"]))
    found.add(ORDER, "two writes have one transaction number", before["place"][same], after["place"][same])
    host = host_of[writes["file"]]
    for other in range(len(errors)):
        arrived = np.where(host == other, writes["arrived"], np.iinfo(np.int64).max)
        # The first to be acknowledged of those with a greater transaction.
        first = np.minimum.accumulate(arrived[::-1])[::-1]
        first = np.append(first[1:], np.iinfo(np.int64).max)
        margin = np.where(host == other, 0, errors[host] + errors[other])
        bad = np.flatnonzero((first < np.iinfo(np.int64).max) & (writes["sent"] - margin > first))
        # Which write that was is looked up for those that are shown.
        shown = [int(place) + 1 + int(np.argmax(arrived[place + 1 :] == first[place])) for place in bad[:KEPT]]
        earlier = np.append(shown, np.zeros(max(len(bad) - KEPT, 0), np.int64)).astype(np.int64)
        found.add(
            REAL_TIME, "a write was acknowledged before another was sent, which has the lower transaction number",
            writes["place"][earlier], writes["place"][bad],
        )  # fmt: skip


def _check_syncs(writes: Array, syncs: Array, host_of: Array, errors: Array, found: Findings) -> None:
    """Find syncs that were sent after a write was acknowledged, and have not reached it."""
    if not len(writes) or not len(syncs):
        return
    host = host_of[writes["file"]]
    for other in range(len(errors)):
        of_host = writes[host == other]
        of_host = of_host[np.argsort(of_host["arrived"], kind="stable")]
        if not len(of_host):
            continue
        newest = np.maximum.accumulate(of_host["zxid"])
        sync_host = host_of[syncs["file"]]
        margin = np.where(sync_host == other, 0, errors[sync_host] + errors[other])
        at = np.searchsorted(of_host["arrived"], syncs["sent"] - margin, "left") - 1
        bad = np.flatnonzero((at >= 0) & (newest[at] > syncs["zxid"]))
        which = np.searchsorted(newest, newest[at[bad]])
        found.add(
            SYNC, "a sync has not reached a write that was acknowledged before it was sent",
            of_host["place"][which], syncs["place"][bad],
        )  # fmt: skip
