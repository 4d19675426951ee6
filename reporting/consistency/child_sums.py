"""The children of nodes over time, as their number and the sum of the CRC-32 of their names.

A change without a reply makes a gap in what is known, and so does the unknown end of a session with an ephemeral node.
Which names are there after a gap, or were there before the history began, is not known.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from reporting.consistency.child_names import lists_in
from reporting.consistency.nodes import Changes, Context, Nodes
from reporting.consistency.sessions import NEVER
from reporting.consistency.settled import Settled
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

_SUMMED: Final = np.dtype([("zxid", "<i8"), ("place", "<i8"), ("name", "<u4"), ("what", "<u2")])
_GAP: Final = np.dtype([("zxid", "<i8"), ("end", "<i8"), ("what", "<u2")])


@dataclass(slots=True)
class Sums:
    """The children of some nodes by their `keys`, which are sorted; in some `gaps` they are not known.

    `number` and `total` have how many they are, and the sum of their names, before each of the `changes` and after the
    last one, and `ends` how many of them went with their session. Of each stretch without a gap, `base` is what a
    reply has beyond that, packed into one integer, and `shown_by` the record that tells, -1 where none has yet.
    """

    keys: Array
    gaps: "_Gaps"
    changes: Changes
    number: Array
    total: Array
    ends: Array
    base: Array
    shown_by: Array

    def state(self, of: Array, zxid: Array) -> Array:
        """Return the place of the state at a transaction, in `number` and `total`."""
        last = self.changes.last_until(of, zxid)
        return np.where(last >= 0, last + 1, np.searchsorted(self.changes.of, of, "left"))

    def beyond(self, state: Array, number: Array, total: Array) -> Array:
        """Return what such a list has beyond the sums of a state, packed into one integer."""
        more = (number - self.number[state]).astype(np.int32).view(np.uint32).astype(np.uint64)
        return (more << np.uint64(32)) | (total - self.total[state]).astype(np.uint64)


class _Gaps:
    """From after a transaction (`begin`) to before another one (`end`), the children of some nodes are not known."""

    def __init__(self, nodes: int, of: Array, begin: Array, end: Array) -> None:
        gaps = np.zeros(len(of), _GAP)
        gaps["zxid"], gaps["end"] = begin, end
        self._gaps = Changes(gaps, of)
        self._last_end = pd.Series(self._gaps.rows["end"]).groupby(self._gaps.of).cummax().to_numpy()
        self.stretches = len(of) + nodes

    def stretch(self, of: Array, first: Array, last: Array) -> Array:
        """Return the number of the stretch without a gap from one state to another one; -1 if it has a gap."""
        if not len(self._last_end):
            return of
        gap = self._gaps.last_until(of, last - 1)
        known = np.where(gap >= 0, self._last_end[gap] <= first, True)
        return np.where(known, np.where(gap >= 0, gap, len(self._last_end) + of), -1)


def sums_of(rows: Array, names: Array, nodes: Nodes, settled: Settled) -> Sums | None:
    """Return the children of the nodes of a piece that somebody has listed; None where there are none."""
    keys = np.unique(rows["key"][lists_in(rows)])
    if not len(keys) or not nodes.context.complete:
        return None
    of = np.minimum(np.searchsorted(keys, names["key"]), len(keys) - 1)
    listed = keys[of] == names["key"]
    known, unknown = (np.flatnonzero(listed & (names["known"] == each)) for each in (True, False))
    (of_unknown, undecided), of = (of[unknown], names[unknown]), of[known]
    # There may be millions below one node: of those that are not ephemeral only this is taken.
    summed = np.zeros(len(known), _SUMMED)
    for name in ("zxid", "place", "name", "what"):
        summed[name] = names[name][known]
    ephemeral = known[(names["what"][known] & history.EPHEMERAL) > 0]
    lives = np.isin(names["child"][known], names["child"][ephemeral]) if len(ephemeral) else np.zeros(len(known), bool)
    (ended, of_ended), (perhaps, of_perhaps) = _ends_of_sessions(names[known[lives]], of[lives], nodes.context)
    gaps = _Gaps(
        len(keys),
        np.concatenate([of_unknown, of_perhaps]),
        np.concatenate([undecided["zxid"], perhaps["seen"]]),
        np.concatenate([_until(undecided, names["child"][ephemeral], settled, nodes.context), perhaps["gone"]]),
    )
    changes = Changes(np.concatenate([summed, ended]), np.concatenate([of, of_ended]))
    made = changes.kind == history.CREATE
    crc = changes.rows["name"]
    found = Sums(
        keys, gaps, changes,
        number=_before(np.where(made, 1, -1)),
        total=_before(np.where(made, crc, np.uint32(0) - crc)),
        ends=_before(changes.kind == history.CLOSED),
        base=np.zeros(gaps.stretches, np.uint64),
        shown_by=np.full(gaps.stretches, -1),
    )  # fmt: skip
    _note_new(found, nodes)
    return found


def _before(column: Array) -> Array:
    """Return the sum of a column before each of its values, and after the last one."""
    kind = np.uint32 if column.dtype == np.uint32 else np.int64
    return np.concatenate([np.zeros(1, kind), np.cumsum(column, dtype=kind)])


def _until(unknown: Array, ephemeral: Array, settled: Settled, context: Context) -> Array:
    """Return from which transaction on changes without a reply have no further effect.

    `ephemeral` are the keys of ephemeral nodes.
    """
    sessions, session = context.sessions, context.sessions.at(unknown["session"])
    ended = np.where(sessions.closed[session] > 0, sessions.closed[session], sessions.gone[session])
    # Such a node may be there until its session ends, or be gone before.
    until = np.where(np.isin(unknown["child"], ephemeral), NEVER, settled.until(unknown["place"]))
    return np.where((unknown["what"] & history.EPHEMERAL) > 0, ended, until)


def _ends_of_sessions(
    names: Array, of: Array, context: Context
) -> tuple[tuple[Array, Array], tuple[dict[str, Array], Array]]:
    """Return the removals of ephemeral nodes with their sessions, and between what they are if an end is not known.

    `names` are the changes of such nodes, and `of` the numbers of their parents.
    """
    is_made = ((names["what"] & history.EPHEMERAL) > 0) & ((names["what"] & history.KIND_MASK) == history.CREATE)
    at = np.lexsort((names["zxid"], names["child"]))
    child = names["child"][at]
    removed = np.append(
        (child[1:] == child[:-1]) & ((names["what"][at[1:]] & history.KIND_MASK) == history.DELETE), False
    )
    left = at[is_made[at] & ~removed]
    sessions = context.sessions
    session = sessions.at(names["session"][left])
    closed = sessions.closed[session]
    known = closed > names["zxid"][left]
    unknown = {"seen": sessions.seen[session[~known]], "gone": sessions.gone[session[~known]]}
    ended = np.zeros(int(known.sum()), _SUMMED)
    for name in ("place", "name"):
        ended[name] = names[name][left[known]]
    ended["zxid"], ended["what"] = closed[known], history.CLOSED
    return (ended, of[left[known]]), (unknown, of[left[~known]])


def _note_new(sums: Sums, nodes: Nodes) -> None:
    """Note the nodes that were created: then they have no children."""
    changes = nodes.changes
    made = np.flatnonzero(changes.kind == history.CREATE)
    key = nodes.keys[changes.of[made]]
    of = np.searchsorted(sums.keys, key)
    of, zxid = np.minimum(of, len(sums.keys) - 1), changes.rows["zxid"][made]
    stretch = sums.gaps.stretch(of, zxid, zxid)
    told = (sums.keys[of] == key) & (stretch >= 0)
    nothing = np.zeros(int(told.sum()), np.int64)
    sums.base[stretch[told]] = sums.beyond(sums.state(of[told], zxid[told]), nothing, nothing.astype(np.uint32))
    sums.shown_by[stretch[told]] = changes.rows["place"][made[told]]
