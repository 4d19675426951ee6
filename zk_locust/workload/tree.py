"""The tree of a workload: which paths it has, and how it is filled, many requests at a time."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

from zk_locust.clients.bulk import pipeline
from zk_locust.clients.interface import ZooKeeperClient
from zk_locust.clients.native import Create
from zk_locust.contract.errors import ServerError
from zk_locust.load.marked_trees import MARK
from zk_locust.workload.specification import LOCKS, SUBTREES, TREE, Tree, Workload
from zk_locust.workload.steps import user_random
from zk_locust.workload.values import contents, mean_size, size_chooser

ROOT_NAME: Final = "workload"

_WINDOW: Final = 256
_WINDOW_BYTES: Final = 4 * 1024 * 1024

Progress = Callable[[int], None]


def root_of(pseudo_root: str) -> str:
    """Return the node below which a workload keeps everything."""
    return f"{pseudo_root}/{ROOT_NAME}"


def folder_paths(tree: Tree) -> Iterator[str]:
    """Yield the folders, parents first, as paths below the tree's root."""
    for level in range(1, tree.depth):
        for numbers in product(range(tree.fan_out), repeat=level):
            yield "".join(f"/f{number}" for number in numbers)


def leaf_folder(tree: Tree, number: int) -> str:
    """Return the folder that holds the node with this number: nodes are dealt out to the folders in turn."""
    place, path = number % tree.leaf_folders, ""
    for _ in range(tree.depth - 1):
        place, digit = divmod(place, tree.fan_out)
        path = f"/f{digit}{path}"
    return path


def node_paths(tree: Tree) -> Iterator[str]:
    """Yield the nodes with values by their numbers, as paths below the tree's root."""
    folders = [leaf_folder(tree, number) for number in range(tree.leaf_folders)]
    for number in range(tree.nodes):
        yield f"{folders[number % len(folders)]}/n{number}"


def fill(client: ZooKeeperClient, root: str, workload: Workload, progress: Progress = lambda _: None) -> int:
    """Make everything below `root`, which must not be there, its parent must; return how many nodes it is.

    `progress` is called with the number of nodes made so far. Raises ClientError; what was made then stays.
    """
    made = 0
    for result in pipeline(client, _creations(root, workload), window=window_for(mean_size(workload.values))):
        if isinstance(result, ServerError):
            raise result
        made += 1
        progress(made)
    return made


def window_for(value_bytes: float) -> int:
    """Return how many requests may be under way at once: large values must not pile up in memory on either side."""
    return max(2, min(_WINDOW, int(_WINDOW_BYTES / (value_bytes + 256))))


def _creations(root: str, workload: Workload) -> Iterator[Create]:
    yield Create(root, MARK)
    for subtree in SUBTREES:
        yield Create(f"{root}/{subtree}")
    top = f"{root}/{TREE}"
    for path in folder_paths(workload.tree):
        yield Create(top + path)
    # The fill is as repeatable as the load: number -1 is no user's.
    random = user_random(workload, -1, "values")
    size_of = size_chooser(workload.values, random)
    source = contents(workload.values.most, workload.seed)
    places = len(source) - workload.values.most
    for path in node_paths(workload.tree):
        size = size_of()
        start = int(random.random() * places)
        yield Create(top + path, source[start : start + size])
    for number in range(workload.locks.count if workload.locks else 0):
        yield Create(f"{root}/{LOCKS}/{number}")
