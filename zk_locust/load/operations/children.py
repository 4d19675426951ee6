"""Looking at the children of a node."""

from typing import ClassVar, Unpack

from zk_locust.contract.errors import NoNodeError
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.operations.base import AbstractSingleTimerOp, MaybeInterrupt, OpSettings


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
