"""Many outstanding requests at once: round trips would otherwise limit how fast a tree is filled."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from gevent import get_hub, getcurrent

from zk_locust.clients.native import jute
from zk_locust.clients.native.connection import Connection
from zk_locust.clients.native.paths import ServerPaths
from zk_locust.clients.native.requests import Request, Result
from zk_locust.contract.errors import ClientError, ServerError


class _Window:
    """Takes the replies to outstanding requests; wakes its greenlet when enough have come."""

    __slots__ = ("_greenlet", "_hub", "_wanted", "failure", "replies")

    def __init__(self) -> None:
        self._hub: Any = get_hub()
        self._greenlet: Any = None
        self._wanted = 0
        self.replies: deque[bytes | ServerError] = deque()
        self.failure: ClientError | None = None

    def switch(self, reply: bytes, /) -> None:
        self.replies.append(reply)
        self._wake()

    def throw(self, error: ClientError, /) -> None:
        if isinstance(error, ServerError):
            self.replies.append(error)
        elif self.failure is None:
            self.failure = error
        self._wake()

    def wait_for(self, count: int) -> None:
        """Return when this many replies have come, or no more will come."""
        self._wanted = count
        self._greenlet = getcurrent()
        try:
            while len(self.replies) < count and self.failure is None:
                self._hub.switch()
        finally:
            self._greenlet = None

    def _wake(self) -> None:
        if self._greenlet is not None and (len(self.replies) >= self._wanted or self.failure is not None):
            self._greenlet.switch()


def run(
    connection: Connection, requests: Iterable[Request], paths: ServerPaths, window: int
) -> Iterator[Result | ServerError]:
    """Send the requests, at most `window` outstanding; yield their results in order.

    A refused request yields its ServerError, and the others continue. Any other error is raised after the results
    before it; outstanding requests are then undecided. These are ConnectionLossError, SessionExpiredError,
    OperationTimeoutError, ProtocolError, and BadArgumentsError for an invalid path.
    """
    # Half a window is sent in one piece while the other half is outstanding.
    piece = max(window // 2, 1)
    source = iter(requests)
    replies = _Window()
    under_way: deque[Request] = deque()
    while True:
        batch = list(islice(source, piece)) if replies.failure is None else []
        if batch:
            under_way.extend(batch)
            try:
                connection.submit([(request.opcode, request.body(paths)) for request in batch], replies)
            except ClientError as error:
                replies.failure = error
        due = len(under_way) - (window - piece if batch else 0)
        if due > 0:
            replies.wait_for(due)
            for _ in range(min(due, len(replies.replies))):
                yield _result(connection, under_way.popleft(), replies.replies.popleft(), paths)
        if replies.failure is not None and not replies.replies:
            raise replies.failure
        if not batch and not under_way:
            return


def _result(connection: Connection, request: Request, reply: bytes | ServerError, paths: ServerPaths) -> Any:
    if isinstance(reply, ServerError):
        return reply
    try:
        return request.result(reply, paths)
    except jute.MALFORMED as error:
        raise connection.malformed(error) from None
