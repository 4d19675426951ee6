"""A short session with a member, as an administrator: reads the list of members, and changes it.

ZooKeeper's protocol (`zookeeper.jute`): each packet has its length before it, numbers are big-endian, a text or buffer
of length -1 is null.
"""

from __future__ import annotations

import socket
import struct

_SESSION_MS = 10_000
_LIMIT_S = 5.0
_MOST_BYTES = 1024 * 1024
_AUTH_XID, _PING_XID, _EVENT_XID = -4, -2, -1
_GET_DATA, _RECONFIG, _AUTH = 4, 16, 100
_CONFIG = "/zookeeper/config"


class RefusedError(Exception):
    """A member refuses a request; `code` is ZooKeeper's (`KeeperException.Code`)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ZooKeeper's error {code}")
        self.code = code


class AdminSession:
    """A session with the member at `address` and `port`. All methods raise OSError where the connection breaks."""

    def __init__(self, address: str, port: int) -> None:
        self._link = socket.create_connection((address, port), timeout=_LIMIT_S)
        self._xid = 0
        try:
            self._send(struct.pack(">iqiqi", 0, 0, _SESSION_MS, 0, 16) + b"\0" * 16 + b"\0")
            self._receive()
        except BaseException:
            self._link.close()
            raise

    def close(self) -> None:
        """End the connection; the session expires."""
        self._link.close()

    def authenticate(self, user_and_password: str) -> None:
        """Become this user of the scheme `digest`. Raises RefusedError."""
        given = user_and_password.encode()
        self._send(struct.pack(">iii", _AUTH_XID, _AUTH, 0) + _text("digest") + struct.pack(">i", len(given)) + given)
        self._answer(_AUTH_XID)

    def configuration(self) -> str:
        """Return the list of members, a line each. Raises RefusedError."""
        return self._ask(_GET_DATA, _text(_CONFIG) + b"\0")

    def reconfigure(self, joining: str, leaving: str) -> str:
        """Change the list; return the new one. Raises RefusedError."""
        return self._ask(_RECONFIG, _text(joining) + _text(leaving) + _text("") + struct.pack(">q", -1))

    def _ask(self, kind: int, body: bytes) -> str:
        self._xid += 1
        self._send(struct.pack(">ii", self._xid, kind) + body)
        answer = self._answer(self._xid)
        if len(answer) < 4:
            raise OSError("the answer is too short")
        (length,) = struct.unpack_from(">i", answer)
        return answer[4 : 4 + max(0, length)].decode("utf-8", "replace")

    def _answer(self, xid: int) -> bytes:
        while True:
            packet = self._receive()
            got, _, code = struct.unpack_from(">iqi", packet)
            if got in (_PING_XID, _EVENT_XID):
                continue
            if got != xid:
                raise OSError(f"an answer to {got} came instead of one to {xid}")
            if code:
                raise RefusedError(code)
            return packet[16:]

    def _send(self, packet: bytes) -> None:
        self._link.sendall(struct.pack(">i", len(packet)) + packet)

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">i", self._exactly(4))
        if not 16 <= length <= _MOST_BYTES:
            raise OSError(f"a packet of {length} bytes is none of ZooKeeper's")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self._link.recv(count - len(found))
            if not piece:
                raise OSError("the connection was closed")
            found += piece
        return found


def _text(value: str) -> bytes:
    given = value.encode()
    return struct.pack(">i", len(given)) + given if given else struct.pack(">i", -1)
