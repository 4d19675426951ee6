"""Processes that belong to no run and speak to the port of a Locust master, or in the place of one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack  # type: ignore[import-untyped]
import zmq

LOCUST_VERSION = "2"


class Stranger:
    """A ZeroMQ client that asks a master to let it join, as a worker does, and keeps all that it gets.

    `keys` may be those of CurveZMQ: the server's public one, then the own public and secret one.
    """

    def __init__(self, address: str, keys: tuple[bytes, bytes, bytes] | None = None) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.IDENTITY, b"stranger")
        if keys is not None:
            self._socket.curve_serverkey, self._socket.curve_publickey, self._socket.curve_secretkey = keys
        self._socket.connect(f"tcp://{address}")
        self.got: list[bytes] = []

    def join(self) -> None:
        """Say what a new worker says, then what one reports that has driven load."""
        self.say("client_ready", LOCUST_VERSION)
        self.say("heartbeat", {"state": "ready", "current_cpu_usage": 1, "current_memory_usage": 1})

    def say(self, kind: str, data: Any) -> None:
        """Send a message as Locust's workers do."""
        self._socket.send(msgpack.dumps((kind, data, "stranger")))

    def listen(self, seconds: float) -> list[str]:
        """Keep what comes within the time; return the kinds of all messages so far."""
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
    """What listens where workers expect their master, and has each that comes drive a load with its own options."""

    def __init__(self, address: str, options: dict[str, Any], users: dict[str, int]) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(f"tcp://{address}")
        self._options, self._users = options, users
        self.came: list[str] = []

    def serve(self, seconds: float) -> list[str]:
        """Answer whoever comes, for that long; return the kinds of all messages that came."""
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
        """Give the port back."""
        self._socket.close()
        self._context.term()


@contextmanager
def false_master(address: str, options: dict[str, Any], users: dict[str, int]) -> Iterator[FalseMaster]:
    """A false master that is closed when left."""
    made = FalseMaster(address, options, users)
    try:
        yield made
    finally:
        made.close()
