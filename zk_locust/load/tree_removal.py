"""Removing a node with all below it, many requests at a time."""

from collections.abc import Callable, Sequence
from typing import Final

from zk_locust.clients.bulk import BulkClient
from zk_locust.clients.native import Delete, GetChildren
from zk_locust.contract.errors import NoNodeError, NotEmptyError, ServerError

_ROUNDS: Final = 10

Progress = Callable[[int], None]


def remove_tree(client: BulkClient, root: str, progress: Progress = lambda _: None) -> int:
    """Remove a node with all below it; return how many nodes that were, 0 where it is not there.

    Most nodes have no children, so each is deleted on trial, and only those that have some are listed. `progress` is
    called with the number of nodes removed so far. Raises NotEmptyError where somebody makes new nodes again and
    again, and any other ClientError.
    """
    removal = _Removal(client, progress)
    for _ in range(_ROUNDS):
        if removal.try_once(root):
            return removal.removed
    raise NotEmptyError(f"{root} gets new nodes while it is being removed")


class _Removal:
    def __init__(self, client: BulkClient, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self.removed = 0

    def try_once(self, root: str) -> bool:
        """Remove level by level downwards, then upwards what had children; return whether nothing is left."""
        levels: list[list[str]] = []
        level = [root]
        while level:
            with_children = self._delete(level)
            levels.append(with_children)
            level = self._children(with_children)
        left: list[str] = []
        for level in reversed(levels):
            left = self._delete(level)
        return not left

    def _delete(self, paths: Sequence[str]) -> list[str]:
        """Remove those without children; return the others."""
        with_children = []
        for path, result in zip(paths, self._client.pipeline(map(Delete, paths)), strict=True):
            if isinstance(result, NotEmptyError):
                with_children.append(path)
            elif isinstance(result, NoNodeError):
                continue
            elif isinstance(result, ServerError):
                raise result
            else:
                self.removed += 1
                self._progress(self.removed)
        return with_children

    def _children(self, paths: Sequence[str]) -> list[str]:
        children: list[str] = []
        for path, result in zip(paths, self._client.pipeline(map(GetChildren, paths)), strict=True):
            if isinstance(result, list):
                children += [f"{path}/{name}" for name in result]
            elif isinstance(result, ServerError) and not isinstance(result, NoNodeError):
                raise result
        return children
