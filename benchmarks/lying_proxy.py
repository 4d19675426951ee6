"""A proxy between clients and a ZooKeeper server that tells one lie (`lies.py`).

It reads the frames of the wire protocol in both directions. A lie sees each request with its reply, and each watch
event, and may change what goes on. It lies once; `told` says whether it has.
"""

# ruff: noqa: ARG002 - all lies have the signatures of Lie

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from zk_locust.clients.native import jute, protocol


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

    def __init__(self, client: socket.socket) -> None:
        self.requests: dict[int, Request] = {}
        self.held: list[bytes] = []
        self._client = client

    def cut(self) -> None:
        """End it."""
        _end(self._client)


def header(frame: bytes) -> tuple[int, int, int]:
    """Return xid, zxid and error code of a reply."""
    _, xid, zxid, code = jute.REPLY.unpack_from(frame)
    return xid, zxid, code


def reply_frame(xid: int, zxid: int, code: int, record: bytes = b"") -> bytes:
    """Return the frame of a reply."""
    return jute.REPLY.pack(16 + len(record), xid, zxid, code) + record


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
                connection = Connection(client)
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
