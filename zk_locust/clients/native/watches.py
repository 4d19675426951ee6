"""Watches: which callbacks wait for which node, and what a notification sets off.

Source: ZooKeeper's programmer's guide, "ZooKeeper Watches", and `ZKWatchManager.materialize`. A watch fires once. A
node's data watches (from get, and from exists of a node) and exist watches (from exists of none) fire when it is
created, changed or deleted; its child watches when a child comes or goes, or the node itself goes. A callback that
watches the same node twice is called once.
"""

from collections.abc import Callable
from typing import Final

from kazoo.protocol.states import EventType, KeeperState, WatchedEvent

from zk_locust.clients.native import jute
from zk_locust.contract.errors import ProtocolError

Watch = Callable[[WatchedEvent], object]

DATA: Final = 0
EXIST: Final = 1
CHILD: Final = 2

# By the number on the wire (Watcher.Event.EventType): what it is called, and which kinds of watches it fires.
_EVENTS: Final[dict[int, tuple[str, tuple[int, ...]]]] = {
    1: (EventType.CREATED, (DATA, EXIST)),
    2: (EventType.DELETED, (DATA, EXIST, CHILD)),
    3: (EventType.CHANGED, (DATA, EXIST)),
    4: (EventType.CHILD, (CHILD,)),
}


class Watches:
    """The watches of one session, by the server's path (with the chroot)."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        # A dict keeps callbacks unique and in order. The outer ones come with the first watch: most sessions have none.
        self._kinds: list[dict[str, dict[Watch, None]] | None] = [None, None, None]

    def add(self, kind: int, path: str, watch: Watch) -> None:
        """Remember the callback until its node changes."""
        by_path = self._kinds[kind]
        if by_path is None:
            by_path = self._kinds[kind] = {}
        by_path.setdefault(path, {})[watch] = None

    def fired_by(self, frame: bytes) -> tuple[str, str, list[Watch]]:
        """Read a notification; return the event's type, the server's path, and the callbacks, which are forgotten.

        Raises one of `jute.MALFORMED`. Kinds of events that concern no watch of ours fire nothing.
        """
        number = jute.INT.unpack_from(frame, jute.RECORD)[0]
        path, end = jute.string_at(frame, jute.RECORD + 8)
        if end != len(frame):
            raise ProtocolError(f"a notification that ends at {end} in a frame of {len(frame)} bytes")
        name, kinds = _EVENTS.get(number, (EventType.NONE, ()))
        fired: dict[Watch, None] = {}
        for kind in kinds:
            by_path = self._kinds[kind]
            if by_path:
                fired.update(by_path.pop(path, {}))
        return name, path, list(fired)

    def paths(self) -> list[list[str]]:
        """Return the server's paths with data, exist and child watches, in this order."""
        return [list(by_path or ()) for by_path in self._kinds]

    def drain(self) -> list[Watch]:
        """Forget everything and return the callbacks: those of a session that has ended."""
        watches: dict[Watch, None] = {}
        for by_path in self._kinds:
            for callbacks in (by_path or {}).values():
                watches.update(callbacks)
        self._kinds = [None, None, None]
        return list(watches)


def event(name: str, path: str | None, state: str = KeeperState.CONNECTED) -> WatchedEvent:
    """Return what a watch's callback gets; the path is the client's."""
    return WatchedEvent(name, state, path)
