"""The scripted server's program, compiled once, and what is asked of it with bare sockets."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.truth.scripted_server import ScriptedServer, compile_server
from tests.needs import missing

Start = Callable[..., ScriptedServer]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiled = compile_server(tmp_path_factory.mktemp("scripted-server"))
    return compiled or missing("needs a C compiler: apt install gcc libc6-dev")


@pytest.fixture
def start(program: Path, tmp_path: Path) -> Iterator[Start]:
    """Start servers with scripts; they record every get and set."""
    with ExitStack() as stack:
        yield lambda **script: stack.enter_context(ScriptedServer(program, tmp_path / "record", **script))


class Session:
    """A session over a bare socket: frames as a test wants them."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.xid = 0
        self.send(struct.pack("!iqiqi17x", 0, 0, 30_000, 0, 16))
        self.receive()

    def send(self, frame: bytes) -> None:
        self.sock.sendall(struct.pack("!i", len(frame)) + frame)

    def ask(self, opcode: int, body: bytes = b"") -> int:
        """Send a request and return its xid."""
        self.xid += 1
        self.send(struct.pack("!ii", self.xid, opcode) + body)
        return self.xid

    def get(self, path: bytes = b"/zookeeper") -> int:
        return self.ask(4, struct.pack("!i", len(path)) + path + b"\0")

    def receive(self) -> bytes:
        """Return the next frame; nothing where the connection has ended."""
        size = self._exactly(4)
        return self._exactly(struct.unpack("!i", size)[0]) if size else b""

    def reply(self) -> int:
        """Return the xid of the next reply."""
        return int(struct.unpack_from("!i", self.receive())[0])

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                return b""
            data += piece
        return data


@pytest.fixture
def connect() -> Iterator[Callable[[int], Session]]:
    """Open sessions at a port."""
    with ExitStack() as stack:

        def opened(port: int) -> Session:
            session = Session(port)
            stack.enter_context(session.sock)
            return session

        yield opened
