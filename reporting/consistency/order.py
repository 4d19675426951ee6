"""Checks over all writes: one order by transaction, which follows real time; and what a `sync` reaches.

Times of two hosts are compared only beyond the error of their clocks. Those of one host are one clock's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.followers import Followers
from reporting.consistency.found import KEPT, LEADERS_SYNC, ORDER, REAL_TIME, SYNC, Findings
from reporting.consistency.history_file import Chunk
from reporting.consistency.sessions import Session, Sessions
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

WRITES: Final = (history.CREATE, history.SET, history.DELETE)
_FIELDS: Final = [
    ("zxid", "<i8"), ("sent", "<i8"), ("arrived", "<i8"), ("place", "<i8"), ("file", "<u2"), ("multi", "?"),
]  # fmt: skip
_SYNC_FIELDS: Final = [*_FIELDS, ("session", "<i8")]

_EPOCH_BITS: Final = 32
"""The part of a transaction number above these is that of its leader."""
_MILLISECOND_NS: Final = 1_000_000
COMPARED_WITHIN_NS: Final = 1_000_000_000
"""What the clocks of two hosts may differ by beyond what is known: real time tells little beyond that."""
_MORE_NS: Final = 10_000_000_000
"""A leader counts a session's time in ticks, and its machine may stand still."""


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
    apart: list[int] = field(default_factory=list)
    """After the check: a file of each host whose writes could not be compared with those of all others."""

    def take(self, chunk: Chunk, places: Array, file: int) -> None:
        """Take a chunk's writes and syncs."""
        records = chunk.records
        kind = records["what"] & history.KIND_MASK
        done = (records["result"] == 0) & (records["zxid"] > 0)
        for is_meant, kept, fields in (
            (np.isin(kind, WRITES), self._writes, _FIELDS),
            (kind == history.SYNC, self._syncs, _SYNC_FIELDS),
        ):
            at = np.flatnonzero(done & is_meant)
            found = np.zeros(len(at), fields)
            for name in {"zxid", "sent", "arrived", "session"} & set(found.dtype.names or ()):
                found[name] = records[name][at]
            found["place"], found["file"] = places[at], file
            found["multi"] = (records["what"][at] & history.IN_MULTI) > 0
            kept.append(found)
        self.writes += int(((records["result"] == 0) & np.isin(kind, WRITES)).sum())

    def check(
        self, clocks: list[Clock], sessions: Sessions, followers: Callable[[], Followers], found: Findings
    ) -> dict[int, int]:
        """Check all that was taken. `clocks` are those of the files; `followers` is asked only if a sync missed one.

        Return of sessions that have expired a transaction before which they have ended, where there is one.
        """
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
        self.apart = _apart(np.unique(writes["file"]), host_of, errors)
        _check_real_time(writes, host_of, errors, found)
        missed = _missed(writes, syncs, host_of, errors)
        if len(missed[0]):
            at_follower = _at_follower(writes, missed, errors[host_of[writes["file"]]], sessions, followers())
            _tell_missed(missed, at_follower, found)
        return _gone(writes, sessions.expired(), clocks, host_of)


def _together(pieces: list[Array]) -> Array:
    found = np.concatenate(pieces) if pieces else np.zeros(0, _SYNC_FIELDS)
    pieces.clear()
    return found[np.argsort(found["zxid"], kind="stable")]


def _apart(files: Array, host_of: Array, errors: Array) -> list[int]:
    """Return of the files with writes one for each host whose clock is too far from that of another one."""
    hosts, first = np.unique(host_of[files], return_index=True)
    error = errors[hosts]
    largest = np.sort(error)[::-1][:2]
    if len(hosts) < 2:
        return []
    other = np.where(error == largest[0], largest[1], largest[0])
    found: list[int] = files[first[error + other > COMPARED_WITHIN_NS]].tolist()
    return found


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


