"""The history of a process: rows of its clients become records of a file, many at once (`contract/history_format.py`).

To make one record alone takes longer than to send a request. So clients only keep a row for each operation, and numpy
makes a block of them: of about a thousand, or every 250 ms, so that a killed process loses no more. A block costs as
much as 75 rows, however few it has. Nothing is compressed here, which would cost half a microsecond for each operation:
the pack that brings the file is.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import time
from pathlib import Path
from typing import IO, Any, Final

import gevent
import numpy as np
from zlib_ng.zlib_ng import crc32

from zk_locust.clients.history_rows import COLUMNS
from zk_locust.contract import history_format as history
from zk_locust.load.name_sums import NameSums

MANY_ROWS: Final = 1024
LOOK_S: Final = 0.05
FLUSH_EVERY: Final = 5
"""How many looks later few rows are written too."""
MANY_BYTES: Final = 8 * 1024 * 1024
"""Of replies: then few rows are written too, as each keeps its value and its reply."""
MOST_PATHS: Final = 65_536
"""Of a table: then it starts over, so that a load with ever new nodes needs no more memory."""

_RECORD: Final = np.dtype(history.FIELDS)
# The frame of a reply: its length, xid, zxid, error code, and then a record, which may end with a stat.
_HEADER: Final = np.dtype([("length", ">i4"), ("xid", ">i4"), ("zxid", ">i8"), ("code", ">i4")])
_STAT: Final = np.dtype(
    {"names": ["czxid", "mzxid", "version"], "formats": [">i8", ">i8", ">i4"], "offsets": [0, 8, 32], "itemsize": 36}
)
_STAT_BYTES: Final = 68
_ROOM: Final = bytes(_STAT_BYTES)
_KEPT: Final = _HEADER.itemsize
# Without fields: numpy copies those one by one, which takes five times as long.
_HEADER_BYTES: Final = np.dtype(f"V{_KEPT}")
_STAT_START: Final = np.dtype(f"V{_STAT.itemsize}")
_LONG: Final = 4096

logger = logging.getLogger(__name__)


class _Paths:
    """Places of paths in a table, of which each block has those that are new in it."""

    def __init__(self) -> None:
        self._places = {"": 0}
        self._size = 1
        self._new: list[str] = []
        self.starts_over = True

    def places(self, paths: list[str]) -> list[int]:
        """Return the place of each path."""
        places = self._places
        try:
            return list(map(places.__getitem__, paths))
        except KeyError:  # all that are new at once: one by one costs twice as much
            new = list(set(paths).difference(places))
            places.update(zip(new, range(self._size, self._size + len(new)), strict=True))
            self._size += len(new)
            self._new += new
            return list(map(places.__getitem__, paths))

    def take_table(self) -> tuple[int, bytes]:
        """Return how many paths are new, and their part of a block; then none is."""
        count = len(self._new)
        if not count:
            return 0, b""
        table = "\0".join(self._new) + "\0"
        if table.count("\0") != count or max(map(len, self._new)) > history.MOST_PATH_CHARACTERS:
            table = "".join(f"{_stand_in(path) if _is_refused(path) else path}\0" for path in self._new)
        self._new.clear()
        return count, table.encode(errors="replace")

    def limit(self) -> None:
        """Let a long table start over."""
        if self._size > MOST_PATHS:
            self._places = {"": 0}
            self._size = 1
            self.starts_over = True


def _is_refused(path: str) -> bool:
    return len(path) > history.MOST_PATH_CHARACTERS or "\0" in path


def _stand_in(path: str) -> str:
    """Return a name, below no node of a load, for a path that the format does not allow."""
    return f"/\ufffd/{len(path)} characters, {hashlib.sha256(path.encode()).hexdigest()}"


def _take_replies(records: Any, replies: list[bytes], some_have_stat: bool, all_have_stat: bool) -> None:
    """Fill in what the headers of the replies tell, and the stats at their ends, of the rows that have one."""
    count = len(replies)
    lengths = np.fromiter(map(len, replies), np.int64, count)
    if lengths.sum() > MANY_BYTES:  # of long ones only the ends are wanted: the others need not be copied
        replies = [reply if len(reply) < _LONG else reply[:_KEPT] + reply[-_STAT_BYTES:] for reply in replies]
        lengths = np.fromiter(map(len, replies), np.int64, count)
    # Room in front, so that a place for a stat exists before each end.
    content = b"".join((_ROOM, *replies))
    ends = np.cumsum(lengths) + len(_ROOM)
    header = _pieces(content, _HEADER_BYTES, ends - lengths).view(_HEADER)
    records["xid"], records["zxid"], records["result"] = header["xid"], header["zxid"], header["code"]
    if some_have_stat:
        rows = slice(None) if all_have_stat else np.flatnonzero(records["what"] & history.STAT)
        stat = _pieces(content, _STAT_START, ends[rows] - _STAT_BYTES).view(_STAT)
        for name in ("mzxid", "czxid", "version"):
            records[name][rows] = stat[name]


def _pieces(content: bytes, kind: Any, starts: Any) -> Any:
    """Return the pieces of the content that start there."""
    return np.ndarray(len(content) - kind.itemsize + 1, kind, content, 0, (1,))[starts]


class Journal:
    """Writes one history file. A full disk ends the history, not the load: then the file has no end.

    Raises OSError if the file cannot be made.
    """

    def __init__(self, file: Path, **about: object) -> None:
        self.rows: list[Any] = []
        self._paths = _Paths()
        self._names = NameSums()
        self._count = 0
        file.parent.mkdir(parents=True, exist_ok=True)
        self._path = file
        self._file: IO[bytes] | None = file.open("xb", buffering=0)
        header = json.dumps(about).encode()
        self._write(history.MAGIC + history.HEADER_LENGTH.pack(len(header)) + header)
        self._flushing: Any = gevent.spawn(self._flush_again_and_again)

    def flush(self) -> None:
        """Write what has been noted."""
        rows = self.rows
        if not rows:
            return
        taken = rows[:]
        rows.clear()
        most = history.MOST_RECORDS * COLUMNS
        while len(taken) > most:
            self._try_block(taken[:most])
            del taken[:most]
        self._try_block(taken)

    def _try_block(self, rows: list[Any]) -> None:
        """Write a block, unless the history has ended. It ends with the first error: the load goes on."""
        if self._file is None:
            return
        try:
            self._write_block(rows)
        except Exception as error:
            self._end_early(repr(error))

    def end(self) -> None:
        """Write the rest, and say that this is all."""
        self._flushing.kill(block=False)
        self.flush()
        if self._file is not None:
            self._write(self._block(history.LAST, b"", 0, self._count, b""))
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush_again_and_again(self) -> None:
        while True:
            for _ in range(FLUSH_EVERY):
                gevent.sleep(LOOK_S)
                rows = self.rows
                if len(rows) >= MANY_ROWS * COLUMNS or sum(map(len, rows[6::COLUMNS])) > MANY_BYTES:
                    self.flush()
            self.flush()

    def _write_block(self, rows: list[Any]) -> None:
        paths = self._paths
        paths.limit()
        replies = rows[6::COLUMNS]
        count = len(replies)
        records = np.zeros(count, _RECORD)
        what = rows[3::COLUMNS]
        kinds = set(what)  # few: what holds for all of them need not be looked for in each row
        records["what"] = what if len(kinds) > 1 else what[0]
        for column, name in enumerate(("sent", "arrived", "session")):
            records[name] = rows[column::COLUMNS]
        records["path"] = paths.places(rows[4::COLUMNS])
        records["digest"] = list(map(crc32, rows[5::COLUMNS]))
        if any(kind & history.NAMES for kind in kinds):
            for row in np.flatnonzero(records["what"] & history.NAMES).tolist():
                records["version"][row], records["digest"][row] = self._names.of(replies[row][_KEPT:])
        have_stat = {kind & history.STAT for kind in kinds}
        _take_replies(records, replies, any(have_stat), all(have_stat))
        self._count += count
        new, table = paths.take_table()
        flags = history.NEW_TABLE if paths.starts_over else 0
        self._write(self._block(flags, table, new, count, records.view(np.uint8).data))
        paths.starts_over = False

    @staticmethod
    def _block(flags: int, table: bytes, paths: int, records: int, content: bytes | memoryview) -> bytes:
        check = crc32(content, crc32(table))
        clocks = time.time_ns(), time.perf_counter_ns()
        head = history.BLOCK.pack(history.BLOCK_MARK, flags, paths, len(table), records, *clocks, check)
        return b"".join((head, table, content))

    def _write(self, content: bytes) -> None:
        file = self._file
        assert file is not None
        try:
            if file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._end_early(os.strerror(error.errno or errno.EIO))

    def _end_early(self, why: str) -> None:
        file, self._file = self._file, None
        logger.error("The history %s ends here, it cannot be written (%s)", self._path, why)
        if file is not None:
            with contextlib.suppress(OSError):  # closing writes again
                file.close()
