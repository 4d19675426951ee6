"""The first pass, over the records of one file in their order: each session by itself.

Replies come in the order of the requests, and the state that a session sees never goes back. For each record it also
finds `seen`: the newest transaction in a reply to its session before, which later checks need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.found import SESSIONS, Findings
from reporting.consistency.history_file import Chunk, HistoryError
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

NEVER: Final = np.iinfo(np.int64).max
PLACE_BITS: Final = 44
"""A record's place in the history: the number of its file above these bits, its place in the file below."""


@dataclass(slots=True)
class Session:
    """What is known of a session. `closed` is the transaction that has ended it, 0 where it is not known.

    `watches` says that it has set one, and `loses_watches` that it has lost them with a connection. `expired_ns` is
    when its client was told of its end, on the clock of its file, in the record `expired`; 0 if never. `timeout_ms` is
    its time limit, 0 if unknown. It has had so many `connections`, and from the record `moved` on it may be with
    another member than at first.
    """

    file: int
    seen: int = 0
    seen_at: int = 0
    xid: int = 0
    closed: int = 0
    losses: int = 0
    watches: bool = False
    loses_watches: bool = False
    timeout_ms: int = 0
    expired_ns: int = 0
    expired: int = 0
    connections: int = 0
    moved: int = NEVER


@dataclass(slots=True)
class Sessions:
    """All sessions by their ids."""

    by_id: dict[int, Session] = field(default_factory=dict)
    first_zxid: int = 0
    """The least transaction of any reply: what is older was there before the history began."""

    def take(self, chunk: Chunk, file: int, found: Findings) -> tuple[Array, Array]:
        """Check a chunk; return `seen` of each record, and its place in the history."""
        records = chunk.records
        places = np.arange(chunk.first, chunk.first + len(records), dtype=np.int64) + (file << PLACE_BITS)
        ids, number = np.unique(records["session"], return_inverse=True)
        known = [self._session(int(each), file) for each in ids]
        kind = records["what"] & history.KIND_MASK
        # A reply to the end of the session comes after all that its watches can tell.
        told = np.where((kind != history.EVENT) & (kind != history.CLOSED), records["zxid"], 0)
        replies = told[told > 0]
        if len(replies):
            least = int(replies.min())
            self.first_zxid = min(self.first_zxid or least, least)
        # Where the client does not tell of which state a reply is, it is no older than what it shows.
        is_shown = (records["zxid"] == 0) & ((records["what"] & history.STAT) > 0)
        shown = np.where(is_shown, np.maximum(records["mzxid"], records["czxid"]), told)
        order = np.argsort(number, kind="stable")
        of = number[order]
        seen = _seen_before(shown[order], of, np.array([each.seen for each in known], np.int64))
        goes_back = (told[order] > 0) & (told[order] < seen)
        self._check_order(records[order], of, known, places[order], found)
        before = np.zeros(len(records), np.int64)
        before[order] = seen
        back = np.flatnonzero(goes_back)
        found.add(
            SESSIONS, "a reply shows an older state than an earlier reply to the same session", places[order][back],
            seen=seen[back],
        )  # fmt: skip
        self._note_ends(records, kind, number, known, places)
        last = np.maximum(seen, shown[order])
        for place in np.flatnonzero(np.append(of[1:] != of[:-1], True)):
            known[of[place]].seen = int(last[place])
        return before, places

    def _session(self, session_id: int, file: int) -> Session:
        found = self.by_id.setdefault(session_id, Session(file))
        if found.file != file and session_id:
            raise HistoryError(f"session 0x{session_id & (1 << 64) - 1:x} is in another file too")
        return found

    @staticmethod
    def _check_order(records: Array, of: Array, known: list[Session], places: Array, found: Findings) -> None:
        kind = records["what"] & history.KIND_MASK
        is_reply = (records["xid"] > 0) & (records["result"] != history.UNDECIDED) & (kind != history.EVENT)
        counts = is_reply | (kind == history.CONNECTED)
        # The steps of a transaction have one number.
        at = np.flatnonzero(counts)
        xid = np.where(kind[at] == history.CONNECTED, 0, records["xid"][at])
        in_multi = (records["what"][at] & history.IN_MULTI) > 0
        first = np.append(True, of[at][1:] != of[at][:-1]) if len(at) else np.zeros(0, bool)
        before = np.append(0, xid[:-1]) if len(at) else xid
        if len(at):
            before[first] = [known[each].xid for each in of[at][first]]
        bad = np.flatnonzero((xid > 0) & ((xid < before) | ((xid == before) & ~in_multi)))
        found.add(SESSIONS, "replies did not come in the order of the requests", places[at][bad])
        last = np.append(first[1:], True) if len(at) else first
        for each, number in zip(of[at][last], xid[last], strict=True):
            known[each].xid = int(number)

    @staticmethod
    def _note_ends(records: Array, kind: Array, number: Array, known: list[Session], places: Array) -> None:
        for place in np.flatnonzero((kind == history.CLOSED) & (records["zxid"] > 0)):
            known[number[place]].closed = int(records["zxid"][place])
        for place in np.flatnonzero(kind == history.CONNECTED):
            session = known[number[place]]
            session.timeout_ms = max(int(records["xid"][place]), 0)
            session.connections += 1
            if session.connections > 1:
                session.moved = min(session.moved, int(places[place]))
        for place in np.flatnonzero(kind == history.EXPIRED):
            known[number[place]].expired_ns = int(records["arrived"][place])
            known[number[place]].expired = int(places[place])
        for place in np.flatnonzero(kind == history.LOST):
            session = known[number[place]]
            session.losses += 1
            session.moved = min(session.moved, int(places[place]))
        for place in np.flatnonzero(kind == history.WATCHES_ENDED):
            known[number[place]].loses_watches = True
        for each in np.unique(number[(records["what"] & history.WATCH) > 0]):
            known[each].watches = True

    def unwatched(self) -> int:
        """Return of how many sessions the watches are not checked, because they have lost them with a connection."""
        return sum(each.watches and each.loses_watches for each in self.by_id.values())

    def expired(self) -> dict[int, Session]:
        """Return the sessions whose clients were told of their end, and whose time limit is known."""
        return {number: each for number, each in self.by_id.items() if each.expired_ns and each.timeout_ms}

    def columns(self, gone: Mapping[int, int]) -> "SessionColumns":
        """Return what checks need of many sessions at once; `gone` has transactions before which sessions ended."""
        ids = np.array(sorted(self.by_id), np.int64)
        told = [self.by_id[int(each)] for each in ids]
        return SessionColumns(
            ids,
            np.array([each.seen for each in told], np.int64),
            np.array([each.closed for each in told], np.int64),
            np.array([each.losses for each in told], np.int64),
            np.array([each.loses_watches for each in told], bool),
            np.array([gone.get(int(each), NEVER) for each in ids], np.int64),
            np.array([each.expired for each in told], np.int64),
        )


