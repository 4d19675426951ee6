"""Operations on nodes: making and removing them, asking whether they exist, listing their children."""

import itertools
import random
from collections.abc import Callable
from typing import ClassVar, Unpack

from zk_locust.clients.interface import WatchedEvent
from zk_locust.contract.errors import NoNodeError
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.operations.base import AbstractSingleTimerOp, MaybeInterrupt, OpSettings


class ZKCreateEphemeralOp(AbstractSingleTimerOp):
    """Make an ephemeral node with a sequence number. `push` is called with its path, for whoever is to remove it."""

    default_label = "create_ephemeral"

    def __init__(
        self,
        client: LocustClient,
        maybe_interrupt: MaybeInterrupt | None = None,
        base_path: str | None = None,
        push: Callable[[str], object] | None = None,
        *,
        val_size: int | None = None,
        label: str | None = None,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, maybe_interrupt, label=label, **settings)
        self._base_path = base_path or client.join_path("/c-")
        self._push = push
        self._value = random.randbytes(client.value_size(val_size))

    def prepare(self) -> None:
        """Make the node that holds them."""
        self.client.ensure_pseudo_root()

    def op(self) -> None:
        """Make one node."""
        path = None
        with self.timing():
            path = self.client.get_zk_client().create(self._base_path, self._value, ephemeral=True, sequence=True)
        if path is not None and self._push is not None:
            self._push(path)


class ZKDeleteFromQueueOp(AbstractSingleTimerOp):
    """Remove the node that `pop` returns; do nothing where it raises IndexError, because there is none."""

    default_label = "delete"

    def __init__(
        self,
        client: LocustClient,
        pop: Callable[[], str],
        maybe_interrupt: MaybeInterrupt | None = None,
        *,
        label: str | None = None,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, maybe_interrupt, label=label, **settings)
        self._pop = pop

    def op(self) -> None:
        """Remove one node."""
        try:
            path = self._pop()
        except IndexError:
            return
        with self.timing():
            self.client.get_zk_client().delete(path)


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
            self.client.get_zk_client().exists(self._path, watch=ignore)


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
            self.client.get_zk_client().exists(path, watch=ignore)


def ignore(event: WatchedEvent) -> None:
    """Do nothing: a watch must have a callback, also if only setting it is measured."""
    del event


class _OnParent(AbstractSingleTimerOp):
    """An operation on a node that has children: by default the pseudo root."""

    # Whether the user makes one child, for as long as its session lasts, so that there is something to be listed.
    makes_a_child: ClassVar[bool] = False

    def __init__(
        self,
        client: LocustClient,
        path: str | None = None,
        maybe_interrupt: MaybeInterrupt | None = None,
        *,
        label: str | None = None,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, maybe_interrupt, label=label, **settings)
        self._path = path or client.join_path("/")
        self._child = client.join_path("/child-") if self.makes_a_child and path is None else None

    def prepare(self) -> None:
        """Make the pseudo root unless it is there, and the user's child."""
        self.client.ensure_pseudo_root()
        if self._child is not None:
            self.client.get_zk_client().create(self._child, ephemeral=True, sequence=True)


class ZKCountChildrenOp(_OnParent):
    """Count the children by the node's stat, without their names."""

    default_label = "count_children"

    def __init__(
        self,
        client: LocustClient,
        maybe_interrupt: MaybeInterrupt | None = None,
        path: str | None = None,
        *,
        label: str | None = None,
        **settings: Unpack[OpSettings],
    ) -> None:
        super().__init__(client, path, maybe_interrupt, label=label, **settings)

    def op(self) -> None:
        """Count them once; the event's response length is their number."""
        with self.timing() as timer:
            stat = self.client.get_zk_client().exists(self._path)
            if stat is None:
                raise NoNodeError(self._path)
            timer.success(stat.numChildren)


class ZKGetChildrenOp(_OnParent):
    """Get the children's names."""

    default_label = "get_children"
    makes_a_child = True

    def op(self) -> None:
        """Get them once; the event's response length is their number."""
        with self.timing() as timer:
            timer.success(len(self.client.get_zk_client().get_children(self._path)))


class ZKGetChildren2Op(_OnParent):
    """Get the children's names and the node's stat."""

    default_label = "get_children2"
    makes_a_child = True

    def op(self) -> None:
        """Get them once; the event's response length is their number."""
        with self.timing() as timer:
            children, _ = self.client.get_zk_client().get_children(self._path, include_data=True)
            timer.success(len(children))
