"""Checks of nodes: each takes the records of some nodes, and adds what it finds.

What cannot be known is treated as both: a write without a reply may have been carried out or not, and a node may be
gone by a session whose end was not seen.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from reporting.consistency.final_checks import add_stale, check_final
from reporting.consistency.found import EPHEMERALS, ORDER, SEQUENCES, SESSIONS, Findings
from reporting.consistency.nodes import ALIVE, GONE, Changes, Nodes
from reporting.consistency.sessions import NEVER
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]


def check_versions(nodes: Nodes, found: Findings) -> None:
    """The versions of a node follow the order of its writes, and leave room for what is undecided only."""
    changes = nodes.changes
    at = np.flatnonzero(np.append(False, changes.of[1:] == changes.of[:-1]) if len(changes.of) else changes.of)
    at = at[changes.rows["zxid"][at] != changes.rows["zxid"][at - 1]]
    kind, before = changes.kind[at], changes.kind[at - 1]
    place = changes.rows["place"]
    version = changes.rows["version"]
    base = np.where(before == history.CREATE, 0, version[at - 1])
    made = np.where(before == history.CREATE, changes.rows["zxid"][at - 1], changes.rows["czxid"][at - 1])
    overwrites = (kind == history.SET) & np.isin(before, ALIVE)
    is_set = overwrites & (changes.rows["czxid"][at] == made)
    bad = at[is_set & (version[at] <= base)]
    found.add(ORDER, "a later write of a node has no greater version", place[bad - 1], place[bad])
    of = changes.of[at]
    first, last = changes.rows["zxid"][at - 1], changes.rows["zxid"][at]
    sure = ~nodes.may_be_changed_between(of, first, last) & nodes.stays()[at - 1] & ~_may_have_any_name(nodes)[of]
    for text, bad_here in (
        ("a node was created twice, and not removed in between", (kind == history.CREATE) & np.isin(before, ALIVE)),
        ("a write shows a node that was created at another time", overwrites & ~is_set & (made > 0)),
        (
            "a node that was gone was written",
            np.isin(kind, (history.SET, history.DELETE)) & np.isin(before, GONE),
        ),
    ):
        shown = at[bad_here & sure]
        found.add(ORDER, text, place[shown - 1], place[shown])
        nodes.leave_out(found, ORDER, bad_here & ~sure)
    # Both are of one life of the node, whatever became of it before and after.
    counted = is_set & nodes.context.complete
    gaps = np.bincount(of[counted], np.maximum(version[at] - base - 1, 0)[counted], nodes.count)
    sets = nodes.undecided[nodes.kind[nodes.undecided] == history.SET]
    room = np.bincount(nodes.of[sets], minlength=nodes.count)
    too_many = counted & (version[at] - base > 1) & (gaps > room)[of]
    found.add(ORDER, "a node has more versions than writes", place[at - 1][too_many], place[at][too_many])


def _may_have_any_name(nodes: Nodes) -> Array:
    """Return by node whether a sequential node whose creator did not learn its name may be of that name."""
    found = np.zeros(nodes.count, bool)
    if nodes.context.sequential:
        found[nodes.changes.of[(nodes.changes.rows["what"] & history.SEQUENCE) > 0]] = True
    return found


def check_reads(nodes: Nodes, found: Findings) -> None:
    """A read shows the newest write that its session has seen, or a later one."""
    rows, changes = nodes.rows, nodes.changes
    asks = np.isin(nodes.kind, (history.GET, history.EXISTS, history.GET_CHILDREN))
    there = np.flatnonzero(asks & (rows["result"] == 0) & ((rows["what"] & history.STAT) > 0))
    last = changes.last_until(nodes.of[there], rows["seen"][there])
    there, last = there[last >= 0], last[last >= 0]
    newest, kind = changes.rows[last], changes.kind[last]
    old = np.isin(kind, ALIVE) & (rows["mzxid"][there] < newest["zxid"])
    text = "a read does not show a write that its session had seen", "a node does not have its last write"
    add_stale(found, nodes, there[old], newest[old], text)
    kept = (kind == history.CLOSED) & (rows["czxid"][there] == newest["czxid"])
    found.add(
        EPHEMERALS, "an ephemeral node is there although its session has ended", newest["place"][kept],
        rows["place"][there[kept]], seen=rows["seen"][there[kept]],
    )  # fmt: skip
    undone = (kind == history.DELETE) & (rows["czxid"][there] < newest["zxid"])
    text = "a read shows a node whose removal its session had seen", "a node that was removed is there"
    add_stale(found, nodes, there[undone], newest[undone], text)


def check_expired(nodes: Nodes, found: Findings) -> None:
    """An ephemeral node is gone some time after its session has expired: see `order.py`."""
    rows, changes, sessions = nodes.rows, nodes.changes, nodes.context.sessions
    if (sessions.gone == NEVER).all():
        return
    there = np.flatnonzero((rows["result"] == 0) & ((rows["what"] & history.STAT) > 0) & (rows["zxid"] > 0))
    last = changes.last_until(nodes.of[there], rows["czxid"][there])
    there, made = there[last >= 0], changes.rows[last[last >= 0]]
    own = ((made["what"] & history.EPHEMERAL) > 0) & (made["zxid"] == rows["czxid"][there])
    there, made = there[own], made[own]
    session = sessions.at(made["session"])
    kept = sessions.gone[session] <= np.maximum(rows["zxid"][there], rows["seen"][there])
    found.add(
        EPHEMERALS, "an ephemeral node is there long after its session has expired", made["place"][kept],
        sessions.expired[session[kept]], rows["place"][there[kept]],
    )  # fmt: skip


def check_absent(nodes: Nodes, found: Findings) -> None:
    """A node that was created is there until it is removed, or its session ends."""
    rows, changes = nodes.rows, nodes.changes
    asks = np.isin(nodes.kind, (history.GET, history.EXISTS, history.GET_CHILDREN))
    absent = np.flatnonzero(asks & (rows["result"] == history.NO_NODE))
    of = nodes.of[absent]
    last = changes.last_until(of, rows["seen"][absent])
    # Where the client does not tell of which state the reply is, it may be of any later one.
    state = np.where(rows["zxid"][absent] > 0, np.maximum(rows["zxid"][absent], rows["seen"][absent]), NEVER)
    until = changes.last_until(of, state)
    removals = np.cumsum(np.isin(changes.kind, GONE))
    sure = ~nodes.may_be_removed_after(last) | (state <= nodes.removed_from[of])
    bad = (last >= 0) & (state <= nodes.lives_until[of])
    absent, last, until, sure = absent[bad], last[bad], until[bad], sure[bad]
    bad = np.isin(changes.kind[last], ALIVE) & nodes.stays()[last] & (removals[until] == removals[last])
    nodes.leave_out(found, SESSIONS, bad & ~sure)
    bad &= sure
    absent, newest = absent[bad], changes.rows[last[bad]]
    made = (newest["what"] & history.EPHEMERAL) > 0
    found.add(
        EPHEMERALS, "an ephemeral node is gone although its session lives", newest["place"][made],
        rows["place"][absent[made]], seen=rows["seen"][absent[made]],
    )  # fmt: skip
    add_stale(found, nodes, absent[~made], newest[~made], ("a node that was created is not there",) * 2)


def check_values(nodes: Nodes, found: Findings) -> None:
    """Each value that was read was written once, by a write that has not failed."""
    rows, changes, context = nodes.rows, nodes.changes, nodes.context
    read = np.flatnonzero(
        np.isin(nodes.kind, (history.GET, history.EXISTS))
        & (rows["result"] == 0)
        & ((rows["what"] & history.STAT) > 0)
        & (rows["mzxid"] > context.first_zxid)
    )
    last = changes.last_until(nodes.of[read], rows["mzxid"][read])
    known = last >= 0
    known[known] = (changes.rows["zxid"][last[known]] == rows["mzxid"][read[known]]) & np.isin(
        changes.kind[last[known]], ALIVE
    )
    writer = changes.rows[last[known]]
    got = rows[read[known]]
    is_get = (got["what"] & history.KIND_MASK) == history.GET
    # Of two steps of one transaction on one node, only the last one counts, and it is not known which that is.
    single = (writer["what"] & history.IN_MULTI) == 0
    other = single & ((got["version"] != writer["version"]) | (is_get & (got["digest"] != writer["digest"])))
    found.add(
        ORDER, "a read shows another value or version than its write", writer["place"][other], got["place"][other]
    )
    _check_unknown(nodes, read[~known], found)


def _check_unknown(nodes: Nodes, read: Array, found: Findings) -> None:
    """Check values that no acknowledged write has written: failed writes never have, undecided ones once at most."""
    if not len(read):
        return
    rows = nodes.rows
    failed = Changes(rows[nodes.failed], nodes.of[nodes.failed])
    at = failed.last_until(nodes.of[read], rows["mzxid"][read])
    is_failed = (at >= 0) & (failed.rows["zxid"][at] == rows["mzxid"][read]) if len(failed.rows) else at >= 0
    found.add(
        ORDER,
        "a write that has failed took effect",
        failed.rows["place"][at[is_failed]],
        rows["place"][read[is_failed]],
    )
    if not nodes.context.complete:
        return
    read = read[~is_failed]
    room, taken, sequential = _room(nodes), nodes.unknown.taken, nodes.context.sequential
    bad, open_keys = [], {node for node, _ in room}
    for place in read[np.argsort(rows["mzxid"][read], kind="stable")]:
        key, mzxid = int(nodes.keys[nodes.of[place]]), int(rows["mzxid"][place])
        if (key, mzxid) in taken:
            continue
        taken.add((key, mzxid))
        tells_value = nodes.kind[place] != history.EXISTS
        digest = int(rows["digest"][place])
        if mzxid == rows["czxid"][place] and (digest in sequential if tells_value else sequential):
            continue  # a node whose name its creator did not learn
        if not tells_value:
            if key not in open_keys:
                bad.append(place)
            continue
        room[key, digest] = room.get((key, digest), 0) - 1
        if room[key, digest] < 0:
            bad.append(place)
    found.add(ORDER, "a read shows a value that no recorded operation has written", rows["place"][bad])


def _room(nodes: Nodes) -> dict[tuple[int, int], int]:
    """Return how many undecided writes of a node may still have written a value."""
    unknown = nodes.unknown
    if unknown.room is None:
        unknown.room = {}
        for write in nodes.undecided[np.isin(nodes.kind[nodes.undecided], ALIVE)]:
            each = int(nodes.keys[nodes.of[write]]), int(nodes.rows["digest"][write])
            unknown.room[each] = unknown.room.get(each, 0) + 1
    return unknown.room


def check_observations(nodes: Nodes, found: Findings) -> None:
    """All sessions see the same versions of a node in the same order."""
    rows = nodes.rows
    told = np.flatnonzero((rows["result"] == 0) & ((rows["what"] & history.STAT) > 0) & (rows["mzxid"] > 0))
    order = told[np.lexsort((rows["mzxid"][told], nodes.of[told]))]
    if len(order) < 2:
        return
    of, mzxid, czxid, version = nodes.of[order], rows["mzxid"][order], rows["czxid"][order], rows["version"][order]
    single = (rows["what"][order] & history.IN_MULTI) == 0
    same = (of[1:] == of[:-1]) & (czxid[1:] == czxid[:-1])
    equal = mzxid[1:] == mzxid[:-1]
    both_single = single[1:] & single[:-1]
    bad = np.flatnonzero(
        same & np.where(equal, both_single & (version[1:] != version[:-1]), version[1:] <= version[:-1])
    )
    place = rows["place"][order]
    found.add(ORDER, "two sessions see different orders of a node's versions", place[bad], place[bad + 1])


def check_sequences(nodes: Nodes, found: Findings) -> None:
    """The sequence numbers below a node grow."""
    children, changes = nodes.children, nodes.changes
    at = np.flatnonzero(
        ((children.rows["what"] & history.SEQUENCE) > 0)
        & (children.kind == history.CREATE)
        & (children.rows["version"] >= 0)
    )
    if len(at) < 2:
        return
    rows, of = children.rows[at], children.of[at]
    bad = np.flatnonzero((of[1:] == of[:-1]) & (rows["version"][1:] <= rows["version"][:-1])) + 1
    of, first, last = of[bad], rows["zxid"][bad - 1], rows["zxid"][bad]
    # With a new node they begin anew. A transaction may remove a node after it has created one below it.
    removals = np.append(0, np.cumsum(changes.kind == history.DELETE))
    kept = removals[changes.place_after(of, last)] == removals[changes.place_after(of, first - 1)]
    sure = ~nodes.may_be_removed_between(of, first, last)
    nodes.leave_out(found, SEQUENCES, kept & ~sure)
    bad = bad[kept & sure]
    found.add(SEQUENCES, "a later node has no greater sequence number", rows["place"][bad - 1], rows["place"][bad])


NodeCheck = Callable[[Nodes, Findings], None]
READ_CHECKS: Final[tuple[NodeCheck, ...]] = (check_reads, check_expired, check_absent, check_values, check_observations)
"""They look at each read by itself, beside the changes of its node. So reads may be checked in several parts."""
CHANGE_CHECKS: Final[tuple[NodeCheck, ...]] = (check_versions, check_final, check_sequences)
