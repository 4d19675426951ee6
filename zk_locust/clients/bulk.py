"""A session for many outstanding requests: it fills and removes trees before and after a load.

The native client sends many requests without waiting. If the load needs TLS or SASL, or makes its own clients, the
users' client does it with many greenlets instead: trees are never sent less protected than the load.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from gevent.pool import Pool

from zk_locust.clients import create_client
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native import Create, Delete, GetChildren, Request, Result
from zk_locust.clients.native.client import PIPELINE_WINDOW
from zk_locust.contract.errors import AuthFailedError, ConnectError, ServerError
from zk_locust.contract.options import Options
from zk_locust.contract.protection import unprotected


def pipeline(
    client: ZooKeeperClient, requests: Iterable[Request], *, window: int = PIPELINE_WINDOW
) -> Iterator[Result | ServerError]:
    """Carry out the requests in order; yield each result, or the ServerError of a refused request.

    For a client without a pipeline, greenlets share its session, and each sends one request at a time.
    """
    if own := getattr(client, "pipeline", None):
        yield from own(requests, window=window)
        return
    pool = Pool(window)
    try:
        for found in pool.imap(partial(_outcome, client), requests, maxsize=window):
            if isinstance(found, BaseException) and not isinstance(found, ServerError):
                raise found
            yield found
    finally:
        pool.kill()


def _outcome(client: ZooKeeperClient, request: Request) -> Result | Exception:
    try:
        match request:
            case Create():
                marks = {"ephemeral": request.ephemeral, "sequence": request.sequence}
                return client.create(request.path, request.value, **marks)
            case Delete():
                client.delete(request.path, request.version)
                return None
            case GetChildren():
                return client.get_children(request.path)
        return TypeError(f"{request!r} is not a request for trees")
    except Exception as error:
        return error  # not raised: gevent prints exceptions that leave a greenlet


@contextmanager
def bulk_session(options: Options) -> Iterator[ZooKeeperClient]:
    """Return a session of the native client, or of the users' client if it must be that. Raises ClientError."""
    client = _started(options)
    try:
        yield client
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
