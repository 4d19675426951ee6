"""Makes a history of any size as an ensemble without faults would give it, quickly, for the cost of its check."""

import json
import time
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np

from zk_locust.contract import history_format as history

_FIRST_ZXID: Final = 0x100000000
_BLOCK: Final = 256
_STEP_NS: Final = 20_000

Array = np.ndarray[Any, Any]


def make(folder: Path, operations: int, *, files: int = 4, sessions: int = 256, nodes: int = 10_000) -> None:
    """Write history files of gets and sets, half of each, over nodes that were there before."""
    folder.mkdir(parents=True, exist_ok=True)
    base = time.time_ns()
    writers = [_File(folder / history.file_name(f"worker-{number + 1}"), nodes, base) for number in range(files)]
    random = np.random.default_rng(7)
    version = np.zeros(nodes, np.int64)
    mzxid = np.full(nodes, _FIRST_ZXID - 1)
    digest = np.zeros(nodes, np.int64)
    zxid, xid, start = _FIRST_ZXID, 1, 0
    while start < operations:
        count = min(1_000_000 // sessions * sessions, operations - start)
        piece = np.zeros(count, np.dtype(history.FIELDS))
        node = random.integers(0, nodes, count)
        writes = random.random(count) < 0.5
        number = np.arange(start, start + count)
        piece["zxid"] = zxid + np.cumsum(writes)
        values = random.integers(1, 1 << 32, count)
        for name, before, new in (
            ("version", version, np.ones(count, np.int64)),
            ("mzxid", mzxid, piece["zxid"]),
            ("digest", digest, values),
        ):
            piece[name] = _as_seen(node, writes, before, new, adds=name == "version")
        piece["sent"] = (number + 1) * _STEP_NS
        piece["arrived"] = piece["sent"] + _STEP_NS - 1
        session = number % sessions
        piece["session"] = 0x100000000000 + session
        piece["xid"] = xid + np.arange(count) // sessions
        piece["czxid"] = 1
        piece["path"] = node + 1
        piece["what"] = np.where(writes, history.SET, history.GET) | history.STAT
        for place, writer in enumerate(writers):
            writer.write(piece[session % files == place])
        zxid, xid, start = int(piece["zxid"][-1]), xid + count // sessions + 1, start + count
    for writer in writers:
        writer.end()


def _as_seen(node: Array, writes: Array, before: Array, new: Array, *, adds: bool) -> Array:
    """Return each operation's value of its node, after its own write; `before` is kept up to date."""
    order = np.argsort(node, kind="stable")
    of, is_write = node[order], writes[order]
    if adds:
        total = np.cumsum(is_write)
        first = np.searchsorted(of, of)
        seen = before[of] + total - total[first] + is_write[first]
    else:
        last = np.maximum.accumulate(np.where(is_write, np.arange(len(of)), -1))
        own = (last >= 0) & (of[last] == of)
        seen = np.where(own, new[order][last], before[of])
    ends = np.flatnonzero(np.append(of[1:] != of[:-1], True))
    before[of[ends]] = seen[ends]
    found = np.zeros(len(of), np.int64)
    found[order] = seen
    return found


class _File:
    def __init__(self, path: Path, nodes: int, base: int) -> None:
        self._file = path.open("wb")
        header = json.dumps({"process": path.stem, "root": "/made"}).encode()
        self._file.write(history.MAGIC + history.HEADER_LENGTH.pack(len(header)) + header)
        self._count = 0
        self._base = base
        # A table comes with records that use it, so the first block is longer.
        self._paths = [f"/made/folder-{node % 100}/node-{node}" for node in range(nodes)]

    def write(self, records: Array) -> None:
        start = 0
        while start < len(records):
            length = len(self._paths) or _BLOCK
            content = records[start : start + length].tobytes()
            table = b"".join(name.encode() + history.PATH_END for name in self._paths)
            self._block(history.NEW_TABLE if table else 0, table, len(self._paths), content)
            self._paths = []
            start += length
        self._count += len(records)

    def _block(self, flags: int, table: bytes, paths: int, content: bytes) -> None:
        records = len(content) // np.dtype(history.FIELDS).itemsize
        check = zlib.crc32(content, zlib.crc32(table))
        head = history.BLOCK.pack(history.BLOCK_MARK, flags, paths, len(table), records, self._base, 0, check)
        self._file.write(head + table + content)

    def end(self) -> None:
        """Write the last block."""
        self._file.write(history.BLOCK.pack(history.BLOCK_MARK, history.LAST, 0, 0, self._count & 0xFFFFFFFF, 0, 0, 0))
        self._file.close()
