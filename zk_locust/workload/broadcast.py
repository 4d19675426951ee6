"""One writer, many watchers: how long a change takes to reach every watcher.

Both times come from one clock, `time.perf_counter_ns`: watchers watch the nodes that the writer of the same process
writes. A watch that is set at version v fires on the write of v + 1, and the writer has noted when it sent that write.
"""

import time
import uuid
from collections import deque
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from gevent.event import Event
from kazoo.protocol.states import EventType

from zk_locust.clients.interface import WatchedEvent
from zk_locust.contract.errors import NodeExistsError
from zk_locust.load.locust_client import LocustClient
from zk_locust.workload.specification import BROADCAST, Workload
from zk_locust.workload.steps import user_random
from zk_locust.workload.tree import root_of
from zk_locust.workload.values import contents, size_chooser

_REMEMBERED_WRITES = 64
_LOOK_AGAIN_S = 0.5


class Channel:
    """What the writer and the watchers of one process share."""

    def __init__(self, root: str, nodes: int) -> None:
        name = uuid.uuid4().hex[:12]
        self.paths = [f"{root}/{BROADCAST}/{name}-{number}" for number in range(nodes)]
        self.sent_ns: list[dict[int, int]] = [{} for _ in range(nodes)]
        self.has_writer = False
        self.ready = Event()


_channels: "WeakKeyDictionary[Any, Channel]" = WeakKeyDictionary()


class Role:
    """A user's role: the first user of a process is its writer, and where that one leaves, the next to look is."""

    def __init__(self, environment: Any, client: LocustClient, workload: Workload, number: int) -> None:
        assert workload.broadcast is not None
        channel = _channels.get(environment)
        if channel is None:
            channel = _channels[environment] = Channel(root_of(client.options.pseudo_root), workload.broadcast.nodes)
        self._channel = channel
        self._client = client
        self._make_writer = partial(Writer, channel, client, workload, number)
        self.acts: Writer | Watcher = Watcher(channel, client)
        self._take_over()

    def start(self) -> None:
        """Make what the role needs. Raises ClientError."""
        self.acts.start()

    def stop(self) -> None:
        """Leave the role to the next user."""
        self.acts.stop()

    def run(self) -> None:
        """Take one turn."""
        self._take_over()
        if isinstance(self.acts, Writer) and not self._channel.ready.is_set():
            # Counted only when it fails, as the first time.
            with self._client.timer("user_prepare", failures_only=True):
                self.acts.start()
            return
        self.acts.run()

    def _take_over(self) -> None:
        if not self._channel.has_writer:
            self._channel.has_writer = True
            self.acts = self._make_writer()


class Writer:
    """Writes the channel's nodes in turn, one each `every_s`: by the clock, without catching up on what was missed."""

    def __init__(self, channel: Channel, client: LocustClient, workload: Workload, number: int) -> None:
        assert workload.broadcast is not None
        self._channel = channel
        self._client = client
        self._every_s = workload.broadcast.every_s
        self._versions: list[int | None] = [None] * len(channel.paths)
        self._values = contents(workload.values.most, workload.seed)
        self._size = size_chooser(workload.values, user_random(workload, number, "values"))
        self._next = 0
        self._due_s = 0.0

    def start(self) -> None:
        """Make the nodes that are not there. Raises ClientError."""
        for path in self._channel.paths:
            try:
                self._client.get_zk_client().create(path, self._values[: self._size()])
            except NodeExistsError:
                continue
        self._channel.ready.set()

    def stop(self) -> None:
        """Leave the role to the next user."""
        self._channel.ready.clear()
        self._channel.has_writer = False

    def run(self) -> None:
        """Wait until a write is due, and write. In an open loop, writes come due as its arrivals say."""
        if self._client.timer_settings.arrivals is None:
            now = time.perf_counter()
            self._due_s = max(self._due_s + self._every_s, now)
            gevent.sleep(self._due_s - now)
        node, client = self._next, self._client.get_zk_client()
        self._next = (node + 1) % len(self._versions)
        path, sent_ns = self._channel.paths[node], self._channel.sent_ns[node]
        value = self._values[: self._size()]
        with self._client.timer("set") as timer:
            before = self._versions[node]
            if before is None:
                stat = client.exists(path)
                before = stat.version if stat is not None else -1
                timer.restart()
            # Undecided until the reply is there.
            self._versions[node] = None
            sent_ns[before + 1] = time.perf_counter_ns()
            self._versions[node] = client.set(path, value).version
            sent_ns.pop(before + 1 - _REMEMBERED_WRITES, None)
            timer.success(len(value))


class Watcher:
    """Watches all of the channel's nodes. `watch_delivery` is from the sending of a write to the callback that tells of
    it; `get_watch` reads what has changed and sets the watch again.
    """

    def __init__(self, channel: Channel, client: LocustClient) -> None:
        self._channel = channel
        self._client = client
        self._versions: list[int | None] = [None] * len(channel.paths)
        self._told: deque[tuple[int, int, bool]] = deque()
        self._any_told = Event()
        self._callbacks = [partial(self._on_event, node) for node in range(len(channel.paths))]

    def start(self) -> None:
        """Set all watches, once the nodes are there. Raises ClientError."""
        self._channel.ready.wait(_LOOK_AGAIN_S)
        if self._channel.ready.is_set():
            for node, version in enumerate(self._versions):
                if version is None:
                    self._watch(node)

    def stop(self) -> None:
        """Nothing is kept."""

    def run(self) -> None:
        """Take what the callbacks have told, and set those watches again."""
        if None in self._versions and not self._told:
            # Counted only when it fails, as the first time.
            with self._client.timer("user_prepare", failures_only=True):
                self.start()
        self._any_told.clear()
        if not self._told:
            self._any_told.wait(_LOOK_AGAIN_S)
        while self._told:
            node, told_ns, changed = self._told.popleft()
            version = self._versions[node]
            sent_ns = self._channel.sent_ns[node].get(version + 1) if version is not None else None
            if changed and sent_ns is not None:
                delivery = self._client.timer("watch_delivery")
                delivery.restart(sent_ns)
                delivery.success(ended_ns=told_ns)
            self._versions[node] = None
            with self._client.timer("get_watch", paced=False) as timer:
                timer.success(self._watch(node))

    def _watch(self, node: int) -> int:
        value, stat = self._client.get_zk_client().get(self._channel.paths[node], watch=self._callbacks[node])
        self._versions[node] = stat.version
        return len(value)

    def _on_event(self, node: int, event: WatchedEvent) -> None:
        self._told.append((node, time.perf_counter_ns(), event.type == EventType.CHANGED))
        self._any_told.set()
