"""Histories of a made-up ensemble: correct unless a test changes a record."""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reporting.consistency.check import Clocks, History, check
from reporting.consistency.history_file import RECORD, HistoryFile
from zk_locust.contract import history_format as history

WALL_NS = 1_700_000_000 * 10**9
ROOT = "/root"
X, Y, LOCK = f"{ROOT}/x", f"{ROOT}/y", f"{ROOT}/lock"
"""Three of its nodes; the last one is the folder of a lock."""
MEMBER = "zk1:2181"
"""Whose nodes are read at the end."""
A, B, C = 0xA, 0xB, 0xC
"""Three sessions."""


class Node:
    """A node of the made-up ensemble."""

    def __init__(self, zxid: int, value: str, owner: int = 0) -> None:
        self.czxid = self.mzxid = zxid
        self.version = 0
        self.value = value
        self.owner = owner


class Story:
    """What some sessions do, one after the other; `records` have what was recorded of it, in their order.

    Each method takes changes of its record, and returns its number.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.paths = [""]
        self.zxid = 0x100
        self.now = 1_000
        self.nodes: dict[str, Node] = {}
        self.members: list[str] = []
        """That the final reads were to ask."""
        self._xids: dict[int, int] = {}

    def get(self, session: int, path: str, **changes: Any) -> int:
        """Read a node."""
        return self._read(session, history.GET, path, changes)

    def exists(self, session: int, path: str, **changes: Any) -> int:
        """Ask for a node."""
        return self._read(session, history.EXISTS, path, changes)

    def list(self, session: int, path: str, *, without: str = "", also: Sequence[str] = (), **changes: Any) -> int:
        """Ask for the children of a node: all that there are, but for one, and more."""
        names = [each.rpartition("/")[2] for each in self.nodes if each.rpartition("/")[0] == path]
        names = [name for name in (*names, *also) if name != without]
        told = {"version": len(names), "digest": sum(map(digest, names)) & 0xFFFFFFFF}
        return self._add(session, history.GET_CHILDREN | history.NAMES, path, told | changes)

    def watch(self, session: int, path: str, **changes: Any) -> int:
        """Read a node and set a watch."""
        return self._read(session, history.GET | history.WATCH, path, changes)

    def event(self, session: int, path: str, kind: int = 3, **changes: Any) -> int:
        """Be told of a change."""
        return self._add(session, history.EVENT, path, {"xid": -1, "zxid": -1, "result": kind, "sent": 0} | changes)

    def set(self, session: int, path: str, value: str, **changes: Any) -> int:
        """Write a node."""
        self.zxid += 1
        node = self.nodes[path]
        node.mzxid, node.version, node.value = self.zxid, node.version + 1, value
        return self._add(session, history.SET | history.STAT, path, self._stat(node) | changes)

    def create(self, session: int, path: str, value: str = "", flags: int = 0, **changes: Any) -> int:
        """Make a node."""
        self.zxid += 1
        self.nodes[path] = Node(self.zxid, value, session if flags & history.EPHEMERAL else 0)
        return self._add(session, history.CREATE | flags, path, {"digest": digest(value)} | changes)

    def carry_out_removal(self, path: str) -> None:
        """Remove a node without a record, as of a removal whose reply was lost."""
        self.zxid += 1
        del self.nodes[path]

    def delete(self, session: int, path: str, **changes: Any) -> int:
        """Remove a node."""
        self.carry_out_removal(path)
        return self._add(session, history.DELETE, path, changes)

    def fail(self, session: int, kind: int, path: str, value: str = "", **changes: Any) -> int:
        """Write without success; by default without a reply."""
        told = {"digest": digest(value), "result": history.UNDECIDED, "zxid": 0, "xid": 0}
        return self._add(session, kind, path, told | changes)

    def sync(self, session: int, **changes: Any) -> int:
        """Have the member catch up."""
        return self._add(session, history.SYNC, ROOT, changes)

    def close(self, session: int, **changes: Any) -> int:
        """End a session, with its ephemeral nodes."""
        self.zxid += 1
        self.nodes = {path: node for path, node in self.nodes.items() if node.owner != session}
        return self._add(session, history.CLOSED, "", changes)

    def note(self, session: int, kind: int, path: str = "", **changes: Any) -> int:
        """Note what has happened to a session."""
        return self._add(session, kind, path, {"xid": 0, "zxid": 0} | changes)

    def read_all(self, *others: str, without: str = "") -> "Story":
        """Return the final reads of a member, as the story of another file; and those of others, without a node."""
        final = Story()
        final.zxid, final.now, final.nodes = self.zxid, self.now + 1_000, self.nodes
        final.read_member(0xF, MEMBER)
        for number, member in enumerate(others):
            final.read_member(0xF0 + number, member, without=without)
        return final

    def read_member(self, session: int, member: str, *, without: str = "") -> None:
        """Read all nodes of a member, except one that it lacks."""
        self.members.append(member)
        self.sync(session)
        for path in self.nodes:
            if path != without:
                self.get(session, path)
        self.note(session, history.ALL_READ, member)

    def check(
        self, folder: Path, *others: "Story", clocks: Clocks | None = None, complete: bool = True, ended: bool = True
    ) -> History:
        """Write the stories, each as the file of a host, and check them; without `ended`, the first one is cut."""
        files = []
        for number, story in enumerate((self, *others)):
            is_final = any(record["what"] == history.ALL_READ for record in story.records)
            path = folder / f"host-{number}" / history.file_name("final" if is_final else "worker-1")
            story.write(path, process="final" if is_final else "worker-1", ended=ended or number > 0)
            files.append(HistoryFile(path, path.parent.name))
        return check(files, clocks or {}, folder, complete=complete)

    def write(
        self, path: Path, *, process: str = "worker-1", ended: bool = True, about: Mapping[str, Any] | None = None
    ) -> None:
        """Write the story as a file, with more `about` it in its header."""
        path.parent.mkdir(parents=True, exist_ok=True)
        records = np.zeros(len(self.records), RECORD)
        for number, record in enumerate(self.records):
            for name, value in record.items():
                records[number][name] = value
        members = {"members": self.members} if self.members else {}
        told = {"process": process, "root": ROOT, **members, **(about or {})}
        path.write_bytes(content(records, self.paths[1:], told, ended=ended))

    def _read(self, session: int, what: int, path: str, changes: dict[str, Any]) -> int:
        node = self.nodes.get(path)
        if node is None:
            return self._add(session, what, path, {"result": history.NO_NODE} | changes)
        return self._add(session, what | history.STAT, path, self._stat(node) | changes)

    @staticmethod
    def _stat(node: Node) -> dict[str, Any]:
        return {
            "mzxid": node.mzxid, "czxid": node.czxid, "version": node.version, "digest": digest(node.value),
        }  # fmt: skip

    def _add(self, session: int, what: int, path: str, changes: Mapping[str, Any]) -> int:
        if path and path not in self.paths:
            self.paths.append(path)
        self.now += 10
        xid = self._xids[session] = self._xids.get(session, 0) + 1
        record = {
            "sent": self.now - 5, "arrived": self.now, "session": session, "zxid": self.zxid, "xid": xid, "what": what,
            "path": self.paths.index(path),
        }  # fmt: skip
        self.records.append(record | dict(changes))
        return len(self.records) - 1


def digest(value: str) -> int:
    """Return the digest of a value."""
    return zlib.crc32(value.encode())


def block(flags: int, table: bytes, paths: int, records: bytes, count: int, check_sum: int | None = None) -> bytes:
    """Return a block of a file."""
    check_sum = zlib.crc32(table + records) if check_sum is None else check_sum
    clocks = (WALL_NS, 0)
    head = history.BLOCK.pack(history.BLOCK_MARK, flags, paths, len(table), count, *clocks, check_sum)
    return head + table + records


def content(records: Any, paths: Sequence[str], about: Mapping[str, Any], *, ended: bool = True) -> bytes:
    """Return a file with these records in one block."""
    header = json.dumps(about).encode()
    table = b"".join(path.encode() + history.PATH_END for path in paths)
    parts = [
        history.MAGIC + history.HEADER_LENGTH.pack(len(header)) + header,
        block(history.NEW_TABLE, table, len(paths), records.tobytes(), len(records)),
        block(history.LAST, b"", 0, b"", len(records)) if ended else b"",
    ]
    return b"".join(parts)


def begun() -> Story:
    """A story with two nodes and three sessions that have seen them."""
    story = Story()
    story.create(A, ROOT)
    story.create(A, X, "0")
    story.create(A, Y, "0")
    for session in (A, B, C):
        story.get(session, X)
    return story


def two_holders(story: Story) -> None:
    """Have two sessions hold a lock at one time, and live on."""
    for what in (history.HELD, history.RELEASED):
        for session in (A, B):
            story.note(session, what, LOCK)
    for session in (A, B):
        story.set(session, X, f"{session} has released it")
