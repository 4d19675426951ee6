"""Checks the history of a run: reads each file once, spreads the records by node, and checks the nodes piece by piece.

Time is linear in the number of operations, but for sorting within a piece. Memory holds a piece, and 35 bytes for each
write: the check of real time needs all writes in one order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from reporting.consistency.child_names import are_kept, names_of, told_next
from reporting.consistency.child_sums import sums_of
from reporting.consistency.children import check_lists
from reporting.consistency.final_reads import FinalReads
from reporting.consistency.followers import Followers, FollowersOf, nobody
from reporting.consistency.found import Findings
from reporting.consistency.halves import Halves
from reporting.consistency.history_file import Chunk, HistoryError, HistoryFile
from reporting.consistency.locks import Locks
from reporting.consistency.node_checks import CHANGE_CHECKS, READ_CHECKS, NodeCheck
from reporting.consistency.nodes import CHILD, RECORD, Context, Nodes, Unknown
from reporting.consistency.order import WRITES, Clock, Order
from reporting.consistency.pieces import PIECE_RECORDS, Pieces, work_folder
from reporting.consistency.sessions import Sessions
from reporting.consistency.settled import Settled
from reporting.consistency.watch_checks import check_watches
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

MOST_RECORDS: Final = 4 * PIECE_RECORDS
_NANOSECONDS: Final = 1e9
# So that sums of times and errors fit into 64 bits, whatever a host tells; an error of 36 years compares nothing.
_MOST_ERROR_NS: Final = 1 << 60
_MOST_OFFSET_NS: Final = 1 << 62
_ONE_BOOT_NS: Final = 1_000_000_000
"""Clocks of two files of a machine that differ by more are of two boots, or its wall clock was set."""

Clocks = Mapping[str, tuple[float, float]]
"""Of each host: how far its clock is ahead of the controller's, and how wrong that may be, seconds."""


@dataclass(slots=True)
class History:
    """What was checked, and what not: `refused` names files that could not be read, `cut` those without an end."""

    files: list[HistoryFile]
    found: Findings = field(default_factory=Findings)
    operations: int = 0
    events: int = 0
    undecided: int = 0
    writes: int = 0
    sessions: int = 0
    refused: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    """Files of processes that did something which was not recorded."""
    unplaced: list[str] = field(default_factory=list)
    """Files with operations whose transactions are not known."""
    apart: list[str] = field(default_factory=list)
    """A file of each host whose writes could not be compared with those of all other hosts in real time."""
    final: FinalReads = field(default_factory=FinalReads)
    unwatched: int = 0
    """Sessions whose watches were not checked: their client has ended them with a lost connection."""
    holdings: int = 0
    holdings_left_out: int = 0
    """Of the holdings of locks, those that were not checked: their sessions may have ended before the release."""


@dataclass(slots=True)
class _Pass:
    """What the first pass collects."""

    pieces: Pieces
    root: str
    sessions: Sessions = field(default_factory=Sessions)
    order: Order = field(default_factory=Order)
    locks: Locks = field(default_factory=Locks)
    sequential: set[int] = field(default_factory=set)
    watched: set[int] = field(default_factory=set)
    """Keys of the nodes whose children somebody has watched."""
    names_kept: bool = True
    settled: Settled = field(default_factory=Settled)
    halves: Halves = field(default_factory=Halves)

    def wanted(self, children: Array) -> Array:
        """Leave out changes of children that no check needs: there may be millions below one node."""
        is_needed = (children["what"] & history.SEQUENCE) > 0
        is_needed |= np.isin(children["key"], np.array(sorted(self.watched), np.uint64))
        chosen: Array = children if is_needed.all() else children[is_needed]
        return chosen


