"""Which node an operation takes: numbers from 0 to n - 1, from a user's own random stream."""

from array import array
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from random import Random

import numpy as np

from zk_locust.workload.specification import Keys


@lru_cache(maxsize=4)
def zipf_distribution(nodes: int, exponent: float) -> "array[float]":
    """Return the cumulative probabilities of Zipf's law over the ranks 1 to n: P(k) = k^-s / sum of i^-s (i = 1 … n).

    This is the bounded distribution (Knuth, The Art of Computer Programming, vol. 3, 6.1): any exponent from 0 will
    do, and 0 is uniform. 8 bytes a node, once for each process.
    """
    weights = np.arange(1, nodes + 1, dtype=np.float64) ** -exponent
    cumulative = np.cumsum(weights)
    cumulative /= cumulative[-1]
    return array("d", cumulative.tobytes())


def key_chooser(keys: Keys, nodes: int, random: Random) -> Callable[[], int]:
    """Return what gives the next key of one user; all of its choices come from `random`."""
    uniform = random.random
    if keys.choice == "zipf":
        cumulative = zipf_distribution(nodes, keys.exponent)
        return lambda: bisect_right(cumulative, uniform(), 0, nodes - 1)
    if keys.choice == "sequential":
        # Users start at places of their own; each then walks through all nodes, again and again.
        place = random.randrange(nodes) - 1

        def following() -> int:
            nonlocal place
            place = (place + 1) % nodes
            return place

        return following
    if keys.choice == "hot-set" and keys.hot_nodes < nodes:
        hot, cold, share = keys.hot_nodes, nodes - keys.hot_nodes, keys.hot_share

        def hot_or_cold() -> int:
            if uniform() < share:
                return int(uniform() * hot)
            return hot + int(uniform() * cold)

        return hot_or_cold
    return lambda: int(uniform() * nodes)
