"""The random choices: they lie where they must, follow their distributions, and repeat with the seed."""

import math
import tracemalloc
from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zk_locust.workload.keys import key_chooser, zipf_distribution
from zk_locust.workload.specification import Keys, Tree, Values, Watches, Workload
from zk_locust.workload.steps import steps
from zk_locust.workload.tree import folder_paths, node_paths, window_for
from zk_locust.workload.values import contents, mean_size, size_chooser
from zk_locust.workload.watches import watched_keys

DRAWS = 20_000
CHOICES = ("uniform", "sequential", "zipf", "hot-set")


def draw(keys: Keys, nodes: int, seed: int = 1, count: int = DRAWS) -> list[int]:
    choose = key_chooser(keys, nodes, Random(seed))
    return [choose() for _ in range(count)]


def assert_follows(found: Counter[int], expected: dict[int, float]) -> None:
    """Hold counts against probabilities by chi square, within five standard deviations of its own (2 k, k its mean)."""
    total = sum(found.values())
    freedom = len(expected) - 1
    square = sum((found[key] - total * share) ** 2 / (total * share) for key, share in expected.items())
    assert abs(square - freedom) < 5 * math.sqrt(2 * freedom) + 1
    assert found.keys() <= expected.keys()


def test_uniform_keys() -> None:
    assert_follows(Counter(draw(Keys(), 50)), dict.fromkeys(range(50), 1 / 50))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 0.99, 1.0, 2.0])
def test_zipf_keys(exponent: float) -> None:
    weights = [rank**-exponent for rank in range(1, 51)]
    expected = {key: weight / sum(weights) for key, weight in enumerate(weights)}
    assert_follows(Counter(draw(Keys("zipf", exponent=exponent), 50)), expected)


def test_a_hot_set() -> None:
    found = Counter(draw(Keys("hot-set", hot_nodes=10, hot_share=0.8), 50))
    assert_follows(found, {key: 0.8 / 10 if key < 10 else 0.2 / 40 for key in range(50)})


def test_sequential_keys_follow_one_another_and_wrap() -> None:
    found = draw(Keys("sequential"), 7, count=30)
    assert [(after - before) % 7 for before, after in pairwise(found)] == [1] * 29
    assert len({draw(Keys("sequential"), 1000, seed, 1)[0] for seed in range(20)}) > 15, "users start at other places"


@given(st.sampled_from(CHOICES), st.integers(1, 300), st.floats(0, 5), st.floats(0, 1), st.integers(0, 1 << 32))
def test_every_key_is_one_of_the_nodes(choice: str, nodes: int, exponent: float, share: float, seed: int) -> None:
    keys = Keys(choice, exponent=exponent, hot_nodes=max(1, nodes // 3), hot_share=share)
    assert all(0 <= key < nodes for key in draw(keys, nodes, seed, 50))


@given(st.integers(1, 2000), st.floats(0, 5))
def test_zipfs_distribution_rises_to_one(nodes: int, exponent: float) -> None:
    cumulative = zipf_distribution(nodes, exponent)
    assert len(cumulative) == nodes
    assert cumulative[-1] == 1.0
    assert all(before <= after for before, after in pairwise(cumulative))


def sizes(values: Values, seed: int = 1, count: int = DRAWS) -> list[int]:
    choose = size_chooser(values, Random(seed))
    return [choose() for _ in range(count)]


def test_fixed_and_uniform_sizes() -> None:
    assert set(sizes(Values(least=33, most=33))) == {33}
    assert_follows(Counter(sizes(Values("uniform", 10, 29))), dict.fromkeys(range(10, 30), 1 / 20))


def test_sizes_of_a_list() -> None:
    found = Counter(sizes(Values("list", 1, 100, (1, 10, 100), (6.0, 0.0, 2.0))))
    assert_follows(found, {1: 0.75, 100: 0.25})


def test_lognormal_sizes() -> None:
    found = sorted(sizes(Values("lognormal", 1, 1_000_000, median=500, sigma=1.0)))
    for quantile, deviations in ((0.159, -1.0), (0.5, 0.0), (0.841, 1.0)):
        assert found[int(quantile * DRAWS)] == pytest.approx(500 * math.exp(deviations), rel=0.05)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0, 10), st.floats(0, 1))
def test_lognormal_sizes_stay_within_their_bounds(least: int, extra: int, sigma: float, place: float) -> None:
    most = max(1, least + extra)
    median = max(1.0, least + place * (most - least))
    assert all(
        least <= size <= most for size in sizes(Values("lognormal", least, most, median=median, sigma=sigma), 1, 50)
    )


