"""Checks the history of a run: reads each file once, spreads the records by node, and checks the nodes piece by piece.

Time is linear in the number of operations, but for sorting within a piece. Memory holds a piece, and 35 bytes for each
write: the check of real time needs all writes in one order.
"""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from reporting.consistency.found import Findings
from reporting.consistency.history_file import Chunk, HistoryError, HistoryFile
from reporting.consistency.locks import Locks
from reporting.consistency.node_checks import CHANGE_CHECKS, READ_CHECKS, NodeCheck
from reporting.consistency.nodes import RECORD, Context, Nodes, Unknown
from reporting.consistency.order import WRITES, Clock, Order
from reporting.consistency.sessions import Sessions
from reporting.consistency.watch_checks import check_watches
from zk_locust.contract import history_format as history

Array = np.ndarray[Any, Any]

PIECE_RECORDS: Final = 400_000
MOST_RECORDS: Final = 4 * PIECE_RECORDS
_MOST_PIECES: Final = 512
_NANOSECONDS: Final = 1e9
_NO_CLOCK_NS: Final = 1 << 61

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
    final_zxid: int = 0
    """The transaction after which all nodes were read; 0 if they were not all read."""


@dataclass(slots=True)
class _Pass:
    """What the first pass collects."""

    pieces: "_Pieces"
    root: str
    sessions: Sessions = field(default_factory=Sessions)
    order: Order = field(default_factory=Order)
    locks: Locks = field(default_factory=Locks)
    sequential: set[int] = field(default_factory=set)
    synced: int = 0


def check(files: list[HistoryFile], clocks: Clocks, work: Path, *, complete: bool) -> History:
    """Check files of one load. `work` is a folder for temporary files; `complete` says whether all files are there.

    A file that cannot be read to its end counts up to there, and the history is then not complete.
    """
    checked = History(files)
    root = next((root for file in files if (root := _root_of(file))), "")
    records = sum(file.path.stat().st_size for file in files) // 70
    with tempfile.TemporaryDirectory(prefix=".consistency-", dir=work) as folder:
        first = _Pass(_Pieces(Path(folder), records), root)
        for number, file in enumerate(files):
            try:
                for chunk in file.chunks(root):
                    _take(chunk, number, first, checked)
            except HistoryError as error:
                checked.refused.append(f"{file.name}: {error}")
            else:
                checked.cut += [] if file.ended else [file.name]
        columns = first.sessions.columns()
        context = Context(
            columns,
            first.sessions.first_zxid,
            complete and not (checked.refused or checked.cut or checked.unrecorded),
            checked.final_zxid,
            frozenset(first.sequential),
        )
        checked.sessions, checked.writes = int((columns.ids != 0).sum()), first.order.writes
        of_files = clocks_of(files, clocks)
        first.order.check(of_files, checked.found)
        first.locks.check(of_files, columns, checked.found)
        for rows in first.pieces.each():
            _check_nodes(rows, context, checked.found)
    return checked


