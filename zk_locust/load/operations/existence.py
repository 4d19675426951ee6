"""Asking whether a node exists, with a watch or without."""

import itertools
from typing import Unpack

from zk_locust.clients.interface import WatchedEvent
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.operations.base import AbstractSingleTimerOp, MaybeInterrupt, OpSettings


class ZKExistsOp(AbstractSingleTimerOp):
    """Ask whether the node at `path` exists. The answer does not matter.

    `make_node` makes the node that all clients share first: `path` is its path then.
    """

    default_label = "exists"

    def __init__(
        self,
        client: LocustClient,
        path: str,
        label: str | None = None,
        maybe_interrupt: MaybeInterrupt | None = None,
        *,
        make_node: bool = False,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, maybe_interrupt, label=label, **settings)
        self._path = path
        self._make_node = make_node

    def prepare(self) -> None:
        """Make the shared node, where the question is to be answered with yes."""
        if self._make_node:
            self.client.create_shared_node()

    def op(self) -> None:
        """Ask once."""
        with self.timing():
            self.client.get_zk_client().exists(self._path)


class ZKExistsWithWatchOp(ZKExistsOp):
    """Ask, and leave a watch on the node: always the same one, so a session has one watch at most."""

    default_label = "exists_watch"

    def op(self) -> None:
        """Ask once."""
        with self.timing():
            self.client.get_zk_client().exists(self._path, watch=_ignore)


class ZKExistsWithManyWatchesOp(AbstractSingleTimerOp):
    """Ask for a node that does not exist, another one each time, and leave a watch on each: they pile up."""

    default_label = "exists_negative_watch_many"

    def __init__(
        self,
        client: LocustClient,
        maybe_interrupt: MaybeInterrupt | None = None,
        base_path: str | None = None,
        *,
        label: str | None = None,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, maybe_interrupt, label=label, **settings)
        self._base_path = base_path or client.join_path("/doesnotexist-")
        self._numbers = itertools.count(1)

    def op(self) -> None:
        """Ask once."""
        path = f"{self._base_path}{next(self._numbers)}"
        with self.timing():
            self.client.get_zk_client().exists(path, watch=_ignore)


def _ignore(event: WatchedEvent) -> None:
    """A watch must have a callback; what these measure is the asking."""
    del event
