"""One handle of the library: a session, the operations that wait for it, and its watches."""

import math
from collections.abc import Sequence
from typing import Any, Final, Protocol

from gevent import getcurrent

from zk_locust.clients.libzookeeper import cdef
from zk_locust.clients.libzookeeper.completions import Call
from zk_locust.clients.libzookeeper.library import Library
from zk_locust.clients.libzookeeper.loop import LoopDriver, monotonic
from zk_locust.clients.native.watches import Watch, Watches
from zk_locust.contract.errors import ConnectError, OperationTimeoutError, loss_over_size

# A socket takes this much at once if nothing else is outstanding: nothing is left to send then.
SURELY_SENT_BYTES: Final = 2048


class Owner(Protocol):
    """The client that a handle belongs to. Its methods must not wait."""

    def on_connected(self, handle: "Handle") -> None:
        """Learn that there is a session on a connection."""

    def on_ended(self, handle: "Handle", code: int) -> None:
        """Learn that the handle has ended: SESSION_EXPIRED or AUTH_FAILED. Its operations have failed."""

    def on_event(self, name: str, path: str, fired: list[Watch]) -> None:
        """Take watches that have fired, with kazoo's name of the event."""


class Handle(LoopDriver):
    """A session with its connection, from the constructor to `close`, in one hub's thread.

    `hosts` is the library's own connect string: address:port,… with a chroot at the end. Raises ConnectError if the
    library refuses it. Times are seconds.
    """

    __slots__ = ("_limit_s", "_number", "_owner", "fired", "pending", "ready", "watches")

    def __init__(
        self,
        library: Library,
        owner: Owner,
        hosts: str,
        session_timeout_s: float,
        operation_timeout_s: float,
        credentials: Sequence[tuple[str, bytes]],
    ) -> None:
        super().__init__(library)
        self._owner = owner
        self._limit_s = operation_timeout_s
        # In the order of their deadlines: all have the same time limit.
        self.pending: dict[int, Call] = {}
        self.ready: list[Call] = []
        self.fired: list[tuple[int, str]] = []
        self.watches = Watches()
        lib, completions = library.lib, library.completions
        self._number = completions.next_number()
        self.pointer = lib.zookeeper_init2(
            hosts.encode(),
            completions.on_event,
            max(int(session_timeout_s * 1000), 1),
            library.ffi.NULL,
            self._number,
            cdef.NO_LOG_OF_ENVIRONMENT,
            completions.on_log,
        )
        if not self.pointer:
            raise ConnectError(f"the library takes no session with {hosts}: {completions.last_log or 'no reason'}")
        completions.sessions[self._number] = self
        # Otherwise every zookeeper_interest resolves all addresses again.
        lib.zoo_set_servers_resolution_delay(self.pointer, -1)
        for scheme, credential in credentials:
            # Number 0 has no waiter: a refusal ends the handle.
            lib.zoo_add_auth(self.pointer, scheme.encode(), credential, len(credential), completions.on_void, 0)
        self._update()

    @property
    def member(self) -> str:
        """The member (address:port) that the library is connected to, or tries to connect to."""
        return self._text(self._lib.zoo_get_current_server(self.pointer))

    @property
    def session_id(self) -> int:
        """ZooKeeper's number of the session; 0 before there is one."""
        return int(self._lib.zoo_client_id(self.pointer).client_id)

    @property
    def session_timeout_s(self) -> float:
        """The session's time limit as granted by the ensemble, seconds; until then as requested."""
        return float(self._lib.zoo_recv_timeout(self.pointer)) / 1000

    # ---- In the greenlets of users.

    def begin(self, watch: tuple[int, str, Watch] | None = None) -> Call:
        """Return a call for `finish`; pass its number to the library."""
        completions = self._library.completions
        number = completions.next_number()
        call = Call(self, number, monotonic() + self._limit_s, watch)
        completions.calls[number] = self.pending[number] = call
        return call

    def finish(self, call: Call, code: int, size_bytes: int) -> Any:
        """Wait for an operation and return its result. Raises ClientError.

        `code` is what the library's function returned; `size_bytes` is the size of its arguments.
        """
        if code != cdef.OK:
            self._forget(call)
            state = self._state(self.pointer)
            if self._watches_closed(state):
                self._drop_connection()
            raise self._library.error(code, state)
        if (state := self._state(self.pointer)) != self._library.connected_state:
            if self.connected or self._watches_closed(state):
                self._drop_connection()
        elif not self._settled or size_bytes > SURELY_SENT_BYTES or len(self.pending) > 1:
            self._update()
        if call.deadline < self._due:
            self._wake_at(call.deadline)
        switch = self._hub.switch
        call.greenlet = getcurrent()
        try:
            while switch() is not call:
                pass
        except BaseException:
            call.greenlet = None
            self._forget(call)
            raise
        if call.code == cdef.OK:
            return call.result
        if call.result is not None:
            raise call.result
        if call.code == cdef.CONNECTION_LOSS and (too_large := loss_over_size(size_bytes)):
            raise too_large
        raise self._library.error(call.code)

    def close(self, farewell_s: float = 0.0) -> None:
        """Release everything; waiting operations get ConnectionLossError. Call it once.

        With `farewell_s` the ensemble is asked to end the session, and has that long to answer. Otherwise the session
        ends by its time limit.
        """
        self._library.completions.sessions.pop(self._number, None)
        self._fail_pending(cdef.CONNECTION_LOSS)
        self.watches.drain()
        self._release(farewell_s)

    # ---- Called by the loop.

    def _next_deadline(self) -> float:
        return next(iter(self.pending.values())).deadline if self.pending else math.inf

    def _on_deadline(self) -> None:
        now = monotonic()
        while self._next_deadline() <= now:
            call = next(iter(self.pending.values()))
            self._forget(call)
            call.code = cdef.OPERATION_TIMEOUT
            call.result = OperationTimeoutError(f"no reply within {self._limit_s:g} s")
            self.ready.append(call)

    def _on_connected(self) -> None:
        self._owner.on_connected(self)

    def _on_ended(self, code: int) -> None:
        self._fail_pending(code)
        self._owner.on_ended(self, code)

    def _deliver(self) -> None:
        ready = self.ready
        try:
            while ready:
                call = ready.pop(0)
                greenlet, call.greenlet = call.greenlet, None
                if greenlet is not None:
                    greenlet.switch(call)
            while self.fired:
                number, path = self.fired.pop(0)
                name, fired = self.watches.fired_by(number, path)
                if fired:
                    self._owner.on_event(name, path, fired)
        finally:
            if ready:
                self._hub.loop.run_callback(self._deliver)
        if self._library.completions.raised:
            raise self._library.completions.raised.pop()

    def _fail_pending(self, code: int) -> None:
        for call in tuple(self.pending.values()):
            self._forget(call)
            call.code = code
            self.ready.append(call)
        if self.ready:
            self._hub.loop.run_callback(self._deliver)

    def _forget(self, call: Call) -> None:
        self.pending.pop(call.number, None)
        self._library.completions.calls.pop(call.number, None)
