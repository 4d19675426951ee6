"""Reads a history file (`zk_locust.contract.history_format`), in chunks. The host that wrote it is not trusted."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pandas as pd
from zlib_ng.zlib_ng import crc32

from zk_locust.contract import history_format as history

RECORD: Final = np.dtype(history.FIELDS)
CHUNK_RECORDS: Final = 250_000
_SEQUENCE_DIGITS: Final = 10
_LONGEST_HOST: Final = 255

Array = np.ndarray[Any, Any]


class HistoryError(ValueError):
    """The file is not a history, or damaged; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that follow one another in a file, with what their paths stand for.

    `key` and `parent` are hashes of the path and of its parent's, `number` its sequence number (-1 where it has none),
    `name` the CRC-32 of its last part,
    `below` whether it is at or below the load's root, and `first` the place of the first record in the file.
    """

    records: Array
    key: Array
    parent: Array
    number: Array
    name: Array
    below: Array
    first: int


@dataclass(slots=True)
class HistoryFile:
    """One file. After it was read to its end: whether it was `ended`, how many records it has, and its clock.

    `machine` is the host's own name, and `workers` how many processes took part, -1 where the header does not tell.
    `members` are the addresses that the final reads were to ask; empty where the header does not tell.
    `wall_ns` is the wall clock at 0 of the monotonic clock, `wall_spread_ns` by how much that has changed, and
    `last_wall_ns` when its last block was written.
    """

    path: Path
    host: str
    process: str = ""
    root: str = ""
    machine: str = ""
    workers: int = -1
    members: tuple[str, ...] = ()
    ended: bool = False
    count: int = 0
    wall_ns: int = 0
    wall_spread_ns: int = 0
    last_wall_ns: int = 0
    _walls: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Host and file, for messages."""
        return f"{self.host}/{self.path.name}"

    def chunks(self, root: str = "") -> Iterator[Chunk]:
        """Yield all records. Raises HistoryError for what cannot be; a last block that is cut is left out."""
        self.ended, self.count, self.last_wall_ns, self._walls = False, 0, 0, []
        table = _Table(root)
        waiting: list[tuple[Array, ...]] = []
        held = 0
        with self.path.open("rb") as file:
            self._read_header(file)
            while (block := self._read_block(file)) is not None:
                flags, names, records = block
                if flags & history.NEW_TABLE:
                    table = _Table(root)
                table.add(names)
                if len(records) == 0:
                    continue
                place = records["path"]
                if int(place.max()) >= table.size:
                    raise HistoryError(f"a record names path {int(place.max())} of a table of {table.size}")
                _check(records)
                waiting.append((records, *table.of(place)))
                held += len(records)
                self.count += len(records)
                if held >= CHUNK_RECORDS:
                    yield _joined(waiting, self.count - held)
                    waiting, held = [], 0
        if waiting:
            yield _joined(waiting, self.count - held)
        if self._walls:
            self.wall_ns = self._walls[0]
            self.wall_spread_ns = max(self._walls) - min(self._walls)

    def read_about(self) -> None:
        """Read the header alone. Raises HistoryError."""
        with self.path.open("rb") as file:
            self._read_header(file)

    def texts(self, places: set[int]) -> dict[int, tuple[Any, str]]:
        """Return the records at these places, with their paths."""
        found: dict[int, tuple[Any, str]] = {}
        self.ended = False
        names = [""]
        first = 0
        with self.path.open("rb") as file:
            self._read_header(file)
            while len(found) < len(places) and (block := self._read_block(file)) is not None:
                flags, new, records = block
                names = [""] if flags & history.NEW_TABLE else names
                names += new
                for place in places:
                    if first <= place < first + len(records):
                        record = records[place - first]
                        found[place] = record, names[record["path"]]
                first += len(records)
        return found

    def _read_header(self, file: IO[bytes]) -> None:
        start = file.read(len(history.MAGIC) + history.HEADER_LENGTH.size)
        if not start.startswith(history.MAGIC) or len(start) < len(history.MAGIC) + history.HEADER_LENGTH.size:
            raise HistoryError("it does not begin as a history does")
        (length,) = history.HEADER_LENGTH.unpack(start[len(history.MAGIC) :])
        if length > history.MOST_HEADER_BYTES:
            raise HistoryError(f"its header has {length} bytes")
        try:
            about = json.loads(file.read(length))
        except (ValueError, RecursionError):  # RecursionError: many nested brackets
            raise HistoryError("its header cannot be read") from None
        if not isinstance(about, dict):
            raise HistoryError("its header is no object")
        self.process, self.root = (
            str(about.get("process", ""))[:100],
            str(about.get("root", ""))[: history.MOST_PATH_CHARACTERS],
        )
        self.machine, workers = str(about.get("host", ""))[:_LONGEST_HOST], about.get("workers")
        self.workers = workers if isinstance(workers, int) and workers >= 0 else -1
        members = about.get("members")
        self.members = tuple(str(each)[:_LONGEST_HOST] for each in members) if isinstance(members, list) else ()

    def _read_block(self, file: IO[bytes]) -> tuple[int, list[str], Array] | None:
        """Return flags, new paths and records; None at the end, also where a block is cut."""
        head = file.read(history.BLOCK.size)
        if len(head) < history.BLOCK.size:
            return None
        mark, flags, count, size, records, wall, monotonic, check = history.BLOCK.unpack(head)
        if mark != history.BLOCK_MARK or flags & ~(history.NEW_TABLE | history.LAST):
            raise HistoryError("a block does not begin as one does")
        if self.ended:
            raise HistoryError("it goes on after its end")
        if not (0 <= wall < 1 << 62 and 0 <= monotonic < 1 << 61):
            raise HistoryError("a block with impossible clocks")
        self.last_wall_ns = max(self.last_wall_ns, wall)
        if flags & history.LAST:
            if size or count or records != self.count & 0xFFFFFFFF:
                raise HistoryError(f"its end tells of {records} records, and there are {self.count}")
            self.ended = True
            return None if not file.read(1) else _trailing()
        if records > history.MOST_RECORDS or size > history.MOST_PATH_BYTES or count > records:
            raise HistoryError(f"a block of {records} records and {count} paths of {size} bytes")
        content = file.read(size + records * RECORD.itemsize)
        if len(content) < size + records * RECORD.itemsize:
            return None
        if crc32(content) != check:
            raise HistoryError("the checksum of a block is wrong")
        # Counted before they are split: millions of empty paths would need much memory.
        if (there := content.count(history.PATH_END, 0, size)) != count:
            raise HistoryError(f"a table with {there} paths in place of {count}")
        names = content[:size].decode("utf-8", "replace").split("\0")[:-1] if size else []
        if any(len(name) > history.MOST_PATH_CHARACTERS for name in names):
            raise HistoryError(f"a path of more than {history.MOST_PATH_CHARACTERS} characters")
        self._walls.append(wall - monotonic)
        return flags, names, np.frombuffer(content, RECORD, records, size)


