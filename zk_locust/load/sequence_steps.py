"""The steps of `locust_sequence.py`: which operations each is made of, and which of them are to run.

A step is named for its operation and, where that matters, for the size of its values in bytes: `set_512`. Its requests
are counted as `<step>/<operation>`, so that each step has statistics of its own.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zk_locust.load.locust_client import DEFAULT_NODE, LocustClient
from zk_locust.load.operations import (
    AbstractOp,
    ZKConnectOp,
    ZKCountChildrenOp,
    ZKCreateEphemeralOp,
    ZKDeleteFromQueueOp,
    ZKExistsOp,
    ZKExistsWithManyWatchesOp,
    ZKExistsWithWatchOp,
    ZKGetChildren2Op,
    ZKGetChildrenOp,
    ZKGetOp,
    ZKIncrementingSetOp,
    ZKSetOp,
    ZKWatchOp,
)
from zk_locust.load.sequence_length import STEP_NAMES, VALUE_SIZES, chosen_names

GETS_PER_SET: Final = 10

Mix = list[tuple[AbstractOp, int]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `mix` makes one user's operations, with their weights.

    `connects` says that the operations open sessions themselves. `leaves_watches` says that the session is of no use to
    the next step.
    """

    name: str
    mix: Callable[[LocustClient, str], Mix]
    connects: bool = False
    leaves_watches: bool = False

    def operations(self, client: LocustClient) -> Mix:
        """Return (operation, weight) for each operation of one user."""
        return self.mix(client, f"{self.name}/")


def _connect(client: LocustClient, prefix: str) -> Mix:
    return [(ZKConnectOp(client, label=f"{prefix}connect"), 1)]


def _set(size: int) -> Callable[[LocustClient, str], Mix]:
    return lambda client, prefix: [
        (ZKSetOp(client, val_size=size, key_prefix=_keys(size), label=f"{prefix}set"), 1),
    ]


def _get(size: int) -> Callable[[LocustClient, str], Mix]:
    return lambda client, prefix: [
        (ZKGetOp(client, val_size=size, key_prefix=_keys(size), label=f"{prefix}get"), 1),
    ]


def _set_and_get(size: int) -> Callable[[LocustClient, str], Mix]:
    return lambda client, prefix: [
        (ZKIncrementingSetOp(client, val_size=size, key_prefix=_keys(size), label=f"{prefix}incr_set"), 1),
        (ZKGetOp(client, val_size=size, key_prefix=_keys(size), label=f"{prefix}get"), GETS_PER_SET),
    ]


def _watch(size: int) -> Callable[[LocustClient, str], Mix]:
    return lambda client, prefix: [(ZKWatchOp(client, val_size=size, label=f"{prefix}watch"), 1)]


def _create_and_delete(size: int) -> Callable[[LocustClient, str], Mix]:
    def mix(client: LocustClient, prefix: str) -> Mix:
        made: deque[str] = deque()
        label = f"{prefix}create_ephemeral"
        return [
            (ZKCreateEphemeralOp(client, push=made.append, val_size=size, label=label), 75),
            (ZKDeleteFromQueueOp(client, made.popleft, label=f"{prefix}delete"), 125),
            (ZKCountChildrenOp(client, label=f"{prefix}count_children"), 1),
        ]

    return mix


def _exists(client: LocustClient, prefix: str) -> Mix:
    there, not_there = client.join_path(DEFAULT_NODE), client.join_path("/doesnotexist")
    return [
        (ZKExistsOp(client, there, f"{prefix}exists_positive", make_node=True), 1),
        (ZKExistsOp(client, not_there, f"{prefix}exists_negative"), 1),
        (ZKExistsWithWatchOp(client, there, f"{prefix}exists_positive_watch", make_node=True), 1),
        (ZKExistsWithWatchOp(client, not_there, f"{prefix}exists_negative_watch"), 1),
    ]


def _exists_many(client: LocustClient, prefix: str) -> Mix:
    return [(ZKExistsWithManyWatchesOp(client, label=f"{prefix}exists_negative_watch_many"), 1)]


def _get_children(client: LocustClient, prefix: str) -> Mix:
    return [(ZKGetChildrenOp(client, label=f"{prefix}get_children"), 1)]


def _get_children2(client: LocustClient, prefix: str) -> Mix:
    return [(ZKGetChildren2Op(client, label=f"{prefix}get_children2"), 1)]


def _keys(size: int) -> str:
    # A key space for each size: a get must find values of its own step's size.
    return f"/c{size}-"


_OF_ANY_SIZE: Final[dict[str, Callable[[int], Callable[[LocustClient, str], Mix]]]] = {
    "set": _set,
    "get": _get,
    "set_and_get": _set_and_get,
    "create_and_delete": _create_and_delete,
    "watch": _watch,
}
_WITHOUT_SIZE: Final[tuple[Step, ...]] = (
    Step("connect", _connect, connects=True),
    Step("exists", _exists),
    Step("exists_many", _exists_many, leaves_watches=True),
    Step("get_children", _get_children),
    Step("get_children2", _get_children2),
)
_STEPS: Final[dict[str, Step]] = {step.name: step for step in _WITHOUT_SIZE} | {
    f"{family}_{size}": Step(f"{family}_{size}", mix(size))
    for family, mix in _OF_ANY_SIZE.items()
    for size in VALUE_SIZES
}
STEPS: Final[tuple[Step, ...]] = tuple(_STEPS[name] for name in STEP_NAMES)


def chosen_steps(include: str | None) -> list[Step]:
    """Return the steps that `--bench-include` says. Raises ConfigurationError for a pattern that fits no step."""
    return [_STEPS[name] for name in chosen_names(include)]
