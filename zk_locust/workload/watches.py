"""Standing watches: set as a user starts, and set again each time one has fired."""

from collections import deque
from collections.abc import Sequence
from functools import partial

from zk_locust.clients.interface import WatchedEvent
from zk_locust.load.locust_client import LocustClient
from zk_locust.workload.specification import Workload
from zk_locust.workload.steps import user_random


def watched_keys(workload: Workload, number: int, users: int) -> list[int]:
    """Return the nodes that the user with this number watches, each once.

    `per_user`: random nodes. `per_node`: users take consecutive nodes, so that `users` users watch every node; a node
    has at most as many watches as there are users.
    """
    watches, nodes = workload.watches, workload.tree.nodes
    if watches.per_user:
        return user_random(workload, number, "watches").sample(range(nodes), watches.per_user)
    total = min(watches.per_node, users) * nodes
    place = number % users
    return [watch % nodes for watch in range(place * total // users, (place + 1) * total // users)]


class StandingWatches:
    """The standing watches of one user."""

    def __init__(self, client: LocustClient, paths: Sequence[str], on: str) -> None:
        self._client = client
        self._paths = paths
        self._on_children = on == "children"
        self._unset = deque(range(len(paths)))
        self.fired: deque[int] = deque()
        self._callbacks = [partial(self._on_event, place) for place in range(len(paths))]

    def set_all(self) -> None:
        """Set those that are not set yet. Raises ClientError."""
        while self._unset:
            self._set(self._unset[0])
            self._unset.popleft()

    def set_again(self) -> None:
        """Set again what has fired, as operations of the load: the reading of what has changed."""
        for _ in range(len(self.fired)):
            place = self.fired[0]
            with self._client.timer("watch_again", paced=False):
                self._set(place)
                self.fired.popleft()

    def _set(self, place: int) -> None:
        client = self._client.get_zk_client()
        if self._on_children:
            client.get_children(self._paths[place], watch=self._callbacks[place])
        else:
            client.get(self._paths[place], watch=self._callbacks[place])

    def _on_event(self, place: int, event: WatchedEvent) -> None:
        del event
        self.fired.append(place)
