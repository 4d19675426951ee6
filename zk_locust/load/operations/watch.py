"""How long it takes until a change is seen by one who watches for it.

The predecessor wrote the time of day into the node and subtracted it where the watch fired: between two machines that
measures their clocks. Here the session that writes also watches, so one clock sees both ends.
"""

import time
import uuid
from typing import Unpack

from gevent.event import Event
from kazoo.protocol.states import EventType

from zk_locust.clients.interface import WatchedEvent
from zk_locust.contract.errors import OperationTimeoutError
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.operations.base import AbstractSingleTimerOp, MaybeInterrupt, OpSettings


class ZKWatchOp(AbstractSingleTimerOp):
    """Watch a node, write it, and time from the sending of the write to the callback that tells of it.

    Without `path` each user has a node of its own. On a node that others write too, an event may tell of another's
    write that came first; its time of sending is not known here, so such an event is not counted.
    """

    default_label = "watch"

    def __init__(
        self,
        client: LocustClient,
        path: str | None = None,
        maybe_interrupt: MaybeInterrupt | None = None,
        val_size: int | None = None,
        *,
        label: str | None = None,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, maybe_interrupt, label=label, **settings)
        self._path = path or ""
        self._value = bytes(client.value_size(val_size))

    def prepare(self) -> None:
        """Make the node unless it is there."""
        if not self._path:
            self._path = self.client.create_node(f"/watch-{uuid.uuid4().hex}", self._value)

    def op(self) -> None:
        """Watch, write, and wait for the callback."""
        client = self.client.get_zk_client()
        time_limit_s = self.client.options.operation_timeout_s
        told = Event()
        told_ns = 0

        def on_event(event: WatchedEvent) -> None:
            nonlocal told_ns
            if event.type == EventType.CHANGED:  # and not that the connection is lost
                told_ns = time.perf_counter_ns()
                told.set()

        with self.timing() as timer:
            _, watched = client.get(self._path, watch=on_event)
            timer.restart()
            written = client.set(self._path, self._value)
            if not told.wait(time_limit_s):
                raise OperationTimeoutError(f"no watch event within {time_limit_s:g} s")
            if written.version == watched.version + 1:
                timer.success(ended_ns=told_ns)
            else:
                timer.discard()
