"""kazoo's handlers: gevent's with time limits that are errors, and the same with a cheaper `select`.

In kazoo's gevent handler, `get_async(…).get(timeout=…)` raises gevent.Timeout, which `except Exception` does not catch:
it would end the user. Here it raises KazooTimeoutError, as with threads.

kazoo calls `select` five times per operation, and each call builds and destroys a selector: some 20 system calls. This
one first calls poll(2) without waiting, which is often enough. Otherwise it waits with watchers of gevent's loop, which
it keeps from call to call.
"""

import select
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent
import gevent.event
from gevent.hub import Waiter
from gevent.monkey import get_original
from kazoo.handlers.gevent import SequentialGeventHandler
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.handlers.utils import fileobj_to_fd

_READ: Final = 1  # of gevent's loop
_WRITE: Final = 2
_READABLE: Final = select.POLLIN | select.POLLHUP | select.POLLERR
_WRITABLE: Final = select.POLLOUT | select.POLLHUP | select.POLLERR
_WATCHERS_KEPT: Final = 4

_poll: Any = get_original("select", "poll")


class TimedResult(gevent.event.AsyncResult):  # type: ignore[misc]
    """gevent's result, with KazooTimeoutError for its own time limit. Blocks with gevent.Timeout stay as they are."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the value or raise the error; KazooTimeoutError after `timeout` seconds without either."""
        if block and timeout is None:
            return super().get()
        if block:
            self.wait(timeout)
        if not self.ready():
            raise KazooTimeoutError("no result yet" if timeout is None else f"no result within {timeout:g} s")
        return super().get(block=False)

    def get_nowait(self) -> Any:
        """Return the value or raise the error; KazooTimeoutError if there is neither yet."""
        return self.get(block=False)


class TimedGeventHandler(SequentialGeventHandler):  # type: ignore[misc]
    """kazoo's gevent handler with time limits that are errors."""

    timeout_exception = KazooTimeoutError

    def async_result(self) -> TimedResult:
        """Return a result without a value yet."""
        return TimedResult()


class FastSelectGeventHandler(TimedGeventHandler):
    """This handler with a `select` of a few system calls at most. Not for TLS."""

    def __init__(self) -> None:
        super().__init__()
        # By socket: descriptors are reused by the next connection, watchers must not be.
        self._watchers: dict[tuple[int, int], tuple[Any, int, Any]] = {}

    def select(
        self, rlist: Sequence[Any], wlist: Sequence[Any], xlist: Sequence[Any], timeout: float | None = None
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return the readable and the writable sockets; none after `timeout` seconds."""
        del xlist  # kazoo has none
        reads = [(fileobj_to_fd(socket), socket) for socket in rlist]
        writes = [(fileobj_to_fd(socket), socket) for socket in wlist]
        readable, writable = self._ready(reads, writes)
        if readable or writable or timeout == 0:
            return readable, writable, []
        self._wait([(fd, s, _READ) for fd, s in reads] + [(fd, s, _WRITE) for fd, s in writes], timeout)
        return (*self._ready(reads, writes), [])

    def stop(self) -> None:
        """Stop the workers and close the watchers."""
        super().stop()
        self._forget_watchers()

    @staticmethod
    def _ready(reads: list[tuple[int, Any]], writes: list[tuple[int, Any]]) -> tuple[list[Any], list[Any]]:
        masks: dict[int, int] = {}
        for fd, _ in reads:
            masks[fd] = select.POLLIN
        for fd, _ in writes:
            masks[fd] = masks.get(fd, 0) | select.POLLOUT
        poll = _poll()
        for fd, mask in masks.items():
            poll.register(fd, mask)
        ready = dict(poll.poll(0))
        if not ready:
            return [], []
        if any(events & select.POLLNVAL for events in ready.values()):
            raise ValueError("Invalid event mask or fd")  # kazoo's own message
        return (
            [socket for fd, socket in reads if ready.get(fd, 0) & _READABLE],
            [socket for fd, socket in writes if ready.get(fd, 0) & _WRITABLE],
        )

    def _wait(self, wanted: list[tuple[int, Any, int]], timeout: float | None) -> None:
        """Wait until a socket is ready, or for `timeout` seconds. No watcher stays active."""
        if len(self._watchers) > _WATCHERS_KEPT:
            self._forget_watchers()  # most are those of earlier connections
        hub = gevent.get_hub()
        waiter: Any = Waiter(hub)
        active = [self._watcher(hub, fd, socket, events) for fd, socket, events in wanted]
        timer = None if timeout is None else hub.loop.timer(timeout)
        wake: Callable[..., None] = waiter.switch
        try:
            for watcher in active:
                watcher.start(wake, None)
            if timer is not None:
                # Without the update the loop's clock is old, and a wait after a long turn would end at once.
                timer.start(wake, None, update=True)
            waiter.get()
        finally:
            for watcher in active:
                watcher.stop()
            if timer is not None:
                timer.stop()
                timer.close()

    def _watcher(self, hub: Any, fd: int, socket: Any, events: int) -> Any:
        key = (id(socket), events)
        kept = self._watchers.get(key)
        if kept is not None and kept[0] is socket and kept[1] == fd:
            return kept[2]
        watcher = hub.loop.io(fd, events)
        self._watchers[key] = (socket, fd, watcher)
        return watcher

    def _forget_watchers(self) -> None:
        watchers, self._watchers = self._watchers, {}
        for _, _, watcher in watchers.values():
            if not watcher.active:
                watcher.close()


HANDLERS: Final[dict[str, Callable[[], Any]]] = {
    "gevent": TimedGeventHandler,
    "gevent-fast": FastSelectGeventHandler,
    "threading": SequentialThreadingHandler,
}
