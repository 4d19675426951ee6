"""Lies of a proxy: each class plants one kind of violation."""

# ruff: noqa: ARG002 - all lies have the signatures of Lie

import struct
from typing import Final

from benchmarks.lying_proxy import Connection, Lie, Request, header, reply_frame
from zk_locust.clients.native import jute, protocol
from zk_locust.clients.native.requests import SetData

NO_NODE: Final = -101
_STAT_BYTES: Final = jute.STAT.size


class DroppedWrite(Lie):
    """A write is acknowledged and not carried out: the server gets a question in its place."""

    def __init__(self, begins_after: int = 20) -> None:
        super().__init__(begins_after)
        self._dropped: Request | None = None

    def request(self, connection: Connection, request: Request) -> bytes:
        """Ask for the stat in place of the write."""
        if request.opcode == protocol.SET_DATA and self.is_time():
            self._dropped = request
            return protocol.request_frame(request.xid, protocol.EXISTS, jute.string(request.path) + b"\0")
        return request.frame

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Make the stat that of the write."""
        if request is not self._dropped:
            return [frame]
        xid, zxid, code = header(frame)
        stat = list(jute.STAT.unpack_from(frame, jute.RECORD))
        stat[1], stat[4] = zxid + 1, stat[4] + 1
        return [reply_frame(xid, zxid + 1, code, jute.STAT.pack(*stat))]


class StaleRead(Lie):
    """A session reads a value, and then an older one."""

    def __init__(self, begins_after: int = 20) -> None:
        super().__init__(begins_after)
        self._first: dict[str, bytes] = {}
        self._seen: dict[tuple[Connection, str], bytes] = {}

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Give the record of the first reading to a connection that has read a newer one."""
        if request.opcode != protocol.GET_DATA or header(frame)[2]:
            return [frame]
        asked, record = (connection, request.path), frame[jute.RECORD :]
        first = self._first.setdefault(request.path, record)
        has_read = self._seen.get(asked, first)
        self._seen[asked] = record
        if has_read[-_STAT_BYTES:] == first[-_STAT_BYTES:] or not self.is_time():
            return [frame]
        return [reply_frame(*header(frame), first)]


class SwappedReplies(Lie):
    """Two replies to one session are swapped, with their numbers put right, as by a server that mixes them up."""

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Hold a reply back until the next one, where another request is under way."""
        is_write = request.opcode == protocol.SET_DATA and not header(frame)[2]
        if connection.held and is_write:
            first = connection.held.pop()
            return [_with_xid(frame, header(first)[0]), _with_xid(first, header(frame)[0])]
        if connection.held:
            return [connection.held.pop(), frame]
        others = [each.opcode for each in connection.requests.values() if each is not request]
        if is_write and others == [protocol.SET_DATA] and self.is_time():
            connection.held.append(frame)
            return []
        return [frame]


def _with_xid(frame: bytes, xid: int) -> bytes:
    return frame[:4] + jute.INT.pack(xid) + frame[8:]


class LostEvent(Lie):
    """A watch event does not come."""

    def event(self, connection: Connection, frame: bytes) -> list[bytes]:
        """Drop it."""
        return [] if self.is_time() else [frame]


class DoubledEvent(Lie):
    """A watch event comes twice."""

    def event(self, connection: Connection, frame: bytes) -> list[bytes]:
        """Double it."""
        return [frame, frame] if self.is_time() else [frame]


class LateEvent(Lie):
    """A watch event comes after a reply that shows the change."""

    def __init__(self, begins_after: int = 20) -> None:
        super().__init__(begins_after)
        self._path = ""

    def event(self, connection: Connection, frame: bytes) -> list[bytes]:
        """Hold it back."""
        if self.is_time():
            connection.held.append(frame)
            return []
        return [frame]

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Let it follow the next reply."""
        held, connection.held = connection.held, []
        return [frame, *held]


