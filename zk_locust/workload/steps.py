"""The sequence of a user's operations: a function of the workload, its seed and the user's number, and nothing else."""

from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, chain
from random import Random
from typing import NamedTuple

from zk_locust.workload.keys import key_chooser
from zk_locust.workload.specification import Workload
from zk_locust.workload.values import contents, size_chooser

# A `delete` makes a node where there is none to remove.
_SIZED = ("set", "create", "delete")
# Those of `Workload.operations` that choose a node or a lock.
_KEYLESS = ("create", "delete")


class Step(NamedTuple):
    """One operation: what, on which node (0 where it has none), with which value."""

    operation: str
    key: int
    value: bytes


# So many steps of a user are made at once, and fewer where their values are long: each user keeps them.
_AT_ONCE = 32
_AT_ONCE_BYTES = 8192
# A step for each operation: the class itself takes twice as long.
_new_step = partial(tuple.__new__, Step)


def user_random(workload: Workload, number: int, purpose: str) -> Random:
    """Return a random stream of one user. Text as a seed goes through SHA-512: near seeds give unrelated streams."""
    return Random(f"{workload.seed} {number} {purpose}")


def steps(workload: Workload, number: int) -> Iterator[Step]:
    """Yield the operations of the user with this number, without end.

    What replies say has no part in it. Each kind of choice has a stream of its own.
    """
    return chain.from_iterable(_pieces(workload, number))


def _pieces(workload: Workload, number: int) -> Iterator[list[Step]]:
    """Yield the steps of `steps`, some at once: each takes longer alone, as its code is not in the caches then."""
    kinds = [(name, name in _SIZED, name not in _KEYLESS) for name, _ in workload.operations]
    cumulative = list(accumulate(weight for _, weight in workload.operations))
    total, last = cumulative[-1], len(kinds) - 1
    choose = user_random(workload, number, "operations").random
    key_of = key_chooser(workload.keys, workload.tree.nodes, user_random(workload, number, "keys"))
    value_random = user_random(workload, number, "values")
    size_of = size_chooser(workload.values, value_random)
    source = contents(workload.values.most, workload.seed)
    places = len(source) - workload.values.most
    most_bytes = workload.values.most if any(is_sized for _, is_sized, _ in kinds) else 0
    at_once = max(1, min(_AT_ONCE, _AT_ONCE_BYTES // max(1, most_bytes)))
    name, is_sized, has_key = kinds[0]
    while True:
        piece = []
        for _ in range(at_once):
            if last:
                name, is_sized, has_key = kinds[bisect_right(cumulative, choose() * total, 0, last)]
            value = b""
            if is_sized:
                size = size_of()
                start = int(value_random.random() * places)
                value = source[start : start + size]
            piece.append(_new_step((name, key_of() if has_key else 0, value)))
        yield piece
