"""A stand-in for a ZooKeeper member that does on command what a real one cannot be made to do.

Replies that are late, cut, glued, out of order or garbage; sessions that are refused; a peer that falls silent.
What a real server can be made to do is tested against a real server, in tests/integration/test_native_client.py.
"""

import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer

from zk_locust.clients.native import protocol

STAT = struct.pack("!qqqqiiiqiiq", 2, 3, 4, 5, 6, 7, 8, 0, 5, 0, 9)
VALUE = struct.pack("!i", 5) + b"value"
OK = {protocol.GET_DATA: VALUE + STAT, protocol.EXISTS: STAT, protocol.SET_DATA: STAT}


def frame(payload: bytes) -> bytes:
    return struct.pack("!i", len(payload)) + payload


def reply(xid: int, record: bytes = b"", *, code: int = 0, zxid: int = 10) -> bytes:
    return frame(struct.pack("!iqi", xid, zxid, code) + record)


def hang_up(link: Any) -> None:
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def event(kind: int, path: str) -> bytes:
    return reply(-1, struct.pack("!iii", kind, 3, len(path)) + path.encode(), zxid=-1)


@dataclass
class Connect:
    """A ConnectRequest as it came."""

    last_zxid: int
    timeout_ms: int
    session_id: int
    password: bytes
    read_only: bool


@dataclass
class Request:
    """A request as it came, and the socket to answer on."""

    link: Any
    xid: int
    opcode: int
    body: bytes

    def answer(self, record: bytes = b"", *, code: int = 0, zxid: int = 10) -> None:
        self.link.sendall(reply(self.xid, record, code=code, zxid=zxid))

    def ordinary(self) -> None:
        """Answer as a healthy server would."""
        self.answer(OK.get(self.opcode, b""))

    def drop(self) -> None:
        hang_up(self.link)


# What keeps a limit of a second at most has ended by then, on a busy machine too. The limits of a client and of this
# server, where a test names none, are beyond that: what waits for them has not kept its own.
MUCH_LATER_S = 10.0
BEYOND_S = 20.0


@dataclass
class FakeServer:
    """Answers `act(request)`; without one, as a healthy server would. Everything that came is kept."""

    act: Callable[[Request], object] = Request.ordinary
    timeout_ms: int = int(1000 * BEYOND_S)
    grant: Callable[[Any, Connect], bool] | None = None
    connects: list[Connect] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    expired: set[int] = field(default_factory=set)
    next_session: int = 0x1000

    def __enter__(self) -> "FakeServer":
        self._links: list[Any] = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve, spawn=Pool(100))
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.drop_all()
        self._server.stop(timeout=0.1)

    @property
    def hosts(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def of(self, opcode: int) -> list[Request]:
        return [request for request in self.requests if request.opcode == opcode]

    def drop_all(self) -> None:
        while self._links:
            hang_up(self._links.pop())

    def send_all(self, data: bytes) -> None:
        for link in self._links:
            link.sendall(data)

    def _serve(self, link: Any, _peer: object) -> None:
        self._links.append(link)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._converse(link)
        except OSError:
            pass
        finally:
            link.close()
            if link in self._links:
                self._links.remove(link)

    def _converse(self, link: Any) -> None:
        stream = link.makefile("rb")
        try:
            first = self._read(stream)
            if not first:
                return
            _, zxid, timeout_ms, session_id, size = struct.unpack_from("!iqiqi", first)
            connect = Connect(zxid, timeout_ms, session_id, first[28 : 28 + size], bool(first[28 + size]))
            self.connects.append(connect)
            if self.grant is not None and not self.grant(link, connect):
                return
            if session_id in self.expired:
                link.sendall(frame(struct.pack("!iiqi16x?", 0, 0, 0, 16, False)))
                return
            if not session_id:
                self.next_session += 1
                session_id = self.next_session
            link.sendall(frame(struct.pack("!iiqi16s?", 0, self.timeout_ms, session_id, 16, b"p" * 16, False)))
            while payload := self._read(stream):
                xid, opcode = struct.unpack_from("!ii", payload)
                request = Request(link, xid, opcode, payload[8:])
                self.requests.append(request)
                if opcode in (protocol.PING, protocol.AUTH, protocol.SET_WATCHES) and self.act is Request.ordinary:
                    request.answer()
                else:
                    self.act(request)
        finally:
            stream.close()

    @staticmethod
    def _read(stream: Any) -> bytes:
        length = stream.read(4)
        return stream.read(struct.unpack("!i", length)[0]) if len(length) == 4 else b""


def silent(request: Request) -> None:
    """Do not answer."""


def until(condition: Callable[[], object], timeout_s: float = MUCH_LATER_S) -> None:
    """Wait for a condition, or fail."""
    with gevent.Timeout(timeout_s, AssertionError("the condition did not come true")):
        while not condition():
            gevent.sleep(0.005)
