"""The watches of a session: which callbacks wait for which node, and which an event calls.

Source: ZooKeeper's programmer's guide, "ZooKeeper Watches", and `ZKWatchManager.materialize`. A watch fires once. Data
and exist watches of a node fire when it is created, changed or deleted; its child watches when a child is created or
deleted, or the node is deleted. A callback that watches a node twice is called once.
"""

from collections.abc import Callable
from typing import Final

from kazoo.protocol.states import EventType, WatchedEvent

Watch = Callable[[WatchedEvent], object]

# What set a watch: get, or exists of a node; exists of a missing node; get_children.
DATA, EXIST, CHILD = range(3)

# By ZooKeeper's number (Watcher.Event.EventType): kazoo's name of the event, and the kinds of watches that it fires.
_EVENTS: Final[dict[int, tuple[str, tuple[int, ...]]]] = {
    1: (EventType.CREATED, (DATA, EXIST)),
    2: (EventType.DELETED, (DATA, EXIST, CHILD)),
    3: (EventType.CHANGED, (DATA, EXIST)),
    4: (EventType.CHILD, (CHILD,)),
}


class Watches:
    """The callbacks by path: the server's, or the client's, as long as all are the same."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        # By kind. Inner dicts keep callbacks unique and in order; most sessions have no watches, so no dicts.
        self._kinds: list[dict[str, dict[Watch, None]] | None] = [None, None, None]

    def add(self, kind: int, path: str, watch: Watch) -> None:
        """Remember the callback until its node changes."""
        by_path = self._kinds[kind]
        if by_path is None:
            by_path = self._kinds[kind] = {}
        by_path.setdefault(path, {})[watch] = None

    def fired_by(self, number: int, path: str) -> tuple[str, list[Watch]]:
        """Return the event's name and its callbacks, and forget them. Unknown events fire nothing."""
        name, kinds = _EVENTS.get(number, (EventType.NONE, ()))
        fired: dict[Watch, None] = {}
        for kind in kinds:
            by_path = self._kinds[kind]
            if by_path:
                fired.update(by_path.pop(path, {}))
        return name, list(fired)

    def paths(self) -> list[list[str]]:
        """Return the paths with data, exist and child watches, in this order."""
        return [list(by_path or ()) for by_path in self._kinds]

    def drain(self) -> list[Watch]:
        """Forget all callbacks and return them: the session has ended."""
        watches: dict[Watch, None] = {}
        for by_path in self._kinds:
            for callbacks in (by_path or {}).values():
                watches.update(callbacks)
        self._kinds = [None, None, None]
        return list(watches)
