"""The native client: ZooKeeper's wire protocol on a gevent socket, one session, two system calls per operation."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, overload

import gevent
from kazoo.protocol.states import ZnodeStat

from zk_locust.clients.interface import ClientSettings, LastReply, Watch
from zk_locust.clients.native import jute, pipeline, protocol
from zk_locust.clients.native.handshake import Credential
from zk_locust.clients.native.paths import server_paths
from zk_locust.clients.native.requests import Create, Request, Result, Step, multi_body, multi_results
from zk_locust.clients.native.session import Listener, Session
from zk_locust.clients.native.watches import CHILD, DATA, EXIST
from zk_locust.contract.connect_string import Address
from zk_locust.contract.errors import ConnectionLossError, NoNodeError, OperationTimeoutError, ServerError

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
PIPELINE_WINDOW: Final = 256

_NO_WATCH = b"\0"
_WATCH = b"\1"
_ANY_VERSION = jute.INT.pack(-1)
_length = jute.INT.pack


class NativeClient:
    """A ZooKeeperClient in Python. Greenlets may share one.

    An operation without a connection waits for one, up to the operation's time limit; once sent, it waits up to the
    same limit for its reply. If the connection is lost meanwhile, the operation is undecided: ConnectionLossError. No
    operation is repeated. All methods raise only `zk_locust.contract.errors.ClientError` and its subclasses.

    `credentials` are (scheme, credential), e.g. `("digest", b"user:password")`; every member gets them. A reply longer
    than `max_frame_bytes` is a ProtocolError. Raises ConfigurationError for an invalid connect string. Use a client in
    one thread only.
    """

    __slots__ = ("_closed", "_paths", "_session", "settings")

    def __init__(
        self,
        settings: ClientSettings,
        *,
        credentials: Sequence[Credential] = (),
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self.settings = settings
        connect_string = settings.connect_string()
        self._paths = server_paths(connect_string.chroot)
        self._session = Session(settings, connect_string, self._paths, credentials, max_frame_bytes)
        self._closed = False

    # ---- The session.

    @property
    def connected(self) -> bool:
        """Whether the session has a connection now."""
        return self._session.connection is not None

    @property
    def state(self) -> str:
        """The session's state, one of kazoo's KeeperState."""
        return self._session.state

    @property
    def member(self) -> Address | None:
        """The address of the member that the session is connected to now."""
        connection = self._session.connection
        return connection.peer if connection is not None else None

    @property
    def session_id(self) -> int:
        """ZooKeeper's number of the session; 0 while there is none."""
        return self._session.session_id

    @property
    def session_timeout_s(self) -> float:
        """The session's time limit as granted by the ensemble, seconds; until then as requested."""
        return self._session.timeout_s

    @property
    def last_arrival_ns(self) -> int:
        """When the reply that has just been handled reached this machine, ns of `time.perf_counter_ns`; 0 if not known.

        It is known to the greenlet that got the reply, until it next waits for anything. It is exact for a reply that
        was received alone, as that of a session with one outstanding request, and for the last of several that were
        received at once (`pipeline`, greenlets that share a client, a watch event). For the others of these it is an
        upper bound: the arrival of the last.
        """
        return self._session.last_reply.arrived_ns

    @property
    def last_reply(self) -> LastReply:
        """Where the arrivals of replies are told (see `last_arrival_ns`); set it before `start`."""
        return self._session.last_reply

    @last_reply.setter
    def last_reply(self, last_reply: LastReply) -> None:
        self._session.last_reply = last_reply

    @property
    def last_connection(self) -> tuple[int, Address | None]:
        """Session id and member of the newest connection, which may be lost; (0, None) before the first one."""
        return self._session.last_connection

    @property
    def last_xid(self) -> int:
        """The number of the request whose reply the calling greenlet has just got; 0 if not known.

        It is known as long as `last_arrival_ns`, and the last one's for replies that `pipeline` has received.
        """
        connection = self._session.connection
        return 0 if connection is None else connection.last_xid

    def start(self) -> None:
        """Connect. Raises ConnectError when there is no session within the connect time limit, or AuthFailedError."""
        if self._closed:
            raise ConnectionLossError("the client is closed")
        self._session.start()

    def stop(self) -> None:
        """Close the session: its ephemeral nodes are gone afterwards. It can be started again."""
        self._session.stop()

    def close(self) -> None:
        """Release everything at once; a session that was not stopped ends by its time limit. May be called again."""
        self._closed = True
        self._session.end()
        self._session.forget_callbacks()

    def add_listener(self, listener: Listener) -> None:
        """Have a callback called with kazoo's KazooState at each change.

        CONNECTED: usable. SUSPENDED: no connection now. LOST: the session has ended, with its ephemeral nodes and
        watches; the next CONNECTED is a new session. The callback may issue operations.
        """
        self._session.add_listener(listener)

    def add_auth(self, scheme: str, credential: bytes) -> None:
        """Add an identity to the session, at this and all later members.

        Raises AuthFailedError if the ensemble refuses it; the client is then unusable until it is stopped.
        """
        connection = self._session.connection
        if connection is not None:
            limit_s = self.settings.operation_timeout_s
            with gevent.Timeout(limit_s, OperationTimeoutError(f"no answer to credentials within {limit_s:.3g} s")):
                connection.authenticate(scheme, credential)
        self._session.credentials.append((scheme, credential))

    # ---- Operations.

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        """Return value and stat."""
        connection = self._session.connection or self._session.usable_connection()
        reply = connection.call(protocol.GET_DATA, self._paths[path] + (_NO_WATCH if watch is None else _WATCH))
        if watch is not None:
            self._watch(DATA, path, watch)
        try:
            return jute.read_data_and_stat(reply)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

    def get_value(self, path: str, watch: Watch | None = None) -> bytes:
        """Return the value without the stat, which takes longer to read than the rest of the reply."""
        connection = self._session.connection or self._session.usable_connection()
        reply = connection.call(protocol.GET_DATA, self._paths[path] + (_NO_WATCH if watch is None else _WATCH))
        if watch is not None:
            self._watch(DATA, path, watch)
        try:
            return jute.read_data(reply)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        """Return the stat, or None where there is no such node; then the watch waits for its creation."""
        connection = self._session.connection or self._session.usable_connection()
        try:
            reply = connection.call(protocol.EXISTS, self._paths[path] + (_NO_WATCH if watch is None else _WATCH))
        except NoNodeError:
            if watch is not None:
                self._watch(EXIST, path, watch)
            return None
        if watch is not None:
            self._watch(DATA, path, watch)
        try:
            return jute.read_stat(reply)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        """Replace the value and return the new stat; `version` -1 matches any."""
        connection = self._session.connection or self._session.usable_connection()
        tail = _ANY_VERSION if version == -1 else _length(version)
        reply = connection.call(protocol.SET_DATA, self._paths[path] + _length(len(value)) + value + tail)
        try:
            return jute.read_stat(reply)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node that everybody may use; return its path, with the sequence number where there is one."""
        connection = self._session.connection or self._session.usable_connection()
        request = Create(path, value, ephemeral, sequence)
        reply = connection.call(protocol.CREATE, request.body(self._paths))
        try:
            return request.result(reply, self._paths)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

    def delete(self, path: str, version: int = -1) -> None:
        """Remove a node without children."""
        connection = self._session.connection or self._session.usable_connection()
        reply = connection.call(protocol.DELETE, self._paths[path] + _length(version))
        try:
            jute.read_nothing(reply)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

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
        connection = self._session.connection or self._session.usable_connection()
        opcode = protocol.GET_CHILDREN2 if include_data else protocol.GET_CHILDREN
        reply = connection.call(opcode, self._paths[path] + (_NO_WATCH if watch is None else _WATCH))
        if watch is not None:
            self._watch(CHILD, path, watch)
        try:
            return jute.read_children_and_stat(reply) if include_data else jute.read_children(reply)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

    def multi(self, steps: Sequence[Step]) -> list[Result]:
        """Carry out all steps or none; return their results. Raises the error of the step that failed."""
        connection = self._session.connection or self._session.usable_connection()
        reply = connection.call(protocol.MULTI, multi_body(steps, self._paths))
        try:
            return multi_results(reply, steps, self._paths)
        except jute.MALFORMED as error:
            raise connection.malformed(error) from None

    def pipeline(self, requests: Iterable[Request], *, window: int = PIPELINE_WINDOW) -> Iterator[Result | ServerError]:
        """Send requests, at most `window` outstanding; yield their results in order.

        A refused request yields its ServerError. Any other error is raised, and ends the pipeline.
        """
        yield from pipeline.run(self._session.usable_connection(), requests, self._paths, window)

    def _watch(self, kind: int, path: str, watch: Watch) -> None:
        self._session.watches.add(kind, self._paths.server_path(path), watch)