def _trailing() -> Any:
    raise HistoryError("it goes on after its end")


class _Table:
    """What each place of a table of paths stands for."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.size = 1
        self._columns: tuple[Array, ...] = (
            np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.full(1, -1, np.int64), np.zeros(1, np.uint32),
            np.zeros(1, bool),
        )  # fmt: skip

    def add(self, names: list[str]) -> None:
        """Take more paths."""
        if not names:
            return
        new = (
            keys_of(names),
            keys_of([name.rpartition("/")[0] or "/" for name in names]),
            np.array([_number(name) for name in names], np.int64),
            np.array([crc32(name.rpartition("/")[2].encode(errors="replace")) for name in names], np.uint32),
            np.array([self._is_below(name) for name in names], bool),
        )
        needed = self.size + len(names)
        if needed > len(self._columns[0]):
            self._columns = tuple(np.concatenate([one, np.zeros(needed, one.dtype)]) for one in self._columns)
        for column, values in zip(self._columns, new, strict=True):
            column[self.size : needed] = values
        self.size = needed

    def of(self, places: Array) -> tuple[Array, ...]:
        """Return keys, parents' keys, numbers, names' sums, and whether they are below the root."""
        return tuple(column[places] for column in self._columns)

    def _is_below(self, name: str) -> bool:
        return bool(self._root) and (name == self._root or name.startswith(self._root.rstrip("/") + "/"))


def keys_of(names: list[str]) -> Array:
    """Return the keys of paths."""
    return pd.util.hash_array(np.array(names, object), categorize=False)


def _number(name: str) -> int:
    digits = name[-_SEQUENCE_DIGITS:]
    return int(digits) if len(digits) == _SEQUENCE_DIGITS and digits.isascii() and digits.isdigit() else -1


def _joined(pieces: list[tuple[Array, ...]], first: int) -> Chunk:
    records, key, parent, number, name, below = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return Chunk(records, key, parent, number, name, below, first)


_KIND_IS_KNOWN: Final = np.isin(np.arange(history.KIND_MASK + 1), list(history.KINDS))

_UNKNOWN: Final = 0xFFFF & ~(history.KIND_MASK | history.KNOWN_FLAGS)


def _check(records: Array) -> None:
    what = records["what"]
    if not _KIND_IS_KNOWN[what & history.KIND_MASK].all() or (what & _UNKNOWN).any():
        raise HistoryError("a record of an unknown kind")
    if (records["arrived"] < records["sent"]).any() or (records["sent"] < 0).any():
        raise HistoryError("a record that arrived before it was sent")
    if (records["arrived"] >= 1 << 61).any() or (records["zxid"] < -1).any() or (records["mzxid"] < 0).any():
        raise HistoryError("a record with an impossible time or transaction")
