"""One ZooKeeper session over several connections: fail-over, resumption, expiry, watches set again.

Source: ZooKeeper's programmer's guide, "ZooKeeper Sessions". A lost connection is replaced by one to the next member,
which is asked for the same session (id, password, newest transaction seen). An expired session is replaced by a new
one: waiting operations get SessionExpiredError, later ones use the new session.
"""

import _socket
import itertools
import math
import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent
from gevent import get_hub, getcurrent
from gevent.event import AsyncResult
from kazoo.protocol.states import EventType, KazooState, KeeperState, WatchedEvent

from zk_locust.clients.interface import ClientSettings, LastReply
from zk_locust.clients.native import jute, protocol, pulse
from zk_locust.clients.native.callbacks import CallbackQueue
from zk_locust.clients.native.connection import Connection
from zk_locust.clients.native.handshake import Credential, SessionRequest, shake_hands
from zk_locust.clients.native.paths import ServerPaths
from zk_locust.clients.native.watches import Watches
from zk_locust.contract import history_format as history
from zk_locust.contract.connect_string import Address, ConnectString
from zk_locust.contract.errors import (
    AuthFailedError,
    ClientError,
    ConnectError,
    ConnectionLossError,
    ProtocolError,
    SessionExpiredError,
)

# Between rounds over all members. Each wait is random, from half of it up, so thousands do not come at once.
FIRST_BACK_OFF_S: Final = 0.05
LONGEST_BACK_OFF_S: Final = 1.0
SHORTEST_ATTEMPT_S: Final = 0.1

# The sessions of a process take turns at which member they try first: by chance, one of three members may well get 20
# of 32 sessions. Each process begins elsewhere, forked ones too.
_turns: Final = itertools.count()


def _order(members: Sequence[Address]) -> list[Address]:
    first = (os.getpid() + next(_turns)) % len(members)
    others = [*members[:first], *members[first + 1 :]]
    return [members[first], *random.sample(others, len(others))]


# The longest wait for an answer to closeSession: without one, the session ends by its time limit.
CLOSE_TIMEOUT_S: Final = 2.0

Listener = Callable[[str], object]
Note = Callable[[int, int, str, tuple[int, int, int]], object]
"""Takes a kind of `history_format`, the session, a path, and xid, zxid and result of what has come."""


