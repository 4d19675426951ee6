"""Processes outside of a run: one that talks to the port of a Locust master, and one that acts as a master."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack  # type: ignore[import-untyped]
import zmq

LOCUST_VERSION = "2"
_SAYS_S = 60.0


class Stranger:
    """A ZeroMQ client that tries to join a master as a worker, and keeps every message that it gets.

    `keys` are those of CurveZMQ: the server's public key, the own public key, the own secret key.
    """

    def __init__(self, address: str, keys: tuple[bytes, bytes, bytes] | None = None) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IDENTITY, b"stranger")
        if keys is not None:
            self._socket.curve_serverkey, self._socket.curve_publickey, self._socket.curve_secretkey = keys
        self._address = f"tcp://{address}"
        self._socket.connect(self._address)
        self.got: list[bytes] = []

    def join(self) -> None:
        """Send what a new worker sends, and then a heartbeat."""
        self.say("client_ready", LOCUST_VERSION)
        self.say("heartbeat", {"state": "ready", "current_cpu_usage": 1, "current_memory_usage": 1})

    def say(self, kind: str, data: Any) -> None:
        """Send a message in the format of Locust's workers."""
        message = msgpack.dumps((kind, data, "stranger"))
        end = time.monotonic() + _SAYS_S
        while True:
            try:
                self._socket.send(message, zmq.NOBLOCK)
                return
            except zmq.Again:
                # Whoever sees first that the other speaks another protocol gives up. If it is this end, it is for good.
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
                # To connect again is ignored as long as ZeroMQ keeps the address.
                self._socket.disconnect(self._address)
                self._socket.connect(self._address)

    def listen(self, seconds: float) -> list[str]:
        """Receive for `seconds`; return the kinds of all messages so far."""
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            if self._socket.poll(int(left_s * 1000) + 1):
                self.got.append(self._socket.recv())
        return [msgpack.loads(message, strict_map_key=False)[0] for message in self.got]

    def __enter__(self) -> "Stranger":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._context.term()


class FalseMaster:
    """A server at the master's address that tells each worker to drive a load with other options."""

    def __init__(self, address: str, options: dict[str, Any], users: dict[str, int]) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(f"tcp://{address}")
        self._options, self._users = options, users
        self.came: list[str] = []

    def serve(self, seconds: float) -> list[str]:
        """Answer for `seconds`; return the kinds of all messages that arrived."""
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            if not self._socket.poll(int(left_s * 1000) + 1):
                continue
            worker, content = self._socket.recv_multipart()
            kind = msgpack.loads(content, strict_map_key=False)[0]
            self.came.append(kind)
            if kind == "client_ready":
                self._say(worker, "ack", {"index": 0})
                self._say(
                    worker,
                    "spawn",
                    {
                        "timestamp": time.time(),
                        "user_classes_count": self._users,
                        "host": None,
                        "stop_timeout": 0,
                        "parsed_options": self._options,
                    },
                )
        return self.came

    def _say(self, worker: bytes, kind: str, data: Any) -> None:
        self._socket.send_multipart([worker, msgpack.dumps((kind, data, worker.decode()))])

    def close(self) -> None:
        """Close the port."""
        self._socket.close()
        self._context.term()


@contextmanager
def false_master(address: str, options: dict[str, Any], users: dict[str, int]) -> Iterator[FalseMaster]:
    """Give a false master; it is closed at the end."""
    made = FalseMaster(address, options, users)
    try:
        yield made
    finally:
        made.close()
