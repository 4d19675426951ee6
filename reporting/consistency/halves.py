"""Transactions without a reply: one took effect with all of its steps or not at all.

Which it was is told by a read of a value that only one of its steps can have written: then all of its steps have the
transaction of that value. A node of another step may be in another piece of the history, so its piece is read again.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reporting.consistency.found import MULTI, Findings
from reporting.consistency.history_file import Chunk
from reporting.consistency.nodes import ALIVE, GONE, Nodes
from reporting.consistency.sessions import NEVER
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

_STEP: Final = np.dtype([
    ("key", "<u8"), ("session", "<i8"), ("sent", "<i8"), ("seen", "<i8"), ("place", "<i8"), ("digest", "<u4"),
    ("what", "<u2"), ("below", "?"),
])  # fmt: skip
_BY_HALF: Final = "a transaction without a reply took effect by half"


@dataclass(frozen=True, slots=True)
class _Effect:
    """A transaction took effect: its number, the step that shows it, and the record that read that step's value."""

    zxid: int
    step: int
    read: int


@dataclass(slots=True)
class Halves:
    """The steps of transactions without a reply, and which of the transactions took effect."""

    _steps: list[Array] = field(default_factory=list)
    _effects: dict[int, _Effect] = field(default_factory=dict)
    _of: Array = field(default_factory=lambda: np.zeros(0, np.int64))

    def take(self, chunk: Chunk, seen: Array, places: Array) -> None:
        """Take the steps in a chunk."""
        records = chunk.records
        in_multi = (records["what"] & history.IN_MULTI) > 0
        at = np.flatnonzero(in_multi & (records["result"] == history.UNDECIDED))
        if not len(at):
            return
        found = np.zeros(len(at), _STEP)
        for name in ("session", "sent", "digest", "what"):
            found[name] = records[name][at]
        found["key"], found["seen"], found["place"], found["below"] = (
            chunk.key[at],
            seen[at],
            places[at],
            chunk.below[at],
        )
        self._steps.append(found)

    def begin(self) -> None:
        """Take no more: number the transactions."""
        steps = np.concatenate(self._steps) if self._steps else np.zeros(0, _STEP)
        # The steps of a transaction were noted together, so they were sent at one time.
        of = np.unique(steps[["session", "sent"]], return_inverse=True)[1].reshape(-1)
        kept = (steps["what"] & history.SEQUENCE) == 0  # which node those are on is not known
        self._steps, self._of = [steps[kept]], of[kept]

    def note_effects(self, nodes: Nodes, found: Findings) -> bool:
        """Note what the reads of some nodes tell; return whether there are steps of these nodes."""
        steps = self._steps[0]
        here = np.flatnonzero(np.isin(steps["key"], nodes.keys))
        if not len(here) or not nodes.context.complete:
            return False
        only = self._only_writers(nodes, here)
        rows = nodes.rows
        reads = np.flatnonzero(
            (nodes.kind == history.GET)
            & (rows["result"] == 0)
            & ((rows["what"] & history.STAT) > 0)
            & np.isin(rows["digest"], steps["digest"][here])
        )
        last = nodes.changes.last_until(nodes.of[reads], rows["mzxid"][reads])
        own = (last >= 0) & (nodes.changes.rows["zxid"][last] == rows["mzxid"][reads]) if len(last) else last >= 0
        reads = reads[~own]
        _, first = np.unique(rows[["key", "digest", "mzxid"]][reads], return_index=True)
        for read in reads[first]:
            step = only.get((int(rows["key"][read]), int(rows["digest"][read])))
            mzxid = int(rows["mzxid"][read])
            if step is None or mzxid <= steps["seen"][step]:
                continue
            is_made = (steps["what"][step] & history.KIND_MASK) == history.CREATE
            if is_made == (mzxid == rows["czxid"][read]):
                self._note(int(step), mzxid, int(rows["place"][read]), found)
        return True

    def _only_writers(self, nodes: Nodes, here: Array) -> dict[tuple[int, int], int]:
        """Return the steps by node and value that nothing else without a reply may have written."""
        writers: dict[tuple[int, int], int] = {}
        for write in nodes.undecided:
            each = int(nodes.rows["key"][write]), int(nodes.rows["digest"][write])
            writers[each] = writers.get(each, 0) + 1
        steps = self._steps[0]
        pairs = {(int(steps["key"][step]), int(steps["digest"][step])): int(step) for step in here}
        return {pair: step for pair, step in pairs.items() if writers.get(pair) == 1}

    def _note(self, step: int, zxid: int, read: int, found: Findings) -> None:
        effect = self._effects.setdefault(int(self._of[step]), _Effect(zxid, step, read))
        if effect.zxid != zxid:
            places = self._steps[0]["place"][effect.step], effect.read, read
            found.add(MULTI, _BY_HALF, *(np.array([int(place)]) for place in places))

    def check(self, nodes: Nodes, found: Findings) -> None:
        """Find steps on some nodes that did not take effect, of transactions that did, by reads and versions."""
        by_node: dict[int, list[int]] = {}
        for step in self._took_effect(nodes):
            by_node.setdefault(int(np.searchsorted(nodes.keys, self._steps[0]["key"][step])), []).append(step)
        if not by_node:
            return
        order = np.argsort(nodes.of, kind="stable")
        for of, steps in by_node.items():
            begin, end = np.searchsorted(nodes.of[order], (of, of + 1))
            node = _Node(nodes, of, order[begin:end])
            for step in steps:
                self._check_step(step, node, found)

    def check_end(self, nodes: Nodes, found: Findings) -> None:
        """Find nodes that such a transaction has created, and that are not there at the end, at each member."""
        if not nodes.context.readers:
            return
        steps = self._steps[0]
        final = nodes.rows[nodes.rows["final"]]
        for step in self._took_effect(nodes):
            key, zxid = steps["key"][step], self._effects[int(self._of[step])].zxid
            of = int(np.searchsorted(nodes.keys, key))
            stays = _stays(nodes, of, steps[step]) and _removed_after(nodes, of, zxid) == NEVER
            read_by = set(final["session"][final["key"] == key].tolist())
            lacks = (zxid <= each.zxid and each.session not in read_by for each in nodes.context.readers)
            if not (stays and steps["below"][step] and any(lacks)):
                continue
            if zxid < nodes.removed_until[of]:
                found.leave_out(MULTI, 1)
            else:
                self._add(step, (), found)

    def _took_effect(self, nodes: Nodes) -> list[int]:
        steps = self._steps[0]
        here = np.flatnonzero(np.isin(steps["key"], nodes.keys)) if self._effects else ()
        return [int(step) for step in here if int(self._of[step]) in self._effects]

    def _check_step(self, step: int, node: "_Node", found: Findings) -> None:
        told, zxid = self._steps[0][step], self._effects[int(self._of[step])].zxid
        kind = int(told["what"]) & history.KIND_MASK
        shown = node.read_before("czxid" if kind == history.DELETE else "mzxid", zxid)
        if not shown and kind != history.DELETE:
            shown = node.writes_around(zxid)
        if not shown and _stays(node.nodes, node.of, told):
            shown, is_sure = node.absent(zxid)
            if shown and not is_sure:
                found.leave_out(MULTI, 1)
                return
        if shown:
            self._add(step, shown, found)

    def _add(self, step: int, shown: tuple[int, ...], found: Findings) -> None:
        places = int(self._steps[0]["place"][step]), self._effects[int(self._of[step])].read, *shown
        found.add(MULTI, _BY_HALF, *(np.array([place]) for place in places))


