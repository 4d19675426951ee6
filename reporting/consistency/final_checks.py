"""What a read lacks, within the load and at its end, where every node is read at each member."""

from typing import Any

import numpy as np

from reporting.consistency.found import MULTI, SESSIONS, WRITES, Findings
from reporting.consistency.nodes import ALIVE, Nodes
from reporting.consistency.sessions import NEVER
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]


def add_stale(found: Findings, nodes: Nodes, reads: Array, newest: Array, text: tuple[str, str]) -> None:
    """Sort what was not seen by what it says: a halved transaction, a lost write, or a session that goes back.

    `text` says it of a read within the load, and of one at the end.
    """
    rows = nodes.rows[reads]
    in_multi = (newest["what"] & history.IN_MULTI) > 0

    def add(check: str, words: str, chosen: Array) -> None:
        found.add(check, words, newest["place"][chosen], rows["place"][chosen], seen=rows["seen"][chosen])

    add(MULTI, text[0], in_multi & ~rows["final"])
    add(SESSIONS, text[0], ~in_multi & ~rows["final"])
    members = {reader.session: reader.member for reader in nodes.context.readers}
    for session in np.unique(rows["session"][rows["final"]]).tolist():
        own = rows["final"] & (rows["session"] == session)
        halved = in_multi & _is_shown(nodes, session, newest["zxid"])
        for check, chosen in ((MULTI, halved), (WRITES, ~halved)):
            add(check, text[1] + _at_the_end(members.get(session, "")), own & chosen)


def _at_the_end(member: str) -> str:
    return f" at the end at {member}" if member else " at the end"


def _is_shown(nodes: Nodes, session: int, zxids: Array) -> Array:
    """Return whether a session that reads all nodes at the end sees transactions in another one of these nodes."""
    rows = nodes.rows
    own = rows[rows["final"] & (rows["session"] == session) & (rows["result"] == 0)]
    return np.isin(zxids, own["mzxid"])


def check_final(nodes: Nodes, found: Findings) -> None:
    """A node that was not removed is there at the end, at each member."""
    changes, readers = nodes.changes, nodes.context.readers
    if not readers or not len(changes.rows):
        return
    last = np.flatnonzero(np.append(changes.of[1:] != changes.of[:-1], True))
    of = changes.of[last]
    alive = np.isin(changes.kind[last], ALIVE) & nodes.stays()[last] & (nodes.lives_until[of] == NEVER)
    last, of = (each[alive & changes.rows["below"][last]] for each in (last, of))
    sure = ~nodes.may_be_removed_after(last)
    rows = changes.rows[last]
    lacks = np.zeros((len(readers), len(last)), bool)
    for own, reader in zip(lacks, readers, strict=True):
        was_read = np.zeros(nodes.count, bool)
        was_read[nodes.of[nodes.rows["final"] & (nodes.rows["session"] == reader.session)]] = True
        # What is later was written while the nodes were read, as by a worker that had been away.
        own[:] = (rows["zxid"] <= reader.zxid) & ~was_read[of]
    nodes.leave_out(found, WRITES, lacks.any(axis=0) & ~sure)
    lacks &= sure
    if not lacks.any():
        return
    by_all = lacks.all(axis=0)
    text = "a node that was written last is not there"
    in_multi = (rows["what"] & history.IN_MULTI) > 0
    halved = np.array([in_multi & _is_shown(nodes, reader.session, rows["zxid"]) for reader in readers])
    for lost, member, by_half in (
        (by_all, "", halved.any(axis=0)),
        *((own & ~by_all, reader.member, half) for own, reader, half in zip(lacks, readers, halved, strict=True)),
    ):
        for check, chosen in ((MULTI, by_half), (WRITES, ~by_half)):
            found.add(check, text + _at_the_end(member), rows["place"][lost & chosen])
