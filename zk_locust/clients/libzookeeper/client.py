"""The libzookeeper client: the official C library as a ZooKeeperClient."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, overload

import gevent
from gevent.event import Event
from kazoo.protocol.states import EventType, KeeperState, WatchedEvent, ZnodeStat

from zk_locust.clients.interface import ClientSettings, LastReply, Watch
from zk_locust.clients.libzookeeper import cdef
from zk_locust.clients.libzookeeper.arguments import addresses, encoded, size_of
from zk_locust.clients.libzookeeper.handle import Handle
from zk_locust.clients.libzookeeper.library import load
from zk_locust.clients.native.callbacks import CallbackQueue
from zk_locust.clients.native.watches import CHILD, DATA, EXIST
from zk_locust.clients.native.watches import Watch as AnyWatch
from zk_locust.contract.connect_string import Address
from zk_locust.contract.errors import (
    AuthFailedError,
    ClientError,
    ConnectError,
    ConnectionLossError,
    NoNodeError,
)

# The longest wait for an answer to closeSession: without one, the session ends by its time limit.
FAREWELL_S: Final = 2.0
REOPEN_S: Final = 1.0
AUTHENTICATION_RETRY_S: Final = 0.05


class LibZooKeeperClient:
    """A ZooKeeperClient over ZooKeeper's C library. Greenlets may share one.

    The library reconnects by itself, to the members in its own order. An operation without a connection waits in the
    library; it is sent on the next connection, or fails with the attempt. An expired session is replaced at once. No
    operation is repeated. All methods except the constructor raise only `zk_locust.contract.errors.ClientError` and
    its subclasses.

    Members' names are resolved once, when the client starts. `credentials` are (scheme, credential), e.g.
    `("digest", b"user:password")`. Raises ConfigurationError for an invalid connect string or a missing library. Use a
    client in one thread only, and close it: it stays in memory otherwise.
    """

    last_xid: Final = 0

    __slots__ = ("_arrival", "_callbacks", "_closed", "_credentials", "_failure", "_handle", "_hosts", "_hub", "_lib",
                 "_library", "_members", "_on", "_reopen", "last_connection", "last_reply", "settings")  # fmt: skip

    def __init__(self, settings: ClientSettings, *, credentials: Sequence[tuple[str, bytes]] = ()) -> None:
        self.last_reply = LastReply()  # the library does not know when one arrived
        self.settings = settings
        settings.connect_string()
        self._library = load()
        self._lib = self._library.lib
        self._on = self._library.completions
        self._credentials = list(credentials)
        self._hub: Any = gevent.get_hub()
        self._callbacks = CallbackQueue(self._hub)
        self._arrival = Event()
        self._handle: Handle | None = None
        self._failure: ClientError | None = None
        self._hosts = ""
        self._members: Mapping[str, Address] = {}
        self.last_connection: tuple[int, Address | str] = (0, "")
        """Session id and member of the newest connection, which may be lost."""
        self._reopen: Any = None
        self._closed = False

    # ---- The session.

    @property
    def connected(self) -> bool:
        """Whether the session has a connection now."""
        return self._handle is not None and self._handle.connected

    @property
    def member(self) -> str | None:
        """The member (address:port) that the session is connected to now."""
        handle = self._handle
        return handle.member if handle is not None and handle.connected else None

    @property
    def session_id(self) -> int:
        """ZooKeeper's number of the session; 0 while there is none."""
        return self._handle.session_id if self._handle is not None else 0

    @property
    def session_timeout_s(self) -> float:
        """The session's time limit as granted by the ensemble, seconds; until then as requested."""
        return self._handle.session_timeout_s if self._handle is not None else self.settings.session_timeout_s

    def start(self) -> None:
        """Connect. Raises ConnectError when there is no session within the connect time limit, or AuthFailedError."""
        if self._closed:
            raise ConnectionLossError("the client is closed")
        if self.connected:
            return
        limit_s = self.settings.connect_timeout_s
        self._arrival.clear()
        ready = False
        try:
            with gevent.Timeout(limit_s, False):
                if self._handle is None:
                    self._failure = None
                    self._hosts, self._members = addresses(self.settings.connect_string())
                    self._open()
                self._arrival.wait()
                self._usable()
                if self._credentials:
                    self._await_acceptance()
                ready = True
            if not ready:
                reason = self._handle.problem if self._handle is not None else "the names are not looked up"
                raise ConnectError(f"no session with {self.settings.hosts} within {limit_s:g} s: {reason}")
        except BaseException:
            self._give_up(0.0)
            raise

    def stop(self) -> None:
        """Close the session: its ephemeral nodes are gone afterwards. It can be started again."""
        self._give_up(min(FAREWELL_S, self.settings.operation_timeout_s))

    def close(self) -> None:
        """Release everything at once; a session that was not stopped ends by its time limit. May be called again."""
        self._closed = True
        self._give_up(0.0)
        self._callbacks.clear()

    def add_auth(self, scheme: str, credential: bytes) -> None:
        """Add an identity to the session; the library repeats it to each member that it connects to.

        Raises ConnectionLossError without a connection, and AuthFailedError if the ensemble refuses it; the client is
        then unusable until it is stopped.
        """
        handle = self._usable()
        call = handle.begin()
        name = scheme.encode()
        number = call.number
        code = self._lib.zoo_add_auth(handle.pointer, name, credential, len(credential), self._on.on_void, number)
        handle.finish(call, code, len(credential))
        self._credentials.append((scheme, credential))

    def _await_acceptance(self) -> None:
        """Wait until the ensemble has taken the credentials. Raises AuthFailedError."""
        while True:
            try:
                # The credentials were sent first, so their refusal comes first.
                self.exists("/")
                return
            except ConnectionLossError:
                # A member that refuses them closes the connection. If it is sent this request then, its refusal may be
                # lost. The library connects again and sends them once more: here before the next request.
                gevent.sleep(AUTHENTICATION_RETRY_S)

    # ---- Operations.

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        """Return value and stat."""
        handle = self._handle or self._usable()
        name = encoded(path)
        call = handle.begin(None if watch is None else (DATA, path, watch))
        code = self._lib.zoo_aget(handle.pointer, name, int(watch is not None), self._on.on_data, call.number)
        return handle.finish(call, code, len(name))  # type: ignore[no-any-return]

    def get_value(self, path: str, watch: Watch | None = None) -> bytes:
        """Return the value alone."""
        return self.get(path, watch)[0]

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        """Return the stat, or None where there is no such node; then the watch waits for its creation."""
        handle = self._handle or self._usable()
        name = encoded(path)
        call = handle.begin(None if watch is None else (EXIST, path, watch))
        code = self._lib.zoo_aexists(handle.pointer, name, int(watch is not None), self._on.on_stat, call.number)
        try:
            return handle.finish(call, code, len(name))
        except NoNodeError:
            return None

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        """Replace the value and return the new stat; `version` -1 matches any."""
        handle = self._handle or self._usable()
        name, size = encoded(path), size_of(value)
        call = handle.begin()
        code = self._lib.zoo_aset(handle.pointer, name, value, size, version, self._on.on_stat, call.number)
        return handle.finish(call, code, len(name) + size)

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node that everybody may use; return its path, with the sequence number where there is one."""
        handle = self._handle or self._usable()
        name, size = encoded(path), size_of(value)
        mode = (self._lib.ZOO_EPHEMERAL if ephemeral else 0) | (self._lib.ZOO_SEQUENCE if sequence else 0)
        call = handle.begin()
        acl, on_string = self._library.open_acl, self._on.on_string
        code = self._lib.zoo_acreate(handle.pointer, name, value, size, acl, mode, on_string, call.number)
        return handle.finish(call, code, len(name) + size)  # type: ignore[no-any-return]

    def delete(self, path: str, version: int = -1) -> None:
        """Remove a node without children."""
        handle = self._handle or self._usable()
        name = encoded(path)
        call = handle.begin()
        code = self._lib.zoo_adelete(handle.pointer, name, version, self._on.on_void, call.number)
        handle.finish(call, code, len(name))

    @overload
    def get_children(self, path: str, watch: Watch | None = ..., include_data: Literal[False] = ...) -> list[str]: ...
    @overload
    def get_children(
        self, path: str, watch: Watch | None = ..., *, include_data: Literal[True]
    ) -> tuple[list[str], ZnodeStat]: ...
    def get_children(
        self, path: str, watch: Watch | None = None, include_data: bool = False
    ) -> list[str] | tuple[list[str], ZnodeStat]:
        """Return the names of the children, in no order; with `include_data`, also the parent's stat."""
        handle = self._handle or self._usable()
        name = encoded(path)
        call = handle.begin(None if watch is None else (CHILD, path, watch))
        wanted = int(watch is not None)
        if include_data:
            on_strings_stat = self._on.on_strings_stat
            code = self._lib.zoo_aget_children2(handle.pointer, name, wanted, on_strings_stat, call.number)
        else:
            code = self._lib.zoo_aget_children(handle.pointer, name, wanted, self._on.on_strings, call.number)
        return handle.finish(call, code, len(name))  # type: ignore[no-any-return]

    # ---- Called by the handle.

    def on_connected(self, handle: Handle) -> None:
        """Wake operations that wait for a connection."""
        self.last_connection = handle.session_id, self._members.get(handle.member, handle.member)
        self._arrival.set()

    def on_event(self, name: str, path: str, fired: list[AnyWatch]) -> None:
        """Call the callbacks in their own greenlet."""
        event = WatchedEvent(name, KeeperState.CONNECTED, path)
        for watch in fired:
            self._callbacks.put(watch, event)

    def on_ended(self, handle: Handle, code: int) -> None:
        """Replace an expired session; after refused credentials stay closed."""
        if handle is not self._handle:
            return
        self._handle = None
        expired = code == cdef.SESSION_EXPIRED
        event = WatchedEvent(EventType.NONE, KeeperState.EXPIRED_SESSION if expired else KeeperState.AUTH_FAILED, None)
        for watch in handle.watches.drain():
            self._callbacks.put(watch, event)
        handle.close()
        if expired:
            self._open_again()
        else:
            self._failure = AuthFailedError(handle.problem)
            self._arrival.set()

    # ---- Opening and giving up.

    def _open(self) -> None:
        self._handle = self._make_handle()

    def _make_handle(self) -> Handle:
        settings = self.settings
        return Handle(
            self._library,
            self,
            self._hosts,
            settings.session_timeout_s,
            settings.operation_timeout_s,
            self._credentials,
        )

    def _open_again(self) -> None:
        self._reopen = None
        try:
            self._open()
        except ClientError as error:
            self._failure = ConnectionLossError(str(error))
            self._reopen = self._hub.loop.timer(REOPEN_S)
            self._reopen.start(self._open_again)

    def _give_up(self, farewell_s: float) -> None:
        reopen, self._reopen = self._reopen, None
        if reopen is not None:
            reopen.stop()
        self._failure = None
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close(farewell_s)

    def _usable(self) -> Handle:
        handle = self._handle
        if handle is None:
            # A new error each time: one that is raised repeatedly collects all tracebacks.
            failure = self._failure or ConnectionLossError("the client is not started")
            raise type(failure)(str(failure))
        return handle
