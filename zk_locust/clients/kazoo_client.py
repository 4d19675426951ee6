"""The `kazoo` client: what Python applications use, with a time limit on every operation.

kazoo has none: against a silent server its operations wait, queued, for as long as the state is CONNECTING.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any, Literal, NoReturn, overload

import gevent
from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionClosedError, KazooException, ZookeeperError
from kazoo.handlers.gevent import SequentialGeventHandler
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.retry import KazooRetry

from zk_locust.clients.interface import ClientSettings, Watch, ZnodeStat
from zk_locust.errors import ConnectError, ConnectionLossError, OperationTimeoutError, ProtocolError, server_error

_HANDLERS: dict[str, Callable[[], Any]] = {
    "gevent": SequentialGeventHandler,
    "threading": SequentialThreadingHandler,
}
# kazoo's own back-off doubles up to an hour: a member that is back would stay without load.
_RECONNECT_MAX_DELAY_S = 1.0


class KazooZooKeeperClient:
    """One kazoo session. kazoo reconnects by itself, also with a new session after the old one has expired."""

    def __init__(self, settings: ClientSettings, *, handler: str = "gevent") -> None:
        self._settings = settings
        self._time_limit_s = settings.operation_timeout_s
        self._kazoo: Any = KazooClient(
            hosts=settings.hosts,
            timeout=settings.session_timeout_s,
            handler=_HANDLERS[handler](),
            connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=_RECONNECT_MAX_DELAY_S),
        )

    @property
    def kazoo(self) -> KazooClient:
        """kazoo's own client, for what the interface does not have."""
        return self._kazoo

    @property
    def connected(self) -> bool:
        """Whether kazoo has a session on a live connection."""
        return bool(self._kazoo.connected)

    def start(self) -> None:
        """Connect. Raises ConnectError when there is no session within the connect time limit."""
        limit_s = self._settings.connect_timeout_s
        began = time.perf_counter()
        try:
            self._kazoo.start(timeout=limit_s)
        except (gevent.Timeout, KazooTimeoutError) as error:
            if isinstance(error, gevent.Timeout) and time.perf_counter() - began < limit_s * 0.99:
                raise  # somebody else's time limit, not ours
            raise ConnectError(f"no session with {self._settings.hosts} within {limit_s:g} s") from None
        except KazooException as error:
            raise ConnectError(f"no session with {self._settings.hosts}: {error!r}") from error

    def stop(self) -> None:
        """Close the session."""
        # Against a silent server kazoo gives up waiting for its writer; the session then ends by its timeout.
        with contextlib.suppress(KazooException):
            self._kazoo.stop()

    def close(self) -> None:
        """Give the descriptors back; kazoo keeps two without this."""
        # kazoo refuses, with a plain Exception, while its writer is still there: it takes them with it.
        with contextlib.suppress(Exception):
            self._kazoo.close()

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        """Return value and stat."""
        return self._reply(self._kazoo.get_async(path, watch))  # type: ignore[no-any-return]

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        """Return the stat, or None where there is no such node."""
        return self._reply(self._kazoo.exists_async(path, watch))

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        """Replace the value."""
        return self._reply(self._kazoo.set_async(path, value, version))

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node; return its path."""
        result = self._kazoo.create_async(path, value, ephemeral=ephemeral, sequence=sequence)
        return self._reply(result)  # type: ignore[no-any-return]

    def delete(self, path: str, version: int = -1) -> None:
        """Remove a node without children."""
        self._reply(self._kazoo.delete_async(path, version))

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
        return self._reply(self._kazoo.get_children_async(path, watch, include_data))

    def _reply(self, result: Any) -> Any:
        began = time.perf_counter()
        try:
            return result.get(timeout=self._time_limit_s)
        except (gevent.Timeout, KazooTimeoutError) as error:
            if isinstance(error, gevent.Timeout) and time.perf_counter() - began < self._time_limit_s * 0.99:
                raise  # somebody else's time limit, not ours
            raise OperationTimeoutError(f"no reply within {self._time_limit_s:g} s") from None
        except KazooException as error:
            _raise_as_ours(error)


def _raise_as_ours(error: KazooException) -> NoReturn:
    if isinstance(error, ConnectionClosedError):
        raise ConnectionLossError(str(error) or "connection closed") from error
    if isinstance(error, ZookeeperError):
        raise server_error(error.code, type(error).__name__) from error
    raise ProtocolError(repr(error)) from error
