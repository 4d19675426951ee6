"""From an address to a session: resolve, connect, request the session, authenticate, within one time limit."""

import _socket
import errno
import os
import socket
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import gevent
from gevent.socket import getaddrinfo

from zk_locust.clients.native import jute, protocol
from zk_locust.clients.native.arrival import stamps
from zk_locust.clients.native.connection import READ, WRITE
from zk_locust.contract.connect_string import Address
from zk_locust.contract.errors import AuthFailedError, ConnectError, ProtocolError

# Much more than any frame of a handshake.
_LONGEST_FRAME: Final = 4096

Credential = tuple[str, bytes]


class SessionRequest(NamedTuple):
    """The session that a connection requests: a new one, or this one."""

    last_zxid: int
    timeout_ms: int
    session_id: int
    password: bytes
    credentials: Sequence[Credential]


def shake_hands(
    hub: Any, address: Address, request: SessionRequest, timeout_s: float
) -> tuple[_socket.socket, protocol.ConnectResponse]:
    """Return a non-blocking socket with the session, and what the server has granted.

    Raises ConnectError, SessionExpiredError, AuthFailedError, ProtocolError; the socket is then closed.
    """
    problem: Exception | None = None
    too_late = ConnectError(f"{address}: no session within {timeout_s:.3g} s")
    with gevent.Timeout(timeout_s, too_late):
        for family, sockaddr in _resolve(address):
            sock = None
            try:
                sock = _socket.socket(family, _socket.SOCK_STREAM)
                _connect(hub, sock, sockaddr)
                return sock, _ask(hub, sock, request)
            except OSError as error:
                _close(sock)
                problem = error
            except BaseException:
                _close(sock)
                raise
    reason = getattr(problem, "strerror", None) or problem or "the name has no address"
    raise ConnectError(f"{address}: {reason}")


def _close(sock: _socket.socket | None) -> None:
    if sock is not None:
        sock.close()


def _resolve(address: Address) -> list[tuple[int, Any]]:
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, address.host)
        except OSError:
            continue
        # A literal address needs no resolver thread.
        return [(family, tuple(address))]
    try:
        found = getaddrinfo(address.host, address.port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectError(f"{address}: {getattr(error, 'strerror', None) or error}") from None
    return [(family, sockaddr) for family, _, _, _, sockaddr in found]


def _connect(hub: Any, sock: _socket.socket, sockaddr: Any) -> None:
    sock.setblocking(False)
    sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    stamps.request(sock)
    code = sock.connect_ex(sockaddr)
    if code == errno.EINPROGRESS:
        _wait(hub, sock, WRITE)
        code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    if sock.getsockname() == sock.getpeername():
        # On loopback, a socket may connect to itself if its own port is the one without a listener.
        raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def _ask(hub: Any, sock: _socket.socket, request: SessionRequest) -> protocol.ConnectResponse:
    frame = protocol.connect_frame(request.last_zxid, request.timeout_ms, request.session_id, request.password)
    _send(hub, sock, frame)
    response = protocol.read_connect_response(_read_frame(hub, sock))
    for scheme, credential in request.credentials:
        _send(hub, sock, protocol.auth_frame(scheme, credential))
        reply = _read_frame(hub, sock)
        if len(reply) != jute.RECORD - 4:
            raise ProtocolError(f"an answer of {len(reply)} bytes to credentials")
        _, xid, _, code = jute.REPLY.unpack(jute.buffer(reply))
        if xid != protocol.XID_AUTH:
            raise ProtocolError(f"an answer to request {xid} where credentials were sent")
        if code:
            raise AuthFailedError(f"the ensemble refuses the credentials of scheme {scheme} (error {code})")
    return response


def _read_frame(hub: Any, sock: _socket.socket) -> bytes:
    length = jute.INT.unpack(_receive(hub, sock, 4))[0]
    if not 0 < length <= _LONGEST_FRAME:
        raise ProtocolError(f"a first reply of {length} bytes")
    return _receive(hub, sock, length)


def _receive(hub: Any, sock: _socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        _wait(hub, sock, READ)
        try:
            piece = sock.recv(count - len(data))
        except BlockingIOError:
            continue
        if not piece:
            raise OSError(errno.ECONNRESET, "the member has closed the connection")
        data += piece
    return data


def _send(hub: Any, sock: _socket.socket, data: bytes) -> None:
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            _wait(hub, sock, WRITE)


def _wait(hub: Any, sock: _socket.socket, events: int) -> None:
    watcher = hub.loop.io(sock.fileno(), events)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()
