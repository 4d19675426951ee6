"""One connection to one member: it sends and receives frames, and hands each reply to its waiter.

The hub's callback for the socket is the only reader, and its watcher stays started as long as the connection lives. So
an operation costs two system calls: its greenlet sends and switches to the hub; the callback receives and switches
back. `recvmsg` also returns the kernel's stamp of the arrival (see `arrival`). `pulse` keeps the time limits, so an
operation allocates no timer.

ZooKeeper answers in the order of the requests (programmer's guide, "Consistency Guarantees"). So the waiters form a
queue, and a reply must carry the xid of the first. A waiter whose greenlet was killed, or whose time is over, is
replaced by `ABANDONED`, which drops its reply.

A waiter is a greenlet, or anything else with `switch(reply)` and `throw(error)`. Both are called in the hub only.
"""

import _socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from gevent import Greenlet, getcurrent

from zk_locust.clients.interface import LastReply
from zk_locust.clients.native import arrival, jute, protocol, pulse
from zk_locust.contract.connect_string import Address
from zk_locust.contract.errors import (
    AuthFailedError,
    ClientError,
    ConnectionLossError,
    OperationTimeoutError,
    ProtocolError,
    SessionExpiredError,
    loss_over_size,
    server_error,
)

READ: Final = 1
WRITE: Final = 2
# Python's allocator is faster up to 512 bytes, header included. The size grows with the replies.
RECEIVE_BYTES_FIRST: Final = 448
RECEIVE_BYTES: Final = 64 * 1024
RECEIVE_BYTES_MAX: Final = 1024 * 1024

_CONTROL_BYTES: Final = arrival.CONTROL_BYTES
_MAX_XID: Final = protocol.MAX_XID
_HEADER: Final = jute.RECORD
# The least length of a reply: its header.
_SHORTEST: Final = _HEADER - 4

_arrived_ns = arrival.arrived_ns
_request = protocol.REQUEST.pack
_reply_at = jute.REPLY.unpack_from
_length_at = jute.INT.unpack_from


class Waiter(Protocol):
    """Whoever waits for a reply."""

    def switch(self, reply: bytes, /) -> object:
        """Take the reply's frame; its error code is zero."""
        ...

    def throw(self, error: ClientError, /) -> object:
        """Take the error instead."""
        ...


class Owner(Protocol):
    """The session that the connection carries."""

    def on_event(self, frame: bytes) -> None:
        """Take a notification. Called in the hub; must not wait."""
        ...

    def on_lost(self, connection: "Connection", kind: type[ClientError], reason: str) -> None:
        """Learn that the connection is gone. May be called in any greenlet; must not wait."""
        ...


class _Abandoned:
    __slots__ = ()

    def switch(self, reply: bytes, /) -> None:
        pass

    def throw(self, error: ClientError, /) -> None:
        pass


ABANDONED: Final = _Abandoned()


