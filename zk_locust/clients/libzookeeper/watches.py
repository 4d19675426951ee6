"""Watches of one session: which callbacks wait for which node, and what an event sets off.

Source: ZooKeeper's programmer's guide, "ZooKeeper Watches", and the library's `collectWatchers` (zk_hashtable.c), which
keeps one watcher of ours for each node; whose callbacks those are is kept here. A watch fires once. A callback that
watches the same node twice is called once.
"""

from collections.abc import Callable
from typing import Final

from kazoo.protocol.states import EventType, WatchedEvent

Watch = Callable[[WatchedEvent], object]

# What a watch was set by: get or exists, exists (also of a node that is not there), get_children.
DATA: Final = 0
EXISTS: Final = 1
CHILD: Final = 2

# By the library's number of the event: what kazoo calls it, and whether data and child watches fire.
_EVENTS: Final[dict[int, tuple[str, bool, bool]]] = {
    1: (EventType.CREATED, True, False),
    2: (EventType.DELETED, True, True),
    3: (EventType.CHANGED, True, False),
    4: (EventType.CHILD, False, True),
}


class Watches:
    """The callbacks by the client's path."""

    __slots__ = ("_child", "_node")

    def __init__(self) -> None:
        # A dict keeps callbacks unique and in order.
        self._node: dict[str, dict[Watch, None]] = {}
        self._child: dict[str, dict[Watch, None]] = {}

    def add(self, kind: int, path: str, watch: Watch) -> None:
        """Remember the callback until its node changes."""
        by_path = self._child if kind == CHILD else self._node
        by_path.setdefault(path, {})[watch] = None

    def fired_by(self, number: int, path: str) -> tuple[str, list[Watch]]:
        """Return the event's name and the callbacks, which are forgotten. Unknown events fire nothing."""
        name, node, child = _EVENTS.get(number, (EventType.NONE, False, False))
        fired: dict[Watch, None] = {}
        if node:
            fired.update(self._node.pop(path, {}))
        if child:
            fired.update(self._child.pop(path, {}))
        return name, list(fired)

    def drain(self) -> list[Watch]:
        """Forget everything and return the callbacks: those of a session that has ended."""
        watches: dict[Watch, None] = {}
        for by_path in (self._node, self._child):
            for callbacks in by_path.values():
                watches.update(callbacks)
            by_path.clear()
        return list(watches)