def _missed(writes: Array, syncs: Array, host_of: Array, errors: Array) -> tuple[Array, Array]:
    """Find syncs that were sent after a write was acknowledged, and have not reached it: the writes, and the syncs."""
    found = [(writes[:0], syncs[:0])]
    host, sync_host = host_of[writes["file"]], host_of[syncs["file"]]
    for other in range(len(errors) if len(syncs) else 0):
        of_host = writes[host == other]
        of_host = of_host[np.argsort(of_host["arrived"], kind="stable")]
        if not len(of_host):
            continue
        newest = np.maximum.accumulate(of_host["zxid"])
        margin = np.where(sync_host == other, 0, errors[sync_host] + errors[other])
        at = np.searchsorted(of_host["arrived"], syncs["sent"] - margin, "left") - 1
        bad = np.flatnonzero((at >= 0) & (newest[at] > syncs["zxid"]))
        found.append((of_host[np.searchsorted(newest, newest[at[bad]])], syncs[bad]))
    missed, those = zip(*found, strict=True)
    return np.concatenate(missed), np.concatenate(those)


def _at_follower(
    writes: Array, missed: tuple[Array, Array], error: Array, sessions: Sessions, followers: Followers
) -> Array:
    """Return which of the syncs went through a follower of the leader that has acknowledged the write.

    That leader has sent the write to its followers before the answer to a later sync. Another leader may not know of
    it: so the sync has to show a state of the same one. `error` is that of each write's clock.
    """
    write, sync = missed
    epochs, first = np.unique(writes["zxid"] >> _EPOCH_BITS, return_index=True)
    begins = np.minimum.reduceat(writes["arrived"] + error, first)
    ends = np.maximum.reduceat(writes["sent"] - error, first)
    epoch = write["zxid"] >> _EPOCH_BITS
    of = np.searchsorted(epochs, epoch)
    own = (sessions.by_id[each] for each in sync["session"].tolist())
    moved = np.array([each.moved if each.connections else -1 for each in own], np.int64)
    follows = followers.follow(sync["session"], begins[of], ends[of])
    found: Array = follows & (epoch == sync["zxid"] >> _EPOCH_BITS) & (sync["place"] < moved)
    return found


def _tell_missed(missed: tuple[Array, Array], at_follower: Array, found: Findings) -> None:
    write, sync = missed
    missed_it = "has not reached a write that was acknowledged before it was sent"
    for check, who, chosen in (
        (SYNC, "a sync through a follower", at_follower),
        (LEADERS_SYNC, "a sync", ~at_follower),
    ):
        found.add(check, f"{who} {missed_it}", write["place"][chosen], sync["place"][chosen])


def _gone(writes: Array, expired: Mapping[int, Session], clocks: list[Clock], host_of: Array) -> dict[int, int]:
    """Return of sessions that have expired the least transaction that certainly came after their end.

    A client may be told of the end before that is a transaction. If the leader fails then, the next one lets the
    session live for its time limit once more. So the end is before any write that was sent longer than that after both:
    the client was told, and the write's leader had acknowledged another write. Times of one clock only are compared.
    """
    found: dict[int, int] = {}
    of_host: dict[tuple[int, int], list[int]] = {}
    for number, session in expired.items():
        power = (2 * session.timeout_ms - 1).bit_length()  # few different limits, whatever a host tells
        of_host.setdefault((int(host_of[session.file]), power), []).append(number)
    for (host, power), numbers in of_host.items():
        limit_ns = (1 << power) * _MILLISECOND_NS + _MORE_NS
        own = writes[host_of[writes["file"]] == host]
        if not len(own):
            continue
        epoch = own["zxid"] >> _EPOCH_BITS
        begins = np.flatnonzero(np.append(True, epoch[1:] != epoch[:-1]))
        acknowledged = np.minimum.reduceat(own["arrived"], begins)
        own = own[own["sent"] - np.repeat(acknowledged, np.diff(np.append(begins, len(own)))) > limit_ns]
        own = own[np.argsort(own["sent"], kind="stable")]
        least = np.minimum.accumulate(own["zxid"][::-1])[::-1]
        for number in numbers:
            session = expired[number]
            told_ns = session.expired_ns + clocks[session.file].offset_ns
            at = int(np.searchsorted(own["sent"], told_ns + limit_ns, "right"))
            if at < len(own):
                found[number] = int(least[at])
    return found
