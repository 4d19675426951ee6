"""Driving one handle of the library (`zhandle_t`) from the gevent loop.

The library never waits by itself: `zookeeper_interest` says which descriptor to watch, for what, and when to call
again; `zookeeper_process` does what is due (zookeeper.h). So an operation is `zoo_a…`, which sends, one wake-up of the
loop, and `zookeeper_process`, which receives. `zookeeper_interest` is called only if its answer can change: after a
change of the connection, while something is left to send, and when its time is over. Traffic only extends that time, so
one timer suffices; it is set again when it fires.

The call that finds a connection broken also closes its descriptor. The watcher is stopped right after that call: libev
must never wait for a closed descriptor. Not every such call returns an error (`nonblocking_send` returns OK), but each
leaves the handle in a state without a connection. So the state is looked at before each `zookeeper_interest`, which may
open another descriptor under the same number, and after each operation.
"""

import time
from typing import Any, Final

from gevent import get_hub

from zk_locust.clients.libzookeeper import cdef, farewell
from zk_locust.clients.libzookeeper.library import Library

# After an error the library tries another member, or asks for a pause, at once.
RETRY_S: Final = 0.001

_READ: Final = 1
_WRITE: Final = 2

monotonic: Final = time.monotonic


class LoopDriver:
    """The watcher and the timer of one handle, in one hub's thread.

    A subclass uses the handle. Its hooks are never called within a call of the library, and must not wait.
    """

    __slots__ = (
        "_descriptor",
        "_due",
        "_events",
        "_hub",
        "_interest",
        "_io",
        "_lib",
        "_library",
        "_process",
        "_settled",
        "_state",
        "_time_left",
        "_timer",
        "connected",
        "pointer",
        "problem",
    )

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lib = library.lib
        self._process = library.lib.zookeeper_process
        self._state = library.lib.zoo_state
        self._hub: Any = get_hub()
        self._descriptor = library.ffi.new("int *", -1)
        self._interest = library.ffi.new("int *")
        self._time_left = library.ffi.new("struct timeval *")
        self._io: Any = None
        self._events = 0
        self._timer: Any = None
        self._due = 0.0
        # Connected, with nothing left to send: only a call that fails changes the descriptor now.
        self._settled = False
        self.connected = False
        self.problem = "no member has answered"
        self.pointer: Any = library.ffi.NULL

    # ---- Hooks.

    def _next_deadline(self) -> float:
        """Return when to call `_on_deadline`, on the monotonic clock; infinity for never."""
        raise NotImplementedError

    def _on_deadline(self) -> None:
        """End what is overdue. May be called too early."""
        raise NotImplementedError

    def _on_connected(self) -> None:
        """Learn that there is a session on a connection."""
        raise NotImplementedError

    def _on_ended(self, code: int) -> None:
        """Learn that the handle has ended: SESSION_EXPIRED or AUTH_FAILED."""
        raise NotImplementedError

    def _deliver(self) -> None:
        """Hand on what a call of the library has received. Called in the hub."""
        raise NotImplementedError

    # ---- Called by the loop.

    def _on_readable(self) -> None:
        code = self._process(self.pointer, self._library.read)
        if not self._settled or (code != cdef.OK and code != cdef.NOTHING):
            self._after(code)
        self._deliver()

    def _on_ready(self, events: int) -> None:
        library = self._library
        wanted = (library.read if events & _READ else 0) | (library.write if events & _WRITE else 0)
        self._after(self._process(self.pointer, wanted))
        self._deliver()

    def _on_time(self) -> None:
        code = cdef.NOTHING
        if self.connected:
            # A blocked hub sees the timer first: replies that have come meanwhile count.
            code = self._process(self.pointer, self._library.read)
        self._on_deadline()
        self._after(code)
        self._deliver()

    # ---- The connection.

    def _after(self, code: int) -> None:
        """Follow the library after a call that returned this code."""
        if code != cdef.OK and code != cdef.NOTHING:
            self._lose(code)
        self._update()

    def _update(self) -> None:
        """Watch the descriptor and set the timer as the library asks."""
        library = self._library
        watched = self._descriptor[0]
        if self._watches_closed(self._state(self.pointer)):
            self._lose(cdef.CONNECTION_LOSS)
        code = self._lib.zookeeper_interest(self.pointer, self._descriptor, self._interest, self._time_left)
        state = self._state(self.pointer)
        if state < 0:
            self._lose(code)
            expired = state == self._lib.ZOO_EXPIRED_SESSION_STATE
            self._on_ended(cdef.SESSION_EXPIRED if expired else cdef.AUTH_FAILED)
            return
        if code != cdef.OK:
            self._lose(code)
            if state == library.connected_state:
                # A ping could not be sent.
                self._break_off()
            self._wake_at(monotonic() + RETRY_S)
            return
        wanted = self._interest[0]
        events = (_READ if wanted & library.read else 0) | (_WRITE if wanted & library.write else 0)
        if events != self._events or self._descriptor[0] != watched:
            self._stop_io()
            if events:
                self._watch(events)
        connected = state == library.connected_state
        self._settled = connected and events == _READ
        left = self._time_left
        self._wake_at(monotonic() + max(left.tv_sec + left.tv_usec / 1_000_000, RETRY_S))
        if connected and not self.connected:
            self.connected = True
            self._on_connected()

    def _watches_closed(self, state: int) -> bool:
        """Say whether the watcher's descriptor is closed, by the state that the library has just told."""
        return self._io is not None and state in self._library.closed_states

    def _lose(self, code: int) -> None:
        """Let go of a connection that the library has closed."""
        self._stop_io()
        self.connected = self._settled = False
        completions = self._library.completions
        self.problem = completions.last_log or self._text(self._lib.zerror(code))
        completions.last_log = ""

    def _drop_connection(self) -> None:
        """Have the library drop a connection on which a send failed, with all outstanding requests.

        A failed send closes the descriptor, and leaves sent and partly sent requests in the library's queues
        (`nonblocking_send`): a new connection would begin with half a frame, and no reply would match. The library
        drops these requests and keeps the session only if the next connection fails too.
        """
        self._lose(cdef.CONNECTION_LOSS)
        code = self._lib.zookeeper_interest(self.pointer, self._descriptor, self._interest, self._time_left)
        if code == cdef.OK and self._descriptor[0] >= 0:
            self._break_off()
        self._update()
        self._hub.loop.run_callback(self._deliver)

    def _break_off(self) -> None:
        farewell.sever(self._descriptor[0])
        self._process(self.pointer, self._library.read | self._library.write)

    def _watch(self, events: int) -> None:
        self._io = self._hub.loop.io(self._descriptor[0], events)
        self._events = events
        if events == _READ:
            self._io.start(self._on_readable)
        else:
            self._io.start(self._on_ready, pass_events=True)

    def _stop_io(self) -> None:
        io, self._io = self._io, None
        self._events = 0
        if io is not None:
            io.stop()
            io.close()

    def _wake_at(self, due: float) -> None:
        """Have `_on_time` called at `due`, or at the next deadline if that is earlier; never once it is closed."""
        if not self.pointer:
            return
        self._due = due = min(due, self._next_deadline())
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
        # The update: the loop's clock may be that of its last turn.
        self._timer = self._hub.loop.timer(max(due - monotonic(), 0.0))
        self._timer.start(self._on_time, update=True)

    def _release(self, farewell_s: float) -> None:
        """Close the handle; if it is connected, first end the session within `farewell_s`."""
        self._stop_io()
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        pointer, self.pointer = self.pointer, self._library.ffi.NULL
        settled, self._settled = self._settled, False
        self.connected = False
        try:
            if settled and farewell_s > 0:
                farewell.say(self._descriptor[0], farewell_s)
        finally:
            if self._state(pointer) == self._library.connected_state:
                farewell.sever(self._descriptor[0])
            self._lib.zookeeper_close(pointer)

    def _text(self, characters: Any) -> str:
        return str(self._library.ffi.string(characters).decode(errors="replace"))