class _Node:
    """What the records of a node tell of a transaction: each method returns those that show that it was not a part."""

    def __init__(self, nodes: Nodes, of: int, rows: Array) -> None:
        self.nodes, self.of = nodes, of
        told = nodes.rows[rows]
        self._state = np.maximum(told["zxid"], told["seen"])
        order = np.argsort(self._state, kind="stable")
        self._state, self._rows = self._state[order], told[order]
        self._has_stat = (self._rows["result"] == 0) & ((self._rows["what"] & history.STAT) > 0)
        self._least: dict[str, Array] = {}

    def read_before(self, name: str, zxid: int) -> tuple[int, ...]:
        """Find a read of a state with the transaction, that shows a node that was not written or created since."""
        if name not in self._least:
            told = np.where(self._has_stat & (self._rows[name] > 0), self._rows[name], NEVER)
            self._least[name] = np.minimum.accumulate(told[::-1])[::-1]
        least, at = self._least[name], int(np.searchsorted(self._state, zxid))
        if at == len(least) or least[at] >= zxid:
            return ()
        shows = self._has_stat[at:] & (self._rows[name][at:] == least[at])
        return (int(self._rows["place"][at + int(np.argmax(shows))]),)

    def writes_around(self, zxid: int) -> tuple[int, ...]:
        """Find two writes before and after it that follow one another by their versions."""
        changes, of, at = self.nodes.changes, np.array([self.of]), np.array([zxid])
        one, then = int(changes.last_until(of, at)[0]), int(changes.first_after(of, at)[0])
        if min(one, then) < 0 or changes.kind[then] != history.SET or changes.kind[one] not in ALIVE:
            return ()
        first, second = changes.rows[one], changes.rows[then]
        is_made = changes.kind[one] == history.CREATE
        version, made = (0, first["zxid"]) if is_made else (first["version"], first["czxid"])
        if second["version"] != version + 1 or second["czxid"] != made:
            return ()
        return int(first["place"]), int(second["place"])

    def absent(self, zxid: int) -> tuple[tuple[int, ...], bool]:
        """Find a read of a state with it, and before any removal, that does not find the node.

        Return it, and whether no operation without a reply may have removed the node before.
        """
        is_read = np.isin(self._rows["what"] & history.KIND_MASK, (history.GET, history.EXISTS, history.GET_CHILDREN))
        absent = is_read & (self._rows["result"] == history.NO_NODE) & (self._rows["zxid"] > 0)
        absent &= (self._state >= zxid) & (self._state < _removed_after(self.nodes, self.of, zxid))
        if not absent.any():
            return (), True
        # The one of the oldest state.
        at, nodes, of = int(np.argmax(absent)), self.nodes, self.of
        is_sure = zxid >= nodes.removed_until[of] or self._state[at] <= nodes.removed_from[of]
        return (int(self._rows["place"][at]),), bool(is_sure)


def _stays(nodes: Nodes, of: int, step: Any) -> bool:
    """Whether a step creates a node that no end of a session may remove."""
    is_create = int(step["what"]) & (history.KIND_MASK | history.EPHEMERAL) == history.CREATE
    return is_create and bool(nodes.lives_until[of] == NEVER)


def _removed_after(nodes: Nodes, of: int, zxid: int) -> int:
    """Return the first known removal of a node after a transaction, NEVER if there is none."""
    changes = nodes.changes
    removed = changes.rows["zxid"][(changes.of == of) & np.isin(changes.kind, GONE)]
    return int(min(removed[removed > zxid], default=NEVER))
