"""The timeline of each node: its acknowledged changes in the order of their transactions, and what may have been.

`Nodes` holds the records of some nodes, all that there are of each. Checks look up what a node was at a transaction.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.final_reads import Reader
from reporting.consistency.found import Findings
from reporting.consistency.sessions import NEVER, SessionColumns
from reporting.consistency.settled import Settled
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

FIELDS: Final = [
    ("key", "<u8"), ("zxid", "<i8"), ("seen", "<i8"), ("mzxid", "<i8"), ("czxid", "<i8"), ("session", "<i8"),
    ("place", "<i8"), ("version", "<i4"), ("digest", "<u4"), ("what", "<u2"), ("result", "<i2"), ("below", "?"),
    ("final", "?"),
]  # fmt: skip
RECORD: Final = np.dtype(FIELDS)
"""A record of a node. With NAMES `mzxid` is the transaction of the next reply to the session, 0 if it is not known."""
CHILD: Final = np.dtype([("key", "<u8"), ("zxid", "<i8"), ("place", "<i8"), ("version", "<i4"), ("what", "<u2")])
"""What checks need of an acknowledged change of a child, by the key of its parent: there may be millions below one
node. `version` is the sequence number, -1 where there is none."""

ALIVE: Final = (history.CREATE, history.SET)
GONE: Final = (history.DELETE, history.CLOSED)
CHANGES: Final = (*ALIVE, history.DELETE)
FAILURES: Final = (-101, -103, -108, -110, -111)
"""Errors that are a transaction of their own: the leader gives them a number (KeeperException.Code)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the complete history.

    `complete` says whether all operations of the load are in it; if not, a value may come from one that is not.
    `readers` are the sessions that have read every node below the root at the end; `first_zxid` is where the history
    begins.
    """

    sessions: SessionColumns
    first_zxid: int
    complete: bool
    readers: tuple[Reader, ...] = ()
    sequential: frozenset[int] = frozenset()
    """Digests of the values of sequential nodes that may have been created, by names that are not known."""
    settled: Settled = field(default_factory=Settled)
    """Until when changes of nodes without a reply may have been carried out."""

    @property
    def all_read(self) -> int:
        """The transaction after which some session has read every node; 0 if none has."""
        return max((reader.zxid for reader in self.readers), default=0)


class Changes:
    """Changes of several nodes, sorted by node (`of`, a number) and transaction."""

    def __init__(self, rows: Array, of: Array) -> None:
        order = np.lexsort((rows["zxid"], of))
        self.rows, self.of = rows[order], of[order]
        self.kind = self.rows["what"] & history.KIND_MASK
        self._zxids = np.unique(self.rows["zxid"])
        self._base = len(self._zxids) + 1
        self._place = self.of * self._base + np.searchsorted(self._zxids, self.rows["zxid"], "right")

    def chosen(self, which: Array) -> "Changes":
        """Return some of the changes."""
        return self if which.all() else Changes(self.rows[which], self.of[which])

    def last_until(self, of: Array, zxid: Array) -> Array:
        """Return the last change of each node until a transaction, -1 where there is none."""
        if not len(self.rows):
            return np.full(len(of), -1, np.int64)
        asked = of * self._base + np.searchsorted(self._zxids, zxid, "right")
        at = np.searchsorted(self._place, asked, "right") - 1
        return np.where((at >= 0) & (self.of[at] == of), at, -1)

    def place_after(self, of: Array, zxid: Array) -> Array:
        """Return the place behind the last change of each node until a transaction: of its first one if none is."""
        asked = of * self._base + np.searchsorted(self._zxids, zxid, "right")
        found: Array = np.searchsorted(self._place, asked, "right")
        return found

    def first_after(self, of: Array, zxid: Array) -> Array:
        """Return the first change of each node after a transaction, -1 where there is none."""
        if not len(self.rows):
            return np.full(len(of), -1, np.int64)
        asked = of * self._base + np.searchsorted(self._zxids, zxid, "right")
        at = np.searchsorted(self._place, asked, "right")
        inside = np.minimum(at, len(self.rows) - 1)
        return np.where((at < len(self.rows)) & (self.of[inside] == of), inside, -1)


@dataclass(slots=True)
class Unknown:
    """Values that no acknowledged write has written, over all parts of the reads of some nodes.

    `room` says how many undecided writes of a node may have written a value (by its digest), None before the first
    part; `taken` has the transactions of a node that were looked at.
    """

    room: dict[tuple[int, int], int] | None = None
    taken: set[tuple[int, int]] = field(default_factory=set)


class Nodes:
    """The records of some nodes, and the changes of their children.

    `of` is the number of each record's node, from 0, and `keys` are their keys.
    """

    def __init__(self, rows: Array, children: Array, context: Context, unknown: Unknown) -> None:
        self.context = context
        self.unknown = unknown
        self.keys = np.union1d(rows["key"], np.unique(children["key"]))
        self.count = len(self.keys)
        self.rows, self.of = rows, np.searchsorted(self.keys, rows["key"])
        self.kind = self.rows["what"] & history.KIND_MASK
        self.children = Changes(children, np.searchsorted(self.keys, children["key"]))
        is_change = np.isin(self.kind, CHANGES)
        acknowledged = is_change & (self.rows["result"] == 0) & (self.rows["zxid"] > 0)
        # A write whose transaction the client does not tell has its place in the order as little as an undecided one.
        unplaced = (self.rows["result"] == 0) & (self.rows["zxid"] <= 0)
        self.undecided = np.flatnonzero(is_change & ((self.rows["result"] == history.UNDECIDED) | unplaced))
        self.failed = np.flatnonzero(is_change & np.isin(self.rows["result"], FAILURES) & (self.rows["zxid"] > 0))
        ends, self.lives_until = self._ends_of_ephemerals(np.flatnonzero(acknowledged))
        """By node: where the end of its session is not known, the last transaction that the session saw; else NEVER."""
        self.removed_from, self.removed_until = self._may_be_removed()
        """By node: an operation without a reply may have removed it after the one transaction and before the other."""
        self.made_from, self.made_until = self._may_be_made()
        """The same of its creation; 0 and NEVER where operations are missing."""
        self.may_be_made = self._has_undecided(history.CREATE)
        changes = np.flatnonzero(acknowledged)
        both = np.concatenate([self.rows[changes], ends[0]]), np.concatenate([self.of[changes], ends[1]])
        self.changes = _without_idle_ends(Changes(*both))

    def forget_children(self) -> None:
        """Give back the memory of the children's changes."""
        self.children = Changes(self.children.rows[:0].copy(), self.children.of[:0].copy())

    def leave_out(self, found: Findings, check: str, which: Array) -> None:
        """Count what an operation without a reply may explain. Where operations are missing, that is said of all."""
        if self.context.complete:
            found.leave_out(check, int(which.sum()))

    def may_be_removed_after(self, last: Array) -> Array:
        """Return whether an operation without a reply may have removed the nodes after these changes of them."""
        if not len(self.changes.rows):
            return np.ones(len(last), bool)
        found: Array = self.changes.rows["zxid"][last] < self.removed_until[self.changes.of[last]]
        return found

    def may_be_removed_between(self, of: Array, first: Array, last: Array) -> Array:
        """Return whether what is not known may have removed nodes after one transaction and before another one."""
        by_operation = (first < self.removed_until[of]) & (last > self.removed_from[of])
        found: Array = by_operation | (last > self.lives_until[of])
        return found

    def may_be_changed_between(self, of: Array, first: Array, last: Array) -> Array:
        """Return whether what is not known may have removed or created nodes between two transactions."""
        made = (first < self.made_until[of]) & (last > self.made_from[of])
        found: Array = made | self.may_be_removed_between(of, first, last)
        return found

    def _may_be_removed(self) -> tuple[Array, Array]:
        if not self.context.complete:
            return np.zeros(self.count, np.int64), np.full(self.count, NEVER)
        undecided, kind = self.undecided, self.kind[self.undecided]
        is_ephemeral = (self.rows["what"][undecided] & history.EPHEMERAL) > 0
        at = undecided[(kind == history.DELETE) | ((kind == history.CREATE) & is_ephemeral)]
        rows, sessions = self.rows[at], self.context.sessions
        session = sessions.at(rows["session"])
        ended = np.where(sessions.closed[session] > 0, sessions.closed[session], sessions.gone[session])
        settled = self.context.settled.until(rows["place"])
        # An ephemeral node that was made without a reply goes with its session.
        is_delete = self.kind[at] == history.DELETE
        return self._from_until(at, np.where(is_delete, np.minimum(settled, ended), ended))

    def _may_be_made(self) -> tuple[Array, Array]:
        if not self.context.complete:
            return np.zeros(self.count, np.int64), np.full(self.count, NEVER)
        at = self.undecided[self.kind[self.undecided] == history.CREATE]
        return self._from_until(at, self.context.settled.until(self.rows["place"][at]))

    def _from_until(self, at: Array, until: Array) -> tuple[Array, Array]:
        """Return by node what its session had seen before the first of some operations, and until when the last is."""
        first, last = np.full(self.count, NEVER), np.zeros(self.count, np.int64)
        np.minimum.at(first, self.of[at], self.rows["seen"][at])
        np.maximum.at(last, self.of[at], until)
        return first, last

    def _has_undecided(self, kind: int) -> Array:
        found = np.zeros(self.count, bool)
        chosen = self.kind[self.undecided] == kind
        found[self.of[self.undecided[chosen]]] = True
        return found

    def stays(self) -> Array:
        """Return of each change whether its node is there until a change that is known, or is so for what is known.

        A set tells when its node was made. If nobody is known to have made it then, it may be an ephemeral node of a
        session that got no reply, and did not learn the name.
        """
        changes = self.changes
        is_set = changes.kind == history.SET
        made = changes.rows["czxid"]
        last = changes.last_until(changes.of, made)
        known = (last >= 0) & (changes.rows["zxid"][last] == made) & (changes.kind[last] == history.CREATE)
        old = made <= self.context.first_zxid
        stays: Array = ~is_set | known | old | self.may_be_made[changes.of]
        return stays

    def _ends_of_ephemerals(self, acknowledged: Array) -> tuple[tuple[Array, Array], Array]:
        """Return a change for the end of each ephemeral node by the end of its session; and `lives_until`."""
        made = acknowledged[
            (self.kind[acknowledged] == history.CREATE)
            & ((self.rows["what"][acknowledged] & history.EPHEMERAL) > 0)
        ]  # fmt: skip
        until = np.full(self.count, NEVER)
        ends = self.rows[made].copy()
        sessions = self.context.sessions
        at = sessions.at(ends["session"])
        closed = sessions.closed[at]
        unsure = closed == 0
        np.minimum.at(until, self.of[made[unsure]], sessions.seen[at[unsure]])
        # Which node ends: another session may have made one of this name without a reply.
        ends["czxid"] = ends["zxid"]
        ends["zxid"], ends["what"] = closed, history.CLOSED
        is_known = closed > 0
        return (ends[is_known], self.of[made][is_known]), until


def _without_idle_ends(changes: Changes) -> Changes:
    """Leave out the ends of sessions whose node was gone before, or was another one's."""
    is_end = changes.kind == history.CLOSED
    if not is_end.any():
        return changes
    is_life = np.isin(changes.kind, (history.CREATE, history.DELETE))
    last = np.maximum.accumulate(np.where(is_life, np.arange(len(is_life)), -1))
    own = (last >= 0) & (changes.of[last] == changes.of) & (changes.kind[last] == history.CREATE)
    own &= changes.rows["zxid"][last] == changes.rows["czxid"]
    kept = ~is_end | own
    return Changes(changes.rows[kept], changes.of[kept])
