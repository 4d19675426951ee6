"""The trees that a load makes: how they are recognized and removed.

The root of such a tree is named `zk-locust-` with the time of the load's start, and holds `MARK`. No other tree is ever
removed.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from zk_locust.clients.bulk import pipeline
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native import Delete, GetChildren
from zk_locust.contract.errors import NoAuthError, NodeExistsError, NoNodeError, NotEmptyError, ServerError

MARK: Final = b"made by zk-locust, which removes it"
FLEET_MARK: Final = MARK + b"; of a run that had the ensemble for itself"

_ROUNDS: Final = 10
# A run's id, or what stands for one, is behind the prefix.
_OWN_NAME: Final = re.compile(r"zk-locust-\d{8}T\d{6}Z-.+", re.DOTALL)

Progress = Callable[[int], None]


def is_own_name(name: str) -> bool:
    """Whether a node of this name is one that a load makes for itself."""
    return bool(_OWN_NAME.fullmatch(name))


def own_node(pseudo_root: str) -> str:
    """Return the path of a load's own node at a pseudo root: the pseudo root itself where its name is such a one."""
    return pseudo_root if is_own_name(pseudo_root.rpartition("/")[2]) else fresh_node(pseudo_root)


def fresh_node(parent: str) -> str:
    """Return the path of a node below `parent` that nobody has made yet."""
    return f"{parent}/zk-locust-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def holds(client: ZooKeeperClient, path: str, mark: bytes = MARK) -> bool | None:
    """Whether a node's value begins with the mark: a load has made it. None where there is no node.

    Raises ClientError.
    """
    try:
        return client.get(path)[0].startswith(mark)
    except NoNodeError:
        return None
    except NoAuthError:
        return False  # everybody may read what a load makes


def make_parents(client: ZooKeeperClient, path: str) -> list[str]:
    """Make every node above `path` that is not there; return what was made, parents first. Raises ClientError."""
    made, parent = [], ""
    for name in path.strip("/").split("/")[:-1]:
        parent = f"{parent}/{name}"
        try:
            client.create(parent)
        except NodeExistsError:
            continue
        made.append(parent)
    return made


def remove_tree(client: ZooKeeperClient, root: str, progress: Progress = lambda _: None) -> int:
    """Remove a node with all below it; return how many nodes that were, 0 where it is not there.

    Most nodes have no children, so each is deleted first, and listed only if that fails. `progress` is called with the
    number of nodes removed so far. Raises NotEmptyError if new nodes keep coming, and any other ClientError.
    """
    removal = _Removal(client, progress)
    for _ in range(_ROUNDS):
        if removal.try_once(root):
            return removal.removed
    raise NotEmptyError(f"{root} gets new nodes while it is being removed")


class _Removal:
    def __init__(self, client: ZooKeeperClient, progress: Progress) -> None:
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
        for path, result in zip(paths, pipeline(self._client, map(Delete, paths)), strict=True):
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
        for path, result in zip(paths, pipeline(self._client, map(GetChildren, paths)), strict=True):
            if isinstance(result, list):
                children += [f"{path}/{name}" for name in result]
            elif isinstance(result, ServerError) and not isinstance(result, NoNodeError):
                raise result
        return children