def check(
    files: list[HistoryFile], clocks: Clocks, work: Path, *, complete: bool, followed: FollowersOf = nobody
) -> History:
    """Check files of one load. `work` is a folder for temporary files; `complete` says whether all files are there, and
    `followed` tells which members were followers.

    A file that cannot be read to its end counts up to there, and the history is then not complete. Raises OSError.
    """
    checked = History(files)
    root = next((root for file in files if (root := _root_of(file))), "")
    records = sum(file.path.stat().st_size for file in files) // 70
    with work_folder(work) as folder:
        first = _Pass(Pieces(folder, records), root)
        for number, file in enumerate(files):
            try:
                for chunk in file.chunks(root):
                    _take(chunk, number, first, checked)
            except HistoryError as error:
                checked.refused.append(f"{file.name}: {error}")
            else:
                checked.cut += [] if file.ended else [file.name]
        of_files = clocks_of(files, clocks)
        gone = first.order.check(
            of_files, first.sessions, lambda: _followers(files, of_files, clocks, followed), checked.found
        )
        checked.apart = [files[number].name for number in first.order.apart]
        columns = first.sessions.columns(gone)
        context = Context(
            columns,
            first.sessions.first_zxid,
            complete and not (checked.refused or checked.cut or checked.unrecorded),
            tuple(checked.final.readers),
            frozenset(first.sequential),
            first.settled,
        )
        checked.sessions, checked.writes = int((columns.ids != 0).sum()), first.order.writes
        checked.unwatched = first.sessions.unwatched()
        first.locks.check(of_files, checked.found)
        checked.holdings, checked.holdings_left_out = first.locks.holdings, first.locks.left_out
        first.halves.begin()
        for rows, children, names in first.pieces.each():
            _check_nodes(rows, children, names, context, first, checked.found)
        for rows in first.pieces.kept():
            _check_halves(rows, context, first.halves, checked.found)
    return checked


def _check_nodes(rows: Array, children: Array, names: Array, context: Context, first: _Pass, found: Findings) -> None:
    """Check all records of some nodes; `names` are the changes of their children, by name."""
    changed, parts = _nodes(rows, first.wanted(children), context)
    _run((*CHANGE_CHECKS, check_watches), changed, found)
    changed.forget_children()
    sums = sums_of(rows, names, changed, first.settled) if first.names_kept else None
    is_asked = False
    for part in parts:
        _run(READ_CHECKS, part, found)
        if sums is not None:
            check_lists(part.rows, sums, context, found)
        is_asked |= first.halves.note_effects(part, found)
    if is_asked:
        first.pieces.keep()


def _check_halves(rows: Array, context: Context, halves: Halves, found: Findings) -> None:
    """Check the steps of transactions on some nodes."""
    changed, parts = _nodes(rows, np.zeros(0, CHILD), context)
    halves.check_end(changed, found)
    for part in parts:
        halves.check(part, found)


def _nodes(rows: Array, children: Array, context: Context) -> tuple[Nodes, Iterable[Nodes]]:
    """Return the changes of some nodes with the final reads, and all of their records.

    Too many reads, as of a node that all users read, come in parts.
    """
    unknown = Unknown()
    if len(rows) <= MOST_RECORDS:
        every = Nodes(rows, children, context, unknown)
        return every, (every,)
    is_change = np.isin(rows["what"] & history.KIND_MASK, WRITES)
    is_watch = ((rows["what"] & history.WATCH) > 0) | ((rows["what"] & history.KIND_MASK) == history.EVENT)
    own, reads = rows[is_change], np.flatnonzero(~is_change)
    starts = range(0, len(reads), MOST_RECORDS)
    parts = (np.concatenate([own, rows[reads[start : start + MOST_RECORDS]]]) for start in starts)
    changed = Nodes(rows[is_change | is_watch | rows["final"]], children, context, unknown)
    return changed, (Nodes(part, children[:0], context, unknown) for part in parts)


def _run(checks: Iterable[NodeCheck], nodes: Nodes, found: Findings) -> None:
    for node_check in checks:
        node_check(nodes, found)


def _root_of(file: HistoryFile) -> str:
    try:
        file.read_about()
    except HistoryError:
        return ""
    return file.root


