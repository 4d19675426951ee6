"""A proxy between clients and a ZooKeeper server that tells one lie: each class plants one kind of violation.

It reads the frames of the wire protocol in both directions. A lie sees each request with its reply, and each watch
event, and may change what goes on. It lies once; `told` says whether it has.
"""

# ruff: noqa: ARG002 - all lies have the signatures of Lie

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from zk_locust.clients.native import jute, protocol
from zk_locust.clients.native.requests import SetData

NO_NODE: Final = -101
_STAT_BYTES: Final = jute.STAT.size


class Request:
    """A request of a client: `frame` with its length in front. `path` is empty for one that has none."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        _, self.xid, self.opcode = protocol.REQUEST.unpack_from(frame)
        self.path = ""
        if self.opcode in _WITH_PATH:
            with contextlib.suppress(*jute.MALFORMED):
                self.path = jute.string_at(frame, protocol.REQUEST.size)[0]


_WITH_PATH: Final = (
    protocol.CREATE, protocol.DELETE, protocol.EXISTS, protocol.GET_DATA, protocol.SET_DATA, protocol.GET_CHILDREN,
)  # fmt: skip


class Lie:
    """Tells the truth. `begins_after` says how many occasions pass before it lies."""

    def __init__(self, begins_after: int = 20) -> None:
        self._wait = begins_after
        self.told = False
        self.lock = threading.Lock()

    def is_time(self) -> bool:
        """Count an occasion; return whether to lie now."""
        self._wait -= 1
        if self.told or self._wait > 0:
            return False
        self.told = True
        return True

    def request(self, connection: "Connection", request: Request) -> bytes:
        """Return what the server gets in place of the request."""
        return request.frame

    def reply(self, connection: "Connection", request: Request, frame: bytes) -> list[bytes]:
        """Return what the client gets in place of the reply."""
        return [frame]

    def event(self, connection: "Connection", frame: bytes) -> list[bytes]:
        """Return what the client gets in place of a watch event."""
        return [frame]


class Connection:
    """One client's connection: requests under way by xid, and what is held back."""

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self.held: list[bytes] = []


def header(frame: bytes) -> tuple[int, int, int]:
    """Return xid, zxid and error code of a reply."""
    _, xid, zxid, code = jute.REPLY.unpack_from(frame)
    return xid, zxid, code


def reply_frame(xid: int, zxid: int, code: int, record: bytes = b"") -> bytes:
    """Return the frame of a reply."""
    return jute.REPLY.pack(16 + len(record), xid, zxid, code) + record


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


def _step(opcode: int, *, done: bool = False) -> bytes:
    return struct.pack("!ibi", opcode, done, -1)


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


class LyingProxy:
    """Listens on loopback while the context lasts."""

    def __init__(self, port: int, lie: Lie) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lie = lie
        self._open: list[socket.socket] = []

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "LyingProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target, 5)
                server.settimeout(None)
                self._open += [client, server]
                connection = Connection()
                for carry in (self._carry_requests, self._carry_replies):
                    threading.Thread(target=carry, args=(connection, client, server), daemon=True).start()

    def _carry_requests(self, connection: Connection, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for number, frame in enumerate(_frames(client)):
                if number:
                    request = Request(frame)
                    with self._lie.lock:
                        if request.xid > 0:
                            connection.requests[request.xid] = request
                        frame = self._lie.request(connection, request)
                server.sendall(frame)
        _end(server)

    def _carry_replies(self, connection: Connection, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for number, frame in enumerate(_frames(server)):
                frames = [frame]
                if number:
                    xid = header(frame)[0]
                    with self._lie.lock:
                        request = connection.requests.get(xid)
                        if xid == protocol.XID_EVENT:
                            frames = self._lie.event(connection, frame)
                        elif request is not None:
                            frames = self._lie.reply(connection, request, frame)
                            del connection.requests[xid]
                client.sendall(b"".join(frames))
        _end(client)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _frames(source: socket.socket) -> Iterator[bytes]:
    """Yield each frame with its length in front, until the other side ends."""
    held = b""
    while piece := source.recv(65_536):
        held += piece
        while len(held) >= 4 and len(held) >= (size := 4 + jute.INT.unpack_from(held)[0]):
            yield held[:size]
            held = held[size:]
