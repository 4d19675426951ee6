"""Which run comes when. The order is random and follows from the seed, so that a resumed experiment has the same."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Slot:
    """A run to be done: of which arm, in which block. A block is a pair, or a pass over all arms; from 1."""

    number: int
    block: int
    arm: str

    def as_dict(self) -> dict[str, Any]:
        """The object in the manifest."""
        return asdict(self)


def blocks(arms: Sequence[str], count: int, seed: int, done: Sequence[Slot] = ()) -> list[Slot]:
    """Return `count` blocks more than those that are `done`; each has every arm once, in random order.

    Two arms make pairs AB and BA, as many of one as of the other, or one more: a drift then favours neither.
    """
    first = max((slot.block for slot in done), default=0) + 1
    number = max((slot.number for slot in done), default=0)
    choice = random.Random(f"{seed}/{first}")
    orders = _balanced(list(arms), count, choice) if len(arms) == 2 else [_shuffled(arms, choice) for _ in range(count)]
    slots = []
    for block, order in enumerate(orders, first):
        for arm in order:
            number += 1
            slots.append(Slot(number, block, arm))
    return slots


def _balanced(arms: list[str], count: int, choice: random.Random) -> list[list[str]]:
    turned = [place % 2 == 1 for place in range(count)]
    if count % 2 and choice.random() < 0.5:
        turned[-1] = not turned[-1]
    choice.shuffle(turned)
    return [arms[::-1] if turn else list(arms) for turn in turned]


def _shuffled(arms: Sequence[str], choice: random.Random) -> list[str]:
    order = list(arms)
    choice.shuffle(order)
    return order