class KeptEphemeral(Lie):
    """An ephemeral node is shown after the end of its session."""

    def __init__(self, begins_after: int = 20) -> None:
        super().__init__(begins_after)
        self._shown: dict[str, bytes] = {}

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Show the node as it was."""
        if request.opcode != protocol.EXISTS:
            return [frame]
        xid, zxid, code = header(frame)
        if not code and any(struct.unpack_from("!q", frame, jute.RECORD + 44)):
            self._shown[request.path] = frame[jute.RECORD :]
        if code == NO_NODE and request.path in self._shown and self.is_time():
            return [reply_frame(xid, zxid, 0, self._shown[request.path])]
        return [frame]


class LostEphemeral(Lie):
    """An ephemeral node is not shown although its session lives, to one that has seen it."""

    def __init__(self, begins_after: int = 20) -> None:
        super().__init__(begins_after)
        self._shown: set[tuple[Connection, str]] = set()

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Deny the node."""
        xid, zxid, code = header(frame)
        if request.opcode != protocol.EXISTS or code or not any(struct.unpack_from("!q", frame, jute.RECORD + 44)):
            return [frame]
        asked = (connection, request.path)
        seen = asked in self._shown
        self._shown.add(asked)
        return [reply_frame(xid, zxid, NO_NODE)] if seen and self.is_time() else [frame]


class HalvedTransaction(Lie):
    """Of a transaction with two writes only the first is carried out."""

    def __init__(self, begins_after: int = 20) -> None:
        super().__init__(begins_after)
        self._halved: Request | None = None

    def request(self, connection: Connection, request: Request) -> bytes:
        """Leave out the last step."""
        if request.opcode != protocol.MULTI or not self.is_time():
            return request.frame
        self._halved = request
        step = protocol.REQUEST.size + 9  # behind the header of the first step
        path, at = jute.string_at(request.frame, step)
        value, _ = jute.buffer_at(request.frame, at)
        first = SetData(path, value)
        body = _step(first.opcode) + jute.string(path) + jute.buffer(value) + jute.INT.pack(-1) + _step(-1, done=True)
        return protocol.request_frame(request.xid, protocol.MULTI, body)

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Answer the last step too."""
        if request is not self._halved:
            return [frame]
        one = frame[jute.RECORD : jute.RECORD + 9 + _STAT_BYTES]
        return [reply_frame(*header(frame), one + one + _step(-1, done=True))]


class HalvedWithoutReply(HalvedTransaction):
    """Such a transaction is halved on a node of the sender's own, and the connection ends before the reply."""

    def request(self, connection: Connection, request: Request) -> bytes:
        """Leave out the last step, where nobody else writes the node of the first one."""
        is_own = request.opcode == protocol.MULTI and OWN.encode() in request.frame
        return super().request(connection, request) if is_own else request.frame

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Keep the reply."""
        if request is not self._halved:
            return [frame]
        connection.cut()
        return []


OWN: Final = "/own-"
"""How the names of nodes begin that only one session writes."""


def _step(opcode: int, *, done: bool = False) -> bytes:
    return struct.pack("!ibi", opcode, done, -1)


class HiddenChild(Lie):
    """A list of children lacks one."""

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Leave out the last name."""
        if request.opcode not in _LISTS or header(frame)[2]:
            return [frame]
        names, rest = _names(frame)
        if not names or not self.is_time():
            return [frame]
        return [reply_frame(*header(frame), jute.strings(names[:-1]) + rest)]


class InventedChild(Lie):
    """A list of children has one that nobody has created."""

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Add a name."""
        if request.opcode not in _LISTS or header(frame)[2] or not self.is_time():
            return [frame]
        names, rest = _names(frame)
        return [reply_frame(*header(frame), jute.strings([*names, "invented"]) + rest)]


_LISTS: Final = (protocol.GET_CHILDREN, protocol.GET_CHILDREN2)


def _names(frame: bytes) -> tuple[list[str], bytes]:
    """Return the names of a list of children, and what follows them."""
    at, names = jute.RECORD + 4, []
    for _ in range(jute.INT.unpack_from(frame, jute.RECORD)[0]):
        name, at = jute.string_at(frame, at)
        names.append(name)
    return names, frame[at:]


class ReusedSequence(Lie):
    """A sequential node gets the number of an earlier one."""

    def __init__(self, begins_after: int = 20) -> None:
        super().__init__(begins_after)
        self._made: bytes = b""

    def reply(self, connection: Connection, request: Request, frame: bytes) -> list[bytes]:
        """Give the earlier name."""
        if request.opcode != protocol.CREATE or header(frame)[2] or not frame[-10:].isdigit():
            return [frame]
        earlier, self._made = self._made, frame[jute.RECORD :]
        if len(earlier) == len(self._made) and self.is_time():
            return [reply_frame(*header(frame), earlier)]
        return [frame]
