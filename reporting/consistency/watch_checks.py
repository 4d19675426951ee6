"""Checks of watches: each fires once, before its session sees the change, and none is lost over a reconnect.

A member sends the event of a change before any reply that shows a state with it. So no reply to the session between
the setting of a watch and its event may come from a state with a change of the node; and neither may the last reply of
a session, where the watch has not fired.
"""

from typing import Any

import numpy as np

from reporting.consistency.found import WATCHES, Findings
from reporting.consistency.nodes import Changes, Nodes
from reporting.consistency.sessions import NEVER
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

_DATA_EVENTS = (1, 2, 3)
_CHILD_EVENTS = (2, 4)
_DELETED = 2


def check_watches(nodes: Nodes, found: Findings) -> None:
    """Check the watches on nodes and those on their children."""
    rows = nodes.rows
    is_set = (rows["what"] & history.WATCH) > 0
    if not is_set.any() and not (nodes.kind == history.EVENT).any():
        return
    on_data = is_set & (
        (np.isin(nodes.kind, (history.GET, history.EXISTS)) & (rows["result"] >= 0))
        | ((nodes.kind == history.EXISTS) & (rows["result"] == history.NO_NODE))
    )
    on_children = is_set & (nodes.kind == history.GET_CHILDREN) & (rows["result"] >= 0)
    is_event = nodes.kind == history.EVENT
    asked = np.zeros(len(rows), bool)
    # A node that may have gone before its session ended tells nobody of that end.
    made, ended = nodes.changes.rows["czxid"], nodes.changes.rows["zxid"]
    perhaps_gone = nodes.may_be_removed_between(nodes.changes.of, made, ended)
    sure = nodes.changes.chosen((nodes.changes.kind != history.CLOSED) | ~perhaps_gone)
    groups = ((on_data, _DATA_EVENTS, sure), (on_children, _CHILD_EVENTS, nodes.children))
    for set_here, events, changes in groups:
        asked |= _check_group(nodes, set_here, is_event & np.isin(rows["result"], events), changes, found)
    asked[_of_both_groups(nodes, on_data, on_children, np.flatnonzero(is_event & ~asked))] = True
    unasked = np.flatnonzero(is_event & ~asked)
    found.add(WATCHES, "a watch has fired that was not set, or a second time", rows["place"][unasked])


def _of_both_groups(nodes: Nodes, on_data: Array, on_children: Array, unasked: Array) -> Array:
    """Return the second event of each removal that a member told both groups of, as it does after a reconnect."""
    rows = nodes.rows
    sessions = nodes.context.sessions
    deleted = unasked[
        (rows["result"][unasked] == _DELETED) & (sessions.losses[sessions.at(rows["session"][unasked])] > 0)
    ]
    if not len(deleted):
        return np.zeros(0, np.int64)
    by_session: dict[tuple[int, int], list[int]] = {}
    wanted = {(int(nodes.of[at]), int(rows["session"][at])) for at in deleted}
    told = np.flatnonzero(on_data | on_children | ((nodes.kind == history.EVENT) & (rows["result"] == _DELETED)))
    for at in told[np.argsort(rows["place"][told], kind="stable")]:
        pair = int(nodes.of[at]), int(rows["session"][at])
        if pair in wanted:
            by_session.setdefault(pair, []).append(int(at))
    legal, second = [], set(deleted.tolist())
    for own in by_session.values():
        data = children = False
        for at in own:
            if at in second:
                if data and children:
                    legal.append(at)
                data = children = False
            data, children = data or bool(on_data[at]), children or bool(on_children[at])
    return np.array(legal, np.int64)


def _check_group(nodes: Nodes, is_set: Array, is_event: Array, changes: Changes, found: Findings) -> Array:
    """Check one kind of watches; return which events were asked for. A session has one watch on a node at a time."""
    asked = np.zeros(len(nodes.rows), bool)
    at = np.flatnonzero(is_set | is_event)
    if not len(at):
        return asked
    at = at[np.lexsort((nodes.rows["place"][at], nodes.rows["session"][at], nodes.of[at]))]
    rows, of, event = nodes.rows[at], nodes.of[at], is_event[at]
    first = np.append(True, (of[1:] != of[:-1]) | (rows["session"][1:] != rows["session"][:-1]))
    after_event = np.append(True, event[:-1])
    asked[at[event & ~first & ~after_event]] = True
    # Where a watch was set that was not there yet; its end is the next event, or the end of the session's records.
    starts = np.flatnonzero(~event & (first | after_event) & (rows["result"] != history.UNDECIDED))
    if not len(starts):
        return asked
    ends = np.flatnonzero(event | np.append(first[1:], True))
    end = ends[np.searchsorted(ends, starts)]
    fired = event[end]
    sessions = nodes.context.sessions
    of_session = sessions.at(rows["session"][starts])
    seen = np.where(fired, rows["seen"][end], sessions.seen[of_session])
    # A reply without a transaction shows the node as of its last change; of what else was there nothing is known.
    shows = np.where((rows["what"][starts] & history.STAT) > 0, rows["mzxid"][starts], NEVER)
    change = changes.first_after(of[starts], np.where(rows["zxid"][starts] > 0, rows["zxid"][starts], shows))
    # A node that did not exist may have been made and removed while there was no connection: nobody is told of it.
    may_miss = (rows["result"][starts] == history.NO_NODE) & (sessions.losses[of_session] > 0)
    bad = (change >= 0) & ~may_miss & ~sessions.loses_watches[of_session]
    bad[bad] = changes.rows["zxid"][change[bad]] <= seen[bad]
    for told, text in (
        (fired, "a watch has fired after its session had seen the change"),
        (~fired, "a watch has not fired although its session has seen the change"),
    ):
        which = np.flatnonzero(bad & told)
        columns = [rows["place"][starts[which]], changes.rows["place"][change[which]]]
        if told is fired:
            columns.append(rows["place"][end[which]])
        found.add(WATCHES, text, *columns, seen=seen[which])
    return asked