def _take(chunk: Chunk, number: int, first: _Pass, checked: History) -> None:
    records = chunk.records
    seen, places = first.sessions.take(chunk, number, checked.found)
    first.order.take(chunk, places, number)
    first.locks.take(chunk, places, number)
    first.halves.take(chunk, seen, places)
    kind = records["what"] & history.KIND_MASK
    is_operation = kind < history.EVENT
    name = checked.files[number].name
    if name not in checked.unrecorded and (kind == history.UNRECORDED).any():
        checked.unrecorded.append(name)
    if name not in checked.unplaced and (is_operation & (records["result"] == 0) & (records["zxid"] == 0)).any():
        checked.unplaced.append(name)
    checked.operations += int(is_operation.sum())
    checked.events += int((kind == history.EVENT).sum())
    undecided = is_operation & (records["result"] == history.UNDECIDED)
    checked.undecided += int(undecided.sum())
    unnamed = undecided & ((records["what"] & history.SEQUENCE) > 0)
    first.sequential.update(int(digest) for digest in records["digest"][unnamed])
    watches = (kind == history.GET_CHILDREN) & ((records["what"] & history.WATCH) > 0)
    first.watched.update(np.unique(chunk.key[watches]).tolist())
    is_final = checked.files[number].process == "final"
    if is_final:
        checked.final.take(chunk, checked.files[number])
    at = np.flatnonzero(is_operation | (kind == history.EVENT))
    rows = np.zeros(len(at), RECORD)
    for name in ("zxid", "mzxid", "czxid", "session", "version", "digest", "what", "result"):
        rows[name] = records[name][at]
    rows["key"], rows["seen"], rows["place"], rows["below"] = chunk.key[at], seen[at], places[at], chunk.below[at]
    rows["final"] = is_final
    lists = np.flatnonzero((rows["what"] & history.NAMES) > 0)
    rows["mzxid"][lists] = told_next(records, at[lists])
    first.pieces.take(rows)
    names = names_of(chunk, seen, places)
    first.names_kept &= are_kept(names)
    undecided_names = names["place"][~names["known"]] - (places[0] if len(places) else 0)
    first.settled.take(records, places, undecided_names[records["result"][undecided_names] != 0])
    first.pieces.take(names)
    is_change = ((kind == history.CREATE) | (kind == history.DELETE)) & (records["result"] == 0) & (records["zxid"] > 0)
    at = np.flatnonzero(is_change)
    children = np.zeros(len(at), CHILD)
    children["key"], children["zxid"], children["place"] = chunk.parent[at], records["zxid"][at], places[at]
    children["version"] = np.clip(chunk.number[at], -1, np.iinfo(np.int32).max)
    children["what"] = records["what"][at]
    first.pieces.take(children)


def _followers(files: list[HistoryFile], of_files: list[Clock], clocks: Clocks, followed: FollowersOf) -> Followers:
    """Return what members said, by the clock of the process that leads the load: it polls them."""
    leading = [place for place, file in enumerate(files) if file.process == "final"]
    if len(leading) != 1 or files[leading[0]].host not in clocks:
        return Followers()
    return followed(clocks[files[leading[0]].host][0], of_files[leading[0]].error_ns)


def clocks_of(files: list[HistoryFile], clocks: Clocks) -> list[Clock]:
    """Return the clock of each file. Files of a host have one clock if they are of one machine, and of one boot of it.

    Which machine that was, and when it was started, is told by the files; a folder may have got them from elsewhere.
    """
    of_machine: dict[tuple[str, str], list[HistoryFile]] = {}
    for file in files:
        of_machine.setdefault((file.host, file.machine), []).append(file)
    found = {}
    for (host, machine), own in of_machine.items():
        ahead_s, error_s = clocks.get(host, (0.0, 0.0))
        # A file that could not be read to its end tells of no clock.
        told = sorted((file for file in own if file.wall_ns), key=lambda file: file.wall_ns)
        moved_ns = told[-1].wall_ns - told[0].wall_ns + max(file.wall_spread_ns for file in told) if told else 0
        # Which of several machines was measured is not known.
        is_known = sum(other == host for other, _ in of_machine) == 1
        error_ns = min(_nanoseconds(error_s) + moved_ns, _MOST_ERROR_NS) if is_known else _MOST_ERROR_NS
        first = None
        for boot, file in enumerate(told):
            if first is None or file.wall_ns - told[boot - 1].wall_ns > _ONE_BOOT_NS:
                offset_ns = min(max(file.wall_ns - _nanoseconds(ahead_s), -_MOST_OFFSET_NS), _MOST_OFFSET_NS)
                first = Clock(f"{host}/{machine}/{boot}", offset_ns, error_ns)
            found[id(file)] = first
        for file in own:
            found.setdefault(id(file), Clock(f"{host}/{machine}/{file.path}", 0, _MOST_ERROR_NS))
    return [found[id(file)] for file in files]


def _nanoseconds(seconds: float) -> int:
    return round(min(max(seconds * _NANOSECONDS, -_MOST_ERROR_NS), _MOST_ERROR_NS))
