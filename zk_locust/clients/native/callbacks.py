"""Users' callbacks, run one after another in a greenlet of their own, so that each may itself issue operations."""

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent


class CallbackQueue:
    """Callbacks in the order of what they tell, as in ZooKeeper's event thread. The greenlet lives while there are any.

    What a callback raises is reported by gevent's hub, on stderr, and ends nothing else.
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
        """Forget what has not been called; a callback that runs now goes on."""
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
            # A callback may end its own greenlet; the others are not concerned.
            if self._queue:
                self._greenlet = gevent.spawn(self._run)