@dataclass(frozen=True, slots=True)
class SessionColumns:
    """Sessions by their ids: the newest transaction seen, that of the end (0 unknown), how many connections it lost.

    `loses_watches` says which have lost their watches with a connection. `gone` is a transaction before which it ended,
    NEVER where none is known, and `expired` the record that told its client.
    """

    ids: Array
    seen: Array
    closed: Array
    losses: Array
    loses_watches: Array
    gone: Array
    expired: Array

    def at(self, ids: Array) -> Array:
        """Return the rows of these sessions."""
        return np.searchsorted(self.ids, ids)


def _seen_before(told: Array, of: Array, carried: Array) -> Array:
    """Return for each row the greatest `told` of the rows of its session before it. `of` ascends."""
    values = np.unique(np.concatenate([told, carried]))
    # Ranks in place of transactions: session and rank then fit into one number, whose running maximum is wanted.
    rank = np.searchsorted(values, told) + of * len(values)
    base = np.searchsorted(values, carried) + np.arange(len(carried)) * len(values)
    shifted = np.append(0, rank[:-1])
    first = np.append(True, of[1:] != of[:-1])
    shifted[first] = base[of[first]]
    running = np.maximum(np.maximum.accumulate(shifted), base[of])
    seen: Array = values[running - of * len(values)]
    return seen