class Connection:
    """An established connection. `last_zxid` is the newest transaction in a reply.

    `last_reply.arrived_ns`: see NativeClient.last_arrival_ns; it is 0 while the hub does something else.
    """

    __slots__ = (
        "_auth_waiters",
        "_backlog",
        "_head",
        "_heard",
        "_hub",
        "_idle_ticks",
        "_last_reply",
        "_limits",
        "_lost",
        "_marks",
        "_max_frame_bytes",
        "_next_xid",
        "_owner",
        "_partial",
        "_pending",
        "_pulse",
        "_read_watcher",
        "_receive",
        "_receive_bytes",
        "_receive_least",
        "_receive_most",
        "_send",
        "_sent_before",
        "_silent_ticks",
        "_sock",
        "_switch",
        "_write_watcher",
        "last_zxid",
        "peer",
    )

    def __init__(
        self,
        sock: _socket.socket,
        hub: Any,
        owner: Owner,
        peer: Address,
        limits: pulse.Limits,
        max_frame_bytes: int,
        last_zxid: int,
        last_reply: LastReply,
    ) -> None:
        self._sock = sock
        self._send: Callable[[bytes], int] = sock.send
        self._receive = sock.recvmsg
        self._receive_most = min(RECEIVE_BYTES, max_frame_bytes)
        # At most the limit is received at once, so the fast path need not check lengths.
        self._receive_least = self._receive_bytes = min(RECEIVE_BYTES_FIRST, max_frame_bytes)
        self._hub = hub
        # The one of all greenlets. The hub's own first asks whether the current greenlet may wait: all callers may.
        self._switch: Callable[[], object] = Greenlet.switch.__get__(hub)
        self._owner = owner
        self._max_frame_bytes = max_frame_bytes
        self._pending: deque[Waiter] = deque()
        self._auth_waiters: list[Waiter] = []
        self._head = 1
        self._next_xid = 1
        self._partial: bytearray | None = None
        self._backlog: bytearray | None = None
        self._limits = limits
        self._marks: list[int] = []
        self._heard = False
        self._silent_ticks = 0
        self._sent_before = 1
        self._idle_ticks = 0
        self._lost: tuple[type[ClientError], str] | None = None
        self.peer = peer
        self._last_reply = last_reply
        self.last_zxid = last_zxid
        self._write_watcher: Any = None
        self._read_watcher = hub.loop.io(sock.fileno(), READ)
        self._read_watcher.start(self._on_readable)
        self._pulse = pulse.join(self, limits.interval_s)

    # ---- In the greenlets of users.

    def call(self, opcode: int, body: bytes) -> bytes:
        """Send a request, wait for its reply, and return the reply's complete frame.

        Raises ConnectionLossError, SessionExpiredError, OperationTimeoutError, ProtocolError, or the error of the
        reply's code (`server_error`).
        """
        xid = self._next_xid
        frame = _request(len(body) + 8, xid, opcode) + body
        try:
            sent = self._send(frame)
        except OSError as error:
            sent = self._not_sent(error)
        if sent != len(frame):
            self._hold_back(frame[sent:])
        self._next_xid = xid % _MAX_XID + 1
        self._pending.append(getcurrent())
        try:
            reply = self._switch()
        except BaseException as error:
            self._abandon(xid)
            if isinstance(error, ClientError):
                error.xid = xid
            if type(error) is ConnectionLossError and (too_large := loss_over_size(len(frame) - 4)):
                too_large.xid = xid
                raise too_large from error
            raise
        if type(reply) is not bytes:
            self._abandon(xid)
            raise RuntimeError(f"external code switched to a greenlet that waits for a reply: {reply!r}")
        return reply

    def submit(self, requests: Sequence[tuple[int, bytes]], waiter: Waiter) -> None:
        """Send requests (operation code, record) in one piece; all replies and errors go to one waiter.

        Raises ConnectionLossError or SessionExpiredError; then the waiter gets nothing.
        """
        frames = []
        xid = self._next_xid
        for opcode, body in requests:
            frames.append(_request(len(body) + 8, xid, opcode) + body)
            xid = xid % _MAX_XID + 1
        self.write(b"".join(frames))
        self._next_xid = xid
        self._pending.extend([waiter] * len(requests))

    def authenticate(self, scheme: str, credential: bytes) -> None:
        """Add an identity to the connection; return when the server has accepted it. Raises as `call` does.

        The caller sets the time limit: these replies are not in the order of the others.
        """
        self.write(protocol.auth_frame(scheme, credential))
        waiters, waiter = self._auth_waiters, getcurrent()
        waiters.append(waiter)
        try:
            self._switch()
        except BaseException:
            if waiter in waiters:
                waiters[waiters.index(waiter)] = ABANDONED
            raise

    def write(self, frame: bytes) -> None:
        """Send a frame. Raises ConnectionLossError or SessionExpiredError."""
        try:
            sent = self._send(frame)
        except OSError as error:
            sent = self._not_sent(error)
        if sent != len(frame):
            self._hold_back(frame[sent:])

    def malformed(self, error: Exception) -> ProtocolError:
        """Close the connection because of a malformed reply, and return the error to raise."""
        reason = f"{self.peer}: {error}"
        self.abort(ProtocolError, reason)
        return ProtocolError(reason)

    @property
    def last_xid(self) -> int:
        """The number of the request whose reply is being handled; 0 where its arrival is."""
        return (self._head - 2) % _MAX_XID + 1 if self._last_reply.arrived_ns else 0

    # ---- In any greenlet.

    def abort(self, kind: type[ClientError], reason: str) -> None:
        """Close the connection, pass the error to all waiters and the owner. A second call does nothing."""
        if self._lost is not None:
            return
        self._lost = kind, reason
        self._pulse.leave(self)
        # Close the watchers first: libev ends the process over a watcher of a closed descriptor.
        for watcher in (self._read_watcher, self._write_watcher):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._read_watcher = self._write_watcher = None
        self._sock.close()
        # From now on each send raises EBADF.
        self._send = self._sock.send
        self._backlog = self._partial = None
        self._hub.loop.run_callback(self._fail_waiters, kind, reason)
        self._owner.on_lost(self, kind, reason)

    def _abandon(self, xid: int) -> None:
        place = (xid - self._head) % _MAX_XID
        if place < len(self._pending):
            self._pending[place] = ABANDONED

    def _not_sent(self, error: OSError) -> int:
        if isinstance(error, BlockingIOError):
            return 0
        self.abort(ConnectionLossError, f"{self.peer}: {error.strerror}")
        kind, reason = self._lost or (ConnectionLossError, "")
        raise (kind if kind is SessionExpiredError else ConnectionLossError)(reason)

    def _hold_back(self, rest: bytes) -> None:
        # The socket's buffer is full. New frames go behind the backlog until it is sent.
        backlog = self._backlog = bytearray(rest)

        def append(frame: bytes) -> int:
            backlog.extend(frame)
            return len(frame)

        self._send = append
        self._write_watcher = self._hub.loop.io(self._sock.fileno(), WRITE)
        self._write_watcher.start(self._on_writable)

    # ---- In the hub.

    def _on_readable(self) -> None:
        try:
            try:
                data, control, _, _ = self._receive(self._receive_bytes, _CONTROL_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                self.abort(ConnectionLossError, f"{self.peer}: {error.strerror}")
                return
            self._last_reply.arrived_ns = _arrived_ns(control)
            size = len(data)
            if self._partial is None and size >= _HEADER:
                length, xid, zxid, code = _reply_at(data)
                if xid == self._head and length + 4 == size and self._pending:
                    self._heard = True
                    if zxid > 0:
                        self.last_zxid = zxid
                    if code:
                        self._refused(xid, code)
                    else:
                        self._head = xid % _MAX_XID + 1
                        self._pending.popleft().switch(data)
                    return
            self._read_frames(data)
        except BaseException:
            # Only a waiter that is no greenlet can raise here. gevent would stop the watcher.
            self._hub.handle_error(self, *sys.exc_info())
        finally:
            self._last_reply.arrived_ns = 0

    def _read_frames(self, data: bytes) -> None:
        if not data:
            self.abort(ConnectionLossError, f"{self.peer} has closed the connection")
            return
        if len(data) == self._receive_bytes:  # there may be more
            self._receive_least = min(max(2 * len(data), self._receive_least), self._receive_most)
        buffer: bytes | bytearray = data
        if self._partial is not None:
            self._partial += data
            buffer = self._partial
        size, start = len(buffer), 0
        while size - start >= 4:
            length = _length_at(buffer, start)[0]
            if not _SHORTEST <= length <= self._max_frame_bytes:
                self.abort(ProtocolError, f"{self.peer} announces a reply of {length} bytes")
                return
            end = start + 4 + length
            if end > size:
                break
            frame = bytes(buffer[start:end])
            start = end
            try:
                self._take(frame)
            except BaseException:
                # As in _on_readable; the next frames must still be read.
                self._hub.handle_error(self, *sys.exc_info())
            if self._lost is not None:
                return
        if start == size:
            self._partial = None
            self._receive_bytes = self._receive_least
        else:
            self._partial = bytearray(buffer[start:]) if start or self._partial is None else self._partial
            missing = _length_at(self._partial)[0] + 4 - len(self._partial) if len(self._partial) >= 4 else 0
            self._receive_bytes = min(max(missing, self._receive_least), RECEIVE_BYTES_MAX)

    def _take(self, frame: bytes) -> None:
        _, xid, zxid, code = _reply_at(frame)
        self._heard = True
        if xid == protocol.XID_EVENT:
            self._owner.on_event(frame)
        elif xid == self._head and self._pending:
            if zxid > 0:
                self.last_zxid = zxid
            if code:
                self._refused(xid, code)
            else:
                self._head = xid % _MAX_XID + 1
                self._pending.popleft().switch(frame)
        elif xid == protocol.XID_AUTH and self._auth_waiters:
            if code:
                self.abort(AuthFailedError, f"{self.peer} refuses the credentials (error {code})")
            else:
                self._auth_waiters.pop(0).switch(frame)
        elif xid not in (protocol.XID_PING, protocol.XID_SET_WATCHES):
            due = self._head if self._pending else "none"
            self.abort(ProtocolError, f"{self.peer} answers request {xid} where the answer to {due} is due")

    def _refused(self, xid: int, code: int) -> None:
        if code == protocol.SESSION_EXPIRED:
            self.abort(SessionExpiredError, "the ensemble has ended the session")
            return
        self._head = xid % _MAX_XID + 1
        self._pending.popleft().throw(server_error(code))

    def _on_writable(self) -> None:
        backlog = self._backlog
        if backlog is None:
            return
        try:
            sent = self._sock.send(memoryview(backlog)[:RECEIVE_BYTES_MAX])
        except BlockingIOError:
            return
        except OSError as error:
            self.abort(ConnectionLossError, f"{self.peer}: {error.strerror}")
            return
        del backlog[:sent]
        if not backlog:
            self._backlog = None
            self._send = self._sock.send
            self._write_watcher.stop()
            self._write_watcher.close()
            self._write_watcher = None

    def _fail_waiters(self, kind: type[ClientError], reason: str) -> None:
        try:
            while self._auth_waiters:
                self._auth_waiters.pop(0).throw(kind(reason))
            while self._pending:
                waiter = self._pending.popleft()
                self._head = self._head % _MAX_XID + 1
                waiter.throw(kind(reason))
        finally:
            if self._pending or self._auth_waiters:
                self._hub.loop.run_callback(self._fail_waiters, kind, reason)

    def tick(self) -> None:
        """Apply the time limits: close the connection, ping, end overdue operations."""
        limits = self._limits
        if self._heard:
            self._heard = False
            self._silent_ticks = 0
        else:
            self._silent_ticks += 1
            if self._silent_ticks >= limits.silence:
                silence_s = self._silent_ticks * limits.interval_s
                self.abort(ConnectionLossError, f"{self.peer} has said nothing for {silence_s:.1f} s")
                return
        sent = self._next_xid
        self._idle_ticks += 1
        if sent != self._sent_before:
            self._sent_before = sent
            self._idle_ticks = 0
        elif self._idle_ticks >= limits.ping:
            self._idle_ticks = 0
            self._ping()
        marks = self._marks
        if self._pending:
            # A mark is the next xid at a tick: requests before it are older than that tick.
            marks.append(sent)
            if len(marks) > limits.operation:
                self._end_overdue((marks.pop(0) - self._head) % _MAX_XID)
        elif marks:
            marks.clear()

    def _ping(self) -> None:
        try:
            self.write(protocol.PING_FRAME)
        except ClientError:
            return  # abort has told the waiters

    def _end_overdue(self, count: int) -> None:
        # A mark whose requests are all answered gives a huge count.
        if count > len(self._pending):
            return
        limit_s = self._limits.operation * self._limits.interval_s
        for place in range(count):
            waiter = self._pending[place]
            if waiter is not ABANDONED:
                self._pending[place] = ABANDONED
                waiter.throw(OperationTimeoutError(f"{self.peer} has not answered within {limit_s:.3g} s"))
