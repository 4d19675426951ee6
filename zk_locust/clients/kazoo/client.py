"""The `kazoo` client: what Python applications use, with a time limit on every operation.

kazoo has none: while its state is CONNECTING, its operations wait in a queue.
"""

import contextlib
import logging
import socket
import time
from collections.abc import Sequence
from typing import Any, Final, Literal, NoReturn, overload

import gevent
from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError as KazooAuthFailedError
from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, KazooException, ZookeeperError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.serialization import SASL, Auth
from kazoo.protocol.states import KazooState, KeeperState
from kazoo.retry import KazooRetry

from zk_locust.clients.interface import ClientSettings, LastReply, Watch, ZnodeStat
from zk_locust.clients.kazoo.handlers import HANDLERS
from zk_locust.contract.connect_string import Address
from zk_locust.contract.errors import (
    AuthFailedError,
    ConnectError,
    ConnectionLossError,
    OperationTimeoutError,
    ProtocolError,
    loss_over_size,
    server_error,
)
from zk_locust.contract.sasl_options import KazooOptions

# kazoo's own back-off doubles up to an hour: a restarted member would get no load.
_RECONNECT_MAX_DELAY_S = 1.0


class KazooZooKeeperClient:
    """One kazoo session. kazoo reconnects by itself, with a new session if the old one has expired."""

    last_xid: Final = 0

    def __init__(
        self,
        settings: ClientSettings,
        options: KazooOptions | None = None,
        *,
        handler: str | None = None,
        credentials: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        self.last_reply = LastReply()  # kazoo does not know when one arrived
        self._settings = settings
        self._time_limit_s = settings.operation_timeout_s
        options = options or KazooOptions()
        self._authenticates = bool(options.sasl)
        self._log = _LastProblem(logging.getLogger("kazoo.client"))
        own_handler = HANDLERS[handler or options.handler]()
        arguments: dict[str, Any] = {
            "hosts": settings.hosts,
            "timeout": settings.session_timeout_s,
            "handler": own_handler,
            "connection_retry": KazooRetry(
                max_tries=-1, delay=0.05, max_delay=_RECONNECT_MAX_DELAY_S, sleep_func=own_handler.sleep_func
            ),
            "logger": self._log,
        }
        if credentials:
            arguments["auth_data"] = [(scheme, credential.decode()) for scheme, credential in credentials]
        self._silent_since: float | None = None  # when the first unanswered request was sent
        self._kazoo: Any = options.maker()(arguments | options.arguments())
        self.last_connection: tuple[int, str] = (0, "")
        """Session id and member (host:port) of the newest connection, which may be lost."""
        self._kazoo.add_listener(self._note_connection)

    @property
    def kazoo(self) -> KazooClient:
        """kazoo's own client, for what the interface lacks."""
        return self._kazoo

    @property
    def connected(self) -> bool:
        """Whether kazoo has a session on a live connection."""
        return bool(self._kazoo.connected)

    def start(self) -> None:
        """Connect. Raises ConnectError when there is no session within the connect time limit, or AuthFailedError."""
        limit_s = self._settings.connect_timeout_s
        began = time.perf_counter()
        self._log.problem = ""
        try:
            self._kazoo.start(timeout=limit_s)
            if self._authenticates:
                self._await_authentication(limit_s - (time.perf_counter() - began))
        except (gevent.Timeout, KazooTimeoutError) as error:
            if isinstance(error, gevent.Timeout) and time.perf_counter() - began < limit_s * 0.99:
                raise  # the caller's time limit, not ours
            because = f": {self._log.problem}" if self._log.problem else ""
            raise ConnectError(f"no session with {self._settings.hosts} within {limit_s:g} s{because}") from None
        except KazooAuthFailedError as error:
            raise AuthFailedError("the ensemble refused the SASL credentials") from error
        except KazooException as error:
            raise ConnectError(f"no session with {self._settings.hosts}: {error!r}") from error

    def _note_connection(self, state: str) -> None:
        told = self._kazoo.client_id if state == KazooState.CONNECTED else None
        if told is not None:
            self.last_connection = int(told[0]), self._log.member

    def _await_authentication(self, limit_s: float) -> None:
        """Return when the ensemble has accepted the credentials: kazoo reports a connection before that."""
        try:
            self._kazoo.exists_async("/").get(timeout=max(0.1, limit_s))
        except (ConnectionLoss, ConnectionClosedError) as error:
            self.stop()
            raise AuthFailedError(
                "the ensemble closed the connection over the SASL credentials; they are wrong, or it knows no SASL"
            ) from error
        except BaseException:
            self.stop()
            raise

    def __getattr__(self, name: str) -> Any:
        """Return kazoo's own attribute, for what the interface lacks. Its errors are kazoo's."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._kazoo, name)

    def stop(self) -> None:
        """Close the session."""
        # Against a silent server kazoo gives up waiting for its writer; the session then ends by its timeout.
        with contextlib.suppress(KazooException):
            self._kazoo.stop()

    def close(self) -> None:
        """Close two descriptors that kazoo keeps otherwise."""
        # kazoo raises a plain Exception while its writer runs; the writer then closes them.
        with contextlib.suppress(Exception):
            self._kazoo.close()

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        """Return value and stat."""
        return self._reply(self._ready().get_async(path, watch))  # type: ignore[no-any-return]

    def get_value(self, path: str, watch: Watch | None = None) -> bytes:
        """Return the value alone."""
        return self.get(path, watch)[0]

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        """Return the stat, or None where there is no such node."""
        return self._reply(self._ready().exists_async(path, watch))

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        """Replace the value."""
        return self._reply(self._ready().set_async(path, value, version), len(path) + len(value))

    def create(
        self,
        path: str,
        value: bytes = b"",
        acl: Any = None,
        ephemeral: bool = False,
        sequence: bool = False,
        makepath: bool = False,
    ) -> str:
        """Create a node; return its path. The arguments are kazoo's, for locustfiles of 2019."""
        result = self._ready().create_async(path, value, acl, ephemeral, sequence, makepath)
        return self._reply(result, len(path) + len(value))  # type: ignore[no-any-return]

    def delete(self, path: str, version: int = -1, recursive: bool = False) -> None:
        """Remove a node; with `recursive`, for locustfiles of 2019, its children too, one request after the other."""
        if recursive:
            for child in self.get_children(path):
                self.delete(f"{path.rstrip('/')}/{child}", recursive=True)
        self._reply(self._ready().delete_async(path, version))

    @overload
    def get_children(
        self, path: str, watch: Watch | None = None, include_data: Literal[False] = False
    ) -> list[str]: ...
    @overload
    def get_children(
        self, path: str, watch: Watch | None = None, *, include_data: Literal[True]
    ) -> tuple[list[str], ZnodeStat]: ...
    def get_children(self, path: str, watch: Watch | None = None, include_data: bool = False) -> Any:
        """Return the children's names, with the node's stat where `include_data` is true."""
        return self._reply(self._ready().get_children_async(path, watch, include_data))

    def _ready(self) -> Any:
        """Return kazoo's client once it has a connection. Raises ConnectionLossError if that takes too long.

        While kazoo connects, its queue only grows. After some hundred operations the pipe that wakes kazoo would be
        full, and the next operation would block without a time limit.
        """
        kazoo = self._kazoo
        if kazoo.client_state == KeeperState.CONNECTING and not kazoo._live.wait(self._time_limit_s):
            because = f" ({self._log.problem})" if self._log.problem else ""
            raise ConnectionLossError(f"no connection within {self._time_limit_s:g} s{because}")
        return kazoo

    def _reply(self, result: Any, sent_bytes: int = 0) -> Any:
        began = time.perf_counter()
        try:
            reply = result.get(timeout=self._time_limit_s)
            self._silent_since = None
            return reply
        except (gevent.Timeout, KazooTimeoutError) as error:
            if isinstance(error, gevent.Timeout) and time.perf_counter() - began < self._time_limit_s * 0.99:
                raise  # the caller's time limit, not ours
            self._leave_a_silent_member(began)
            raise OperationTimeoutError(f"no reply within {self._time_limit_s:g} s") from None
        except KazooException as error:
            _raise_as_ours(error, sent_bytes)

    def _leave_a_silent_member(self, asked_s: float) -> None:
        """Have kazoo try another member after two thirds of the session's time limit without a reply.

        kazoo notices by itself only if a ping stays unanswered, and it sends no ping while requests are sent.
        """
        if self._silent_since is None:
            self._silent_since = asked_s
        elif time.perf_counter() - self._silent_since > self._settings.session_timeout_s * 2 / 3:
            self._silent_since = None
            connected_by = getattr(self._kazoo._connection, "_socket", None)
            if connected_by is not None:
                with contextlib.suppress(OSError):
                    connected_by.shutdown(socket.SHUT_RDWR)


class _LastProblem(logging.LoggerAdapter[logging.Logger]):
    """kazoo's logger. It remembers the last problem: kazoo's timeout error does not name it.

    It also remembers which member kazoo connects to, which kazoo tells nobody else.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__(logger, {})
        self.problem = ""
        self.member = ""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Remember a warning or an error, and log it."""
        # At DEBUG kazoo logs complete requests. These two consist of secrets.
        args = tuple(f"{type(arg).__name__}(…)" if isinstance(arg, (Auth, SASL)) else arg for arg in args)
        if str(msg).startswith("Connecting to ") and len(args) > 2:
            self.member = str(Address(str(args[0]), int(str(args[2]))))
        # The last message only says that kazoo has given up.
        if level >= logging.WARNING and not str(msg).startswith("Failed connecting"):
            self.problem = str(msg) % args if args else str(msg)
        super().log(level, msg, *args, **kwargs)

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Leave the message as it is."""
        return msg, kwargs


def _raise_as_ours(error: KazooException, sent_bytes: int = 0) -> NoReturn:
    if isinstance(error, (ConnectionClosedError, ConnectionLoss)) and (too_large := loss_over_size(sent_bytes)):
        raise too_large from error
    if isinstance(error, ConnectionClosedError):
        raise ConnectionLossError(str(error) or "connection closed") from error
    if isinstance(error, ZookeeperError):
        raise server_error(error.code, type(error).__name__) from error
    raise ProtocolError(repr(error)) from error