def test_the_mean_is_about_the_mean() -> None:
    for values in (Values(), Values("uniform", 1, 99), Values("list", 1, 9, (1, 9), (1.0, 3.0)),
                   Values("lognormal", 1, 1_000_000, median=100, sigma=0.5)):  # fmt: skip
        assert mean_size(values) == pytest.approx(sum(sizes(values)) / DRAWS, rel=0.05)


FIRST_STEPS = [("delete", 0, 12), ("get", 33, 0), ("get", 35, 0), ("create", 0, 13), ("set", 36, 34)]
WORKLOAD = Workload(
    operations=(("get", 3), ("set", 1), ("create", 1), ("delete", 1)),
    tree=Tree(100),
    keys=Keys("zipf"),
    values=Values("uniform", 0, 40),
    seed=5,
)


def test_the_same_seed_gives_a_user_the_same_steps() -> None:
    contents.cache_clear()
    first = list(islice(steps(WORKLOAD, 3), 500))
    contents.cache_clear()
    assert list(islice(steps(WORKLOAD, 3), 500)) == first
    assert list(islice(steps(WORKLOAD, 4), 500)) != first
    other = Workload(**{name: getattr(WORKLOAD, name) for name in WORKLOAD.__slots__} | {"seed": 6})
    assert list(islice(steps(other, 3), 500)) != first


def test_long_values_are_made_one_by_one() -> None:
    workload = Workload(operations=(("set", 1),), tree=Tree(100), values=Values("fixed", 1_000_000, 1_000_000))
    made = steps(workload, 0)
    next(made)
    tracemalloc.start()
    for _ in range(40):
        next(made)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000


def test_the_steps_are_these_forever() -> None:
    found = [(step.operation, step.key, len(step.value)) for step in islice(steps(WORKLOAD, 0), 5)]
    assert found == FIRST_STEPS


def test_the_mix_follows_its_weights() -> None:
    names = [name for name, _ in WORKLOAD.operations]
    found = Counter(names.index(step.operation) for step in islice(steps(WORKLOAD, 0), DRAWS))
    assert_follows(found, {0: 3 / 6, 1: 1 / 6, 2: 1 / 6, 3: 1 / 6})


def test_values_are_as_long_as_they_say_and_differ() -> None:
    written = [step.value for step in islice(steps(WORKLOAD, 0), 1000) if step.operation in ("set", "create", "delete")]
    assert {len(value) for value in written} == set(range(41))
    assert len(set(written)) > 0.9 * len(written)


@given(st.integers(1, 500), st.integers(1, 4), st.integers(1, 6))
@settings(max_examples=50)
def test_the_tree_is_the_stated_one(nodes: int, depth: int, fan_out: int) -> None:
    tree = Tree(nodes, depth, fan_out if depth > 1 else 1)
    if tree.leaf_folders > nodes:
        return
    folders, paths = list(folder_paths(tree)), list(node_paths(tree))
    assert len(set(folders)) == len(folders) == tree.folders
    assert len(set(paths)) == len(paths) == nodes
    assert {path.count("/") for path in paths} == {depth}
    known = {""}
    for path in folders + paths:
        assert path.rpartition("/")[0] in known, "parents come first"
        known.add(path)
    shares = Counter(path.rpartition("/")[0] for path in paths)
    assert len(shares) == tree.leaf_folders
    assert max(shares.values()) - min(shares.values()) <= 1


@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 20))
def test_every_node_has_its_watches(nodes: int, per_node: int, users: int) -> None:
    workload = Workload(tree=Tree(nodes), watches=Watches(per_node=per_node))
    watched = [watched_keys(workload, number, users) for number in range(users)]
    assert all(len(set(keys)) == len(keys) for keys in watched), "a session has one watch on a node"
    assert Counter(key for keys in watched for key in keys) == dict.fromkeys(range(nodes), min(per_node, users))


def test_each_user_has_its_watches() -> None:
    workload = Workload(tree=Tree(50), watches=Watches(per_user=7))
    assert [len(set(watched_keys(workload, number, 3))) for number in range(3)] == [7, 7, 7]
    assert watched_keys(workload, 0, 3) != watched_keys(workload, 1, 3)


def test_large_values_do_not_pile_up() -> None:
    assert window_for(0) == 256
    assert window_for(1_000_000) == 4
    assert window_for(100_000_000) == 2
