"""What a ZooKeeper member answers to the four-letter word `srvr`, which every release since 3.4 answers by default.

Whoever listens on a member's port may send anything: an answer is bounded in time and length, and what is not as it
should be is left out. The module `zookeeper_status` uses this file too: Python 3.9, standard library only.
"""

from __future__ import annotations

import re
import socket
import time
from typing import Any, NamedTuple

from .plain_text import plain_line

SERVING = ("leader", "follower", "observer", "standalone")
MODES = (*SERVING, "read-only")
# Nothing that a member says comes near these.
_MOST_BYTES = 16 * 1024
_MOST_SHOWN = 120
_INTEGERS = {
    "Connections": "connections",
    "Outstanding": "outstanding",
    "Node count": "node_count",
    "Received": "received",
    "Sent": "sent",
}
_INTEGER = r"-?\d{1,18}"
_DECIMAL = rf"{_INTEGER}(\.\d{{1,18}})?"


class AnswerError(Exception):
    """What answers is no ZooKeeper member; the message says why."""


class Answer(NamedTuple):
    """A member's answer. `mode` is its role, empty where it does not serve; `error` then says what it said instead.

    Figures that it did not give are None: open client `connections`, requests in the queue (`outstanding`), znodes
    (`node_count`), packets `received` and `sent` and `latency_ms` (min, avg and max) since its start. `zxid` is
    hexadecimal.
    """

    mode: str = ""
    error: str = ""
    version: str = ""
    zxid: str = ""
    connections: int | None = None
    outstanding: int | None = None
    node_count: int | None = None
    latency_ms: tuple[float, float, float] | None = None
    received: int | None = None
    sent: int | None = None

    @property
    def serves(self) -> bool:
        """Whether it takes part in the ensemble and serves reads and writes."""
        return self.mode in SERVING


def parse_srvr(text: str) -> Answer:
    """Read an answer to `srvr`."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, value = (piece.strip() for piece in line.partition(":"))
        if name == "Zookeeper version":
            found["version"] = plain_line(re.split(r"[-,\s]", value)[0], _MOST_SHOWN)
        elif name in ("Latency min/avg/max", "Latency min/avg/max (ms)"):
            if re.fullmatch(rf"{_DECIMAL}(/{_DECIMAL}){{2}}", value, re.ASCII):
                found["latency_ms"] = tuple(map(float, value.split("/")))
        elif name in _INTEGERS:
            if re.fullmatch(_INTEGER, value, re.ASCII):
                found[_INTEGERS[name]] = int(value)
        elif name == "Zxid":
            found["zxid"] = plain_line(value, _MOST_SHOWN)
        elif name == "Mode" and value in MODES:
            found["mode"] = value
    if "mode" not in found:
        # E.g. "This ZooKeeper instance is not currently serving requests".
        found["error"] = plain_line(text, _MOST_SHOWN) or "the connection was closed without an answer"
    return Answer(**found)


def ask(host: str, port: int, timeout_s: float, word: str = "srvr", most_bytes: int = _MOST_BYTES) -> str:
    """Return the complete answer to a four-letter word.

    Raises OSError where there is none, AnswerError where it does not end or is longer than `most_bytes`.
    """
    deadline = time.monotonic() + timeout_s
    answer = b""
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(word.encode())
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise AnswerError(f"its answer has not ended within {timeout_s:g} s" if answer else "timed out")
            connection.settimeout(left_s)
            try:
                chunk = connection.recv(4096)
            except socket.timeout:  # noqa: UP041 - Python 3.9
                continue
            if not chunk:
                return answer.decode("utf-8", "replace")
            answer += chunk
            if len(answer) > most_bytes:
                raise AnswerError(f"its answer is longer than {most_bytes} bytes: no ZooKeeper member listens there")
