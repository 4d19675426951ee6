"""The mixes: which operations one user runs, and how often each is chosen.

A task set of the starter kit runs one of them, the sequence all of them. `size` is the length of the values, bytes
(None: that of `--val-size`); `keys` is the key space of operations that share one.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from zk_locust.load import operations as ops
from zk_locust.load.locust_client import DEFAULT_NODE, LocustClient
from zk_locust.load.operations.base import OpSettings
from zk_locust.load.operations.values import KEYS

GETS_PER_SET: Final = 10

Mix: TypeAlias = list[tuple[ops.AbstractOp, int]]
MixOf: TypeAlias = Callable[[LocustClient, int | None, str, OpSettings], Mix]


def _set_and_get(client: LocustClient, size: int | None, keys: str, settings: OpSettings) -> Mix:
    return [
        (ops.ZKIncrementingSetOp(client, val_size=size, key_prefix=keys, **settings), 1),
        (ops.ZKGetOp(client, val_size=size, key_prefix=keys, **settings), GETS_PER_SET),
    ]


def _create_and_delete(client: LocustClient, size: int | None, _: str, settings: OpSettings) -> Mix:
    # More deletions are tried than nodes are made, so that the number of nodes stays small.
    made: deque[str] = deque()
    return [
        (ops.ZKCreateEphemeralOp(client, push=made.append, val_size=size, **settings), 75),
        (ops.ZKDeleteFromQueueOp(client, made.popleft, **settings), 125),
        (ops.ZKCountChildrenOp(client, **settings), 1),
    ]


def _exists(client: LocustClient, _: int | None, __: str, settings: OpSettings) -> Mix:
    there, not_there = client.join_path(DEFAULT_NODE), client.join_path("/doesnotexist")
    return [
        (ops.ZKExistsOp(client, there, "exists_positive", make_node=True, **settings), 1),
        (ops.ZKExistsOp(client, not_there, "exists_negative", **settings), 1),
        (ops.ZKExistsWithWatchOp(client, there, "exists_positive_watch", make_node=True, **settings), 1),
        (ops.ZKExistsWithWatchOp(client, not_there, "exists_negative_watch", **settings), 1),
    ]


WITH_VALUES: Final[dict[str, MixOf]] = {
    "set": lambda client, size, keys, settings: [(ops.ZKSetOp(client, val_size=size, key_prefix=keys, **settings), 1)],
    "get": lambda client, size, keys, settings: [(ops.ZKGetOp(client, val_size=size, key_prefix=keys, **settings), 1)],
    "set_and_get": _set_and_get,
    "create_and_delete": _create_and_delete,
    "watch": lambda client, size, _, settings: [(ops.ZKWatchOp(client, val_size=size, **settings), 1)],
}
WITHOUT_VALUES: Final[dict[str, MixOf]] = {
    "connect": lambda client, _, __, settings: [(ops.ZKConnectOp(client, **settings), 1)],
    "exists": _exists,
    "exists_many": lambda client, _, __, settings: [(ops.ZKExistsWithManyWatchesOp(client, **settings), 1)],
    "get_children": lambda client, _, __, settings: [(ops.ZKGetChildrenOp(client, **settings), 1)],
    "get_children2": lambda client, _, __, settings: [(ops.ZKGetChildren2Op(client, **settings), 1)],
}


def mix_of(name: str, client: LocustClient, size: int | None, settings: OpSettings, keys: str = KEYS) -> Mix:
    """Return (operation, weight) for each operation of one user."""
    return (WITH_VALUES | WITHOUT_VALUES)[name](client, size, keys, settings)
