"""Users' callbacks, run one after another in their own greenlet, so that each may issue operations."""

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent


class CallbackQueue:
    """Callbacks in the order of their events, as in ZooKeeper's event thread. The greenlet lives while there are any.

    gevent's hub reports what a callback raises, on stderr. The other callbacks still run.
    """

    __slots__ = ("_greenlet", "_hub", "_queue")

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._queue: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._greenlet: Any = None

    def put(self, callback: Callable[[Any], object], argument: object) -> None:
        """Have the callback called with the argument; does not wait."""
        self._queue.append((callback, argument))
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def clear(self) -> None:
        """Forget waiting callbacks; the running one continues."""
        self._queue.clear()

    def _run(self) -> None:
        try:
            while self._queue:
                callback, argument = self._queue.popleft()
                try:
                    callback(argument)
                except (Exception, gevent.Timeout):
                    self._hub.handle_error(callback, *sys.exc_info())
        finally:
            self._greenlet = None
            # A callback may end its own greenlet; the others still run.
            if self._queue:
                self._greenlet = gevent.spawn(self._run)
