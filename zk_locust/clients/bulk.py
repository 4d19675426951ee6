"""A session for many outstanding requests: it fills and removes trees before and after a load.

The native client sends many requests without waiting. If the load needs TLS or SASL, or makes its own clients, the
users' client does it with many greenlets instead: trees are never sent less protected than the load.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from gevent.pool import Pool

from zk_locust.clients import create_client
from zk_locust.clients.interface import ZnodeStat, ZooKeeperClient
from zk_locust.clients.native import Create, Delete, GetChildren, Request, Result
from zk_locust.clients.native.client import PIPELINE_WINDOW
from zk_locust.contract.errors import AuthFailedError, ConnectError, ServerError
from zk_locust.contract.options import Options
from zk_locust.contract.protection import unprotected


@runtime_checkable
class BulkClient(Protocol):
    """A client that fills and removes trees."""

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node that everybody may use; return its path."""
        ...

    def get(self, path: str) -> tuple[bytes, ZnodeStat]:
        """Return a node's value and its stat."""
        ...

    def get_children(self, path: str) -> list[str]:
        """Return the names of the children, in no order."""
        ...

    def pipeline(self, requests: Iterable[Request], *, window: int = ...) -> Iterator[Result | ServerError]:
        """Carry out the requests in order; yield each result, or the ServerError of a refused request."""
        ...


class Concurrent:
    """Any client as a BulkClient: greenlets share its session, and each sends one request at a time, in order."""

    def __init__(self, client: ZooKeeperClient) -> None:
        self._client = client

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node that everybody may use; return its path."""
        return self._client.create(path, value, ephemeral=ephemeral, sequence=sequence)

    def get(self, path: str) -> tuple[bytes, ZnodeStat]:
        """Return a node's value and its stat."""
        return self._client.get(path)

    def get_children(self, path: str) -> list[str]:
        """Return the names of the children, in no order."""
        return self._client.get_children(path)

    def pipeline(self, requests: Iterable[Request], *, window: int = PIPELINE_WINDOW) -> Iterator[Result | ServerError]:
        """Carry out the requests in order; yield each result, or the ServerError of a refused request."""
        pool = Pool(window)
        try:
            for found in pool.imap(self._outcome, requests, maxsize=window):
                if isinstance(found, BaseException) and not isinstance(found, ServerError):
                    raise found
                yield found
        finally:
            pool.kill()

    def _outcome(self, request: Request) -> Result | Exception:
        # Returned, not raised: gevent prints exceptions that leave a greenlet.
        try:
            return self._carry_out(request)
        except Exception as error:
            return error

    def _carry_out(self, request: Request) -> Result:
        match request:
            case Create():
                return self.create(request.path, request.value, ephemeral=request.ephemeral, sequence=request.sequence)
            case Delete():
                self._client.delete(request.path, request.version)
                return None
            case GetChildren():
                return self.get_children(request.path)
        raise TypeError(f"{request!r} is not a request for trees")


@contextmanager
def bulk_session(options: Options) -> Iterator[BulkClient]:
    """Return a session of the native client, or of the users' client if it must be that. Raises ClientError."""
    client = _started(options)
    try:
        yield client if isinstance(client, BulkClient) else Concurrent(client)
        client.stop()
    finally:
        client.close()


def _started(options: Options) -> ZooKeeperClient:
    if not _needs_the_users_client(options):
        try:
            return _start(create_client(options, "native"))
        except (ConnectError, AuthFailedError):
            if options.client == "native":
                raise
    return _start(create_client(options))


def _start(client: ZooKeeperClient) -> ZooKeeperClient:
    try:
        client.start()
    except BaseException:
        client.close()
        raise
    return client


def _needs_the_users_client(options: Options) -> bool:
    own_maker = options.client == "kazoo" and options.kazoo.create_client
    return bool(own_maker or unprotected("native", options.kazoo.protecting()))
