"""The check of lists of children: a reply names the nodes that were created and not removed.

A record has only the number of the names and the sum of their CRC-32. So both are counted for each node whose children
somebody has listed, change by change, and a reply must agree with its state. A member may read the names after
it has read the transaction that its reply tells: so they may be of any state until the next reply to the session.
Where the names are not known (`child_sums.py`), replies must agree with one another.
"""

from typing import Any, Final

import numpy as np

from reporting.consistency.child_names import lists_in
from reporting.consistency.child_sums import Sums
from reporting.consistency.found import CHILDREN, KEPT, Findings
from reporting.consistency.nodes import GONE, Context
from reporting.consistency.sessions import NEVER
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

_SIZE: Final = 1 << 32
"""Sums of CRC-32 are kept modulo this."""
_MOST_STATES: Final = 16
"""Between two replies to a session. If the children changed more often, a reply that fits none of these is unknown."""


def check_lists(rows: Array, sums: Sums, context: Context, found: Findings) -> None:
    """Check the lists of children in some records of the nodes of `sums`."""
    at = lists_in(rows)
    of = np.searchsorted(sums.keys, rows["key"][at])
    # Without another reply on its connection it may be of any later state.
    newest_told = np.where(rows["mzxid"][at] > 0, rows["mzxid"][at], NEVER)
    stretch = sums.gaps.stretch(of, rows["zxid"][at], newest_told)
    sure = stretch >= 0
    # What is later may be removed already, like all nodes of the load.
    sure &= rows["final"][at] | (context.all_read == 0) | (rows["zxid"][at] <= context.all_read)
    found.leave_out(CHILDREN, int((stretch < 0).sum()))
    at, of, stretch, newest_told = at[sure], of[sure], stretch[sure], newest_told[sure]
    if not len(at):
        return
    number, total = rows["version"][at].astype(np.int64), rows["digest"][at]
    state = sums.state(of, rows["zxid"][at])
    beyond = sums.beyond(state, number, total)
    _note_most(sums, stretch, beyond, rows["place"][at])
    base, newest = sums.base[stretch], sums.state(of, newest_told)
    bad = np.flatnonzero(beyond != base)
    for more in range(1, _MOST_STATES):
        later = state[bad] + more
        fits = (later <= newest[bad]) & (
            sums.beyond(np.minimum(later, newest[bad]), number[bad], total[bad]) == base[bad]
        )
        bad = bad[~fits]
        if not len(bad):
            return
    # A session ends node by node.
    bad = bad[(newest[bad] - state[bad] < _MOST_STATES) & (sums.ends[newest[bad]] == sums.ends[state[bad]])]
    for place in bad[:KEPT]:
        text, other = _explain(sums, int(of[place]), int(stretch[place]), int(state[place]), int(beyond[place]))
        shown = np.array([other]), rows["place"][at[place : place + 1]]
        found.add(CHILDREN, text, *shown)
    rest = bad[KEPT:]
    found.add(CHILDREN, _OTHER, rows["place"][at[rest]])


_OTHER: Final = "a reply to get children names other nodes than were created and not removed"


def _note_most(sums: Sums, stretch: Array, beyond: Array, place: Array) -> None:
    """Note of stretches of which nothing is known yet what most replies have beyond the sums."""
    unknown = np.flatnonzero(sums.shown_by[stretch] < 0)
    if not len(unknown):
        return
    order = unknown[np.lexsort((beyond[unknown], stretch[unknown]))]
    first = np.flatnonzero(np.append(True, (np.diff(stretch[order]) != 0) | (np.diff(beyond[order]) != 0)))
    count = np.diff(np.append(first, len(order)))
    replies = order[first[np.argsort(count, kind="stable")]]  # of two values for one place numpy keeps the last one
    sums.base[stretch[replies]], sums.shown_by[stretch[replies]] = beyond[replies], place[replies]


def _explain(sums: Sums, of: int, stretch: int, state: int, beyond: int) -> tuple[str, int]:
    """Return what is wrong with a list, and the record that shows it."""
    changes, base = sums.changes, int(sums.base[stretch])
    begin = int(np.searchsorted(changes.of, of, "left"))
    rows, kind = changes.rows[begin:state], changes.kind[begin:state]
    number, total = ((beyond >> 32) - (base >> 32)) % _SIZE, (beyond - base) % _SIZE
    made = np.flatnonzero((rows["name"] == -total % _SIZE) & (kind == history.CREATE))
    if number == _SIZE - 1 and len(made):
        return "a reply to get children lacks a node that was created and not removed", int(rows["place"][made[-1]])
    gone = np.flatnonzero((rows["name"] == total) & np.isin(kind, GONE))
    if number == 1 and len(gone):
        return "a reply to get children names a node that was removed", int(rows["place"][gone[-1]])
    return _OTHER, int(sums.shown_by[stretch])
