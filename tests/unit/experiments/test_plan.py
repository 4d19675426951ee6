"""The order of an experiment's runs."""

from collections import Counter

import pytest

from fleet.experiments.plan import blocks


def test_each_pair_has_both_arms_and_orders_are_balanced() -> None:
    slots = blocks(["a", "b"], 6, seed=3)
    pairs = [[slot.arm for slot in slots if slot.block == block] for block in range(1, 7)]
    assert Counter(map("".join, pairs)) == {"ab": 3, "ba": 3}
    assert [slot.number for slot in slots] == list(range(1, 13))


def test_the_seed_decides_the_order() -> None:
    orders = {tuple(slot.arm for slot in blocks(["a", "b"], 5, seed=seed)) for seed in range(20)}
    assert len(orders) > 5
    assert blocks(["a", "b"], 5, seed=7) == blocks(["a", "b"], 5, seed=7)


@pytest.mark.parametrize("arms", [["a", "b", "c"], ["1 / 1", "1 / 2", "2 / 1", "2 / 2"]])
def test_each_block_has_every_arm_once(arms: list[str]) -> None:
    slots = blocks(arms, 3, seed=1)
    for block in (1, 2, 3):
        assert sorted(slot.arm for slot in slots if slot.block == block) == sorted(arms)


def test_more_blocks_follow_those_that_are_done() -> None:
    done = blocks(["a", "b"], 5, seed=1)
    more = blocks(["a", "b"], 2, seed=1, done=done)
    assert [slot.number for slot in more] == [11, 12, 13, 14]
    assert {slot.block for slot in more} == {6, 7}
