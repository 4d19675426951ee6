"""A TCP proxy in front of a real member that treats connections like broken networks and hostile peers.

The first connection stalls, the second dribbles, the third gets a frame of 2^31-1 bytes, the fourth is only dropped;
then from the beginning. Every connection is dropped a second after it was taken.
"""

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections import Counter
from types import TracebackType

LIFE_S = 1.0
HEALTHY_S = 0.3  # time for sessions to start and for operations to run
HABITS = ("stall", "dribble", "huge frame", "drop")
_HUGE = struct.pack("!i", 2**31 - 1) + bytes(64 * 1024)


class BadProxy:
    """Listens on loopback while the context lasts; `taken` counts connections by their treatment."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._habits = itertools.cycle(HABITS)
        self.taken: Counter[str] = Counter()

    @property
    def address(self) -> str:
        """Return host and port for clients."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "BadProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                habit = next(self._habits)
                self.taken[habit] += 1
                threading.Thread(target=self._carry, args=(client, habit), daemon=True).start()

    def _carry(self, client: socket.socket, habit: str) -> None:
        ends_s = time.monotonic() + LIFE_S
        with client, contextlib.suppress(OSError), socket.create_connection(self._target, 5) as server:
            forward = threading.Thread(target=_forward, args=(client, server), daemon=True)
            forward.start()
            try:
                _misbehave(server, client, habit, ends_s)
            finally:
                for end in (client, server):
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                forward.join(5)


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)


def _misbehave(server: socket.socket, client: socket.socket, habit: str, ends_s: float) -> None:
    """Forward the server's bytes by the given habit until the connection's time is over."""
    turns_s = ends_s - LIFE_S + HEALTHY_S
    while (left_s := ends_s - time.monotonic()) > 0:
        bad = habit != "drop" and time.monotonic() > turns_s
        if bad and habit == "stall":
            time.sleep(left_s)
            return
        if bad and habit == "huge frame":
            client.sendall(_HUGE)
            time.sleep(left_s)
            return
        server.settimeout(min(left_s, LIFE_S if bad or habit == "drop" else max(turns_s - time.monotonic(), 0.01)))
        try:
            piece = server.recv(65536)
        except TimeoutError:
            continue
        if not piece:
            return
        if not bad:
            client.sendall(piece)
            continue
        for byte in piece:
            client.sendall(bytes([byte]))
            time.sleep(0.005)
            if time.monotonic() > ends_s:
                return