class Session:
    """The state behind a client. `connection` is None without a connection; every operation reads it."""

    __slots__ = (
        "_arrival",
        "_callbacks",
        "_connected_at",
        "_connector",
        "_hosts",
        "_hub",
        "_last_zxid",
        "_listeners",
        "_max_frame_bytes",
        "_next_address",
        "_password",
        "_paths",
        "_problem",
        "_settings",
        "connection",
        "credentials",
        "last_connection",
        "last_reply",
        "note",
        "session_id",
        "state",
        "timeout_s",
        "watches",
    )

    def __init__(
        self,
        settings: ClientSettings,
        hosts: ConnectString,
        paths: ServerPaths,
        credentials: Sequence[Credential],
        max_frame_bytes: int,
    ) -> None:
        self._settings = settings
        self._hosts = _order(hosts.members)
        self._next_address = 0
        self._paths = paths
        self._max_frame_bytes = max_frame_bytes
        self._hub: Any = get_hub()
        self._callbacks = CallbackQueue(self._hub)
        self._listeners: list[Listener] = []
        self._connector: Any = None
        self._arrival: Any = None
        self._problem: ClientError | None = None
        self.credentials = list(credentials)
        self.watches = Watches()
        self.connection: Connection | None = None
        self.last_reply = LastReply()
        self.last_connection: tuple[int, Address | None] = (protocol.NO_SESSION, None)
        self.state: str = KeeperState.CLOSED
        self.session_id = protocol.NO_SESSION
        self.timeout_s = settings.session_timeout_s
        self._password = protocol.NO_PASSWORD
        self._last_zxid = 0
        self._connected_at = -math.inf
        self.note: Note | None = None
        """Called with what is to be noted in a history; None without one."""

    # ---- In the greenlets of users.

    def start(self) -> None:
        """Connect, within the connect time limit. Raises ConnectError, or AuthFailedError."""
        if self.state == KeeperState.CONNECTED:
            return
        timeout_s = self._settings.connect_timeout_s
        if self.state == KeeperState.CONNECTING:
            self._wait_for_connection(timeout_s)
            return
        self._problem = None
        self._begin_connecting()
        try:
            self._wait_for_connection(timeout_s)
        except BaseException as error:
            self.end()
            if isinstance(error, ClientError) and not isinstance(error, AuthFailedError):
                reason = self._problem or "no member has answered"
                hosts = self._settings.hosts
                raise ConnectError(f"no session with {hosts} within {timeout_s:.3g} s: {reason}") from None
            raise

    def stop(self) -> None:
        """Close the session, if there is a connection; then release it."""
        connection = self.connection
        try:
            if connection is not None:
                limit_s = min(CLOSE_TIMEOUT_S, self._settings.operation_timeout_s)
                with gevent.Timeout(limit_s, False):
                    _, xid, zxid, _ = jute.REPLY.unpack_from(connection.call(protocol.CLOSE_SESSION, b""))
                    if self.note is not None:
                        self.note(history.CLOSED, self.session_id, "", (xid, zxid, 0))
        except ClientError:
            pass  # The connection went first; the session ends by its time limit.
        finally:
            self.end()

    def end(self) -> None:
        """Close the connection without closing the session, and stop connecting. Does not wait."""
        self.state = KeeperState.CLOSED
        connector, self._connector = self._connector, None
        if connector is not None and connector is not getcurrent():
            connector.kill(block=False)
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abort(ConnectionLossError, "the client was stopped")
            self._tell(KazooState.LOST)
        self._release(ConnectionLossError, "the client was stopped")
        self.watches.drain()
        self._forget()

    def usable_connection(self) -> Connection:
        """Return the connection; wait for one up to the operation's time limit.

        Raises ConnectionLossError, SessionExpiredError, AuthFailedError; nothing has been sent then.
        """
        return self.connection or self._wait_for_connection(self._settings.operation_timeout_s)

    def add_listener(self, listener: Listener) -> None:
        """Have the callback called with kazoo's KazooState at each change: CONNECTED, SUSPENDED, LOST."""
        self._listeners.append(listener)

    def forget_callbacks(self) -> None:
        """Drop what has not been delivered, and all listeners."""
        self._callbacks.clear()
        self._listeners.clear()

    def _wait_for_connection(self, timeout_s: float) -> Connection:
        if self.state == KeeperState.AUTH_FAILED:
            raise AuthFailedError(str(self._problem))
        if self.state == KeeperState.CLOSED:
            raise ConnectionLossError("the client is not started")
        if self._arrival is None:
            self._arrival = AsyncResult()
        outcome: Connection | tuple[type[ClientError], str] | None = None
        with gevent.Timeout(timeout_s, False):
            outcome = self._arrival.get()
        if isinstance(outcome, Connection):
            return outcome
        kind, reason = outcome or (ConnectionLossError, f"no connection within {timeout_s:.3g} s ({self._problem})")
        raise kind(reason)

    # ---- Called by the connection.

    def on_event(self, frame: bytes) -> None:
        """Call the callbacks of a notification's watches."""
        try:
            number, path = protocol.read_event(frame)
        except jute.MALFORMED as error:
            if self.connection is not None:
                self.connection.malformed(error)
            return
        if self.note is not None:
            xid, zxid = jute.REPLY.unpack_from(frame)[1:3]
            self.note(history.EVENT, self.session_id, self._paths.client_path(path), (xid, zxid, number))
        name, fired = self.watches.fired_by(number, path)
        if fired:
            notice = WatchedEvent(name, KeeperState.CONNECTED, self._paths.client_path(path))
            for watch in fired:
                self._callbacks.put(watch, notice)

    def on_lost(self, connection: Connection, kind: type[ClientError], reason: str) -> None:
        """Look for another connection."""
        if connection is not self.connection:
            return
        self.connection = None
        if self.note is not None:
            self.note(history.LOST, self.session_id, "", (0, 0, 0))
        self._last_zxid = max(self._last_zxid, connection.last_zxid)
        self._problem = kind(reason)
        if kind is AuthFailedError:
            self._fail_authentication()
            return
        self._tell(KazooState.SUSPENDED)
        if kind is SessionExpiredError:
            self._expire()
        self._begin_connecting()

    # ---- Connecting, in a greenlet that lives until there is a connection.

    def _begin_connecting(self) -> None:
        self.state = KeeperState.CONNECTING
        self._connector = gevent.spawn(self._connect)

    def _connect(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        if time.monotonic() - self._connected_at < back_off_s:
            # Do not ask a member that drops the session at once thousands of times a second.
            gevent.sleep(back_off_s)
        while True:
            for _ in self._hosts:
                if self._try_next_member():
                    return
            gevent.sleep(back_off_s * random.uniform(0.5, 1.0))
            back_off_s = min(2 * back_off_s, LONGEST_BACK_OFF_S)

    def _try_next_member(self) -> bool:
        """Return whether there is nothing more to try."""
        address = self._hosts[self._next_address]
        self._next_address = (self._next_address + 1) % len(self._hosts)
        outcome = self._attempt(address)
        if isinstance(outcome, SessionExpiredError) and self.session_id != protocol.NO_SESSION:
            self._expire()
            outcome = self._attempt(address)
        if outcome is None:
            return True
        if isinstance(outcome, AuthFailedError):
            self._problem = outcome
            self._fail_authentication()
            return True
        if isinstance(outcome, ClientError):
            self._problem = outcome
            return False
        self._connector = None
        self._take_over(address, *outcome)
        return True

    def _attempt(self, address: Address) -> tuple[_socket.socket, protocol.ConnectResponse] | ClientError | None:
        """Connect to one member; return the outcome, None if the client was stopped meanwhile."""
        outcome: tuple[_socket.socket, protocol.ConnectResponse] | ClientError
        requested_ms = int(self._settings.session_timeout_s * 1000)
        request = SessionRequest(
            self._last_zxid, requested_ms, self.session_id, self._password, tuple(self.credentials)
        )
        # As in ClientCnxn: all members can be tried before the session ends.
        limit_s = min(self.timeout_s / len(self._hosts), self._settings.connect_timeout_s)
        try:
            outcome = shake_hands(self._hub, address, request, max(limit_s, SHORTEST_ATTEMPT_S))
        except ProtocolError as error:
            outcome = ProtocolError(f"{address}: {error}")
        except ClientError as error:
            outcome = error
        except Exception as error:
            # It may pass (no free descriptor, no memory), and only this greenlet tries again.
            outcome = ConnectError(f"{address}: {type(error).__name__}: {error}")
        if self._connector is getcurrent():
            return outcome
        if not isinstance(outcome, ClientError):
            outcome[0].close()
        return None

    def _take_over(self, address: Address, sock: _socket.socket, granted: protocol.ConnectResponse) -> None:
        self.session_id, self._password = granted.session_id, granted.password
        self.timeout_s = granted.timeout_ms / 1000
        self._connected_at = time.monotonic()
        limits = pulse.Limits.of(self._settings.operation_timeout_s, self.timeout_s)
        connection = Connection(
            sock, self._hub, self, address, limits, self._max_frame_bytes, self._last_zxid, self.last_reply
        )
        self.connection, self.last_connection = connection, (granted.session_id, address)
        self.state = KeeperState.CONNECTED
        if self.note is not None:
            self.note(history.CONNECTED, granted.session_id, "", (granted.timeout_ms, 0, 0))
        self._tell(KazooState.CONNECTED)
        try:
            # Before any operation: the server answers in order, so no later change is missed.
            for frame in protocol.set_watches_frames(self._last_zxid, self.watches.paths()):
                connection.write(frame)
        except ClientError:
            return  # on_lost has started to connect again
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.set(connection)

    # ---- Endings.

    def _expire(self) -> None:
        if self.note is not None:
            self.note(history.EXPIRED, self.session_id, "", (0, 0, 0))
        self._forget()
        for watch in self.watches.drain():
            self._callbacks.put(watch, WatchedEvent(EventType.NONE, KeeperState.EXPIRED_SESSION, None))
        self._tell(KazooState.LOST)
        self._release(SessionExpiredError, "the ensemble has ended the session")

    def _fail_authentication(self) -> None:
        self.state = KeeperState.AUTH_FAILED
        self._connector = None
        for watch in self.watches.drain():
            self._callbacks.put(watch, WatchedEvent(EventType.NONE, KeeperState.AUTH_FAILED, None))
        self._tell(KazooState.LOST)
        self._release(AuthFailedError, str(self._problem))

    def _forget(self) -> None:
        self.session_id = protocol.NO_SESSION
        self._password = protocol.NO_PASSWORD
        self._last_zxid = 0
        self.timeout_s = self._settings.session_timeout_s

    def _release(self, kind: type[ClientError], reason: str) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None:
            arrival.set((kind, reason))

    def _tell(self, state: str) -> None:
        for listener in self._listeners:
            self._callbacks.put(listener, state)