def _check_nodes(rows: Array, context: Context, found: Findings) -> None:
    """Check all records of some nodes. Too many reads, as of a node that all users read, are checked in parts."""
    parts: Iterable[Array] = [rows]
    changes = rows
    if len(rows) > MOST_RECORDS:
        is_change = np.isin(rows["what"] & history.KIND_MASK, WRITES)
        is_watch = ((rows["what"] & history.WATCH) > 0) | ((rows["what"] & history.KIND_MASK) == history.EVENT)
        changes = rows[is_change | is_watch | rows["final"]]
        own, reads = rows[is_change], np.flatnonzero(~is_change)
        starts = range(0, len(reads), MOST_RECORDS)
        parts = (np.concatenate([own, rows[reads[start : start + MOST_RECORDS]]]) for start in starts)
    unknown = Unknown()
    changed = Nodes(changes, context, unknown)
    _run((*CHANGE_CHECKS, check_watches), changed, found)
    for part in parts:
        _run(READ_CHECKS, changed if part is rows else Nodes(part, context, unknown), found)


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
    kind = records["what"] & history.KIND_MASK
    is_operation = kind < history.EVENT
    name = checked.files[number].name
    if name not in checked.unrecorded and (kind == history.UNRECORDED).any():
        checked.unrecorded.append(name)
    checked.operations += int(is_operation.sum())
    checked.events += int((kind == history.EVENT).sum())
    undecided = is_operation & (records["result"] == history.UNDECIDED)
    checked.undecided += int(undecided.sum())
    unnamed = undecided & ((records["what"] & history.SEQUENCE) > 0)
    first.sequential.update(int(digest) for digest in records["digest"][unnamed])
    is_final = checked.files[number].process == "final"
    if is_final:
        first.synced = int(max(records["zxid"][kind == history.SYNC], default=first.synced))
        if (kind == history.ALL_READ).any():
            checked.final_zxid = first.synced
    of_nodes = np.flatnonzero(is_operation | (kind == history.EVENT))
    of_children = np.flatnonzero(np.isin(kind, WRITES) & (kind != history.SET) & (records["result"] == 0))
    for at, is_child in ((of_nodes, False), (of_children, True)):
        rows = np.zeros(len(at), RECORD)
        for name in ("zxid", "mzxid", "czxid", "session", "version", "digest", "what", "result"):
            rows[name] = records[name][at]
        rows["key"] = (chunk.parent if is_child else chunk.key)[at]
        rows["seen"], rows["place"], rows["below"] = seen[at], places[at], chunk.below[at]
        rows["final"], rows["child"] = is_final, is_child
        if is_child:
            rows["version"] = np.clip(chunk.number[at], -1, np.iinfo(np.int32).max)
        first.pieces.take(rows)


def clocks_of(files: list[HistoryFile], clocks: Clocks) -> list[Clock]:
    """Return the clock of each file; all files of a host have one, which was read with the first of them."""
    of_host: dict[str, list[HistoryFile]] = {}
    for file in files:
        of_host.setdefault(file.host, []).append(file)
    found = {}
    for host, own in of_host.items():
        ahead_s, error_s = clocks.get(host, (0.0, 0.0))
        # A file that could not be read to its end tells of no clock.
        walls = [file.wall_ns for file in own if file.wall_ns]
        if not walls:
            found[host] = Clock(host, 0, _NO_CLOCK_NS)
            continue
        moved_ns = max(walls) - min(walls) + max(file.wall_spread_ns for file in own)
        offset_ns = walls[0] - round(ahead_s * _NANOSECONDS)
        found[host] = Clock(host, offset_ns, round(error_s * _NANOSECONDS) + moved_ns)
    return [found[file.host] for file in files]


class _Pieces:
    """Records spread over temporary files, so that all of a node are in one, and each fits into memory."""

    def __init__(self, folder: Path, records: int) -> None:
        wanted = min(max(records * 3 // 2 // PIECE_RECORDS, 1), _MOST_PIECES)
        self._bits = (wanted - 1).bit_length()
        self._files = [folder / str(number) for number in range(1 << self._bits)]

    def take(self, rows: Array) -> None:
        """Take records."""
        if not self._bits:
            self._append(0, rows)
            return
        number = (rows["key"] >> np.uint64(64 - self._bits)).astype(np.int64)
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(len(self._files) + 1))
        rows = rows[order]
        for piece in range(len(self._files)):
            if bounds[piece] < bounds[piece + 1]:
                self._append(piece, rows[bounds[piece] : bounds[piece + 1]])

    def _append(self, piece: int, rows: Array) -> None:
        with self._files[piece].open("ab") as file:
            file.write(rows.tobytes())

    def each(self) -> Any:
        """Yield the records of each piece, and remove its file."""
        for file in self._files:
            if file.exists():
                yield np.memmap(file, RECORD, "r")
                file.unlink()
