"""Making and removing nodes."""

import random
from collections.abc import Callable
from typing import Unpack

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
        self._value = random.randbytes(client.options.val_size if val_size is None else val_size)

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
