"""How long values are, and what they hold."""

import math
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final

from zk_locust.workload.specification import Values

_PLACES: Final = 65_536


def size_chooser(values: Values, random: Random) -> Callable[[], int]:
    """Return what gives the next size in bytes; all of its choices come from `random`.

    A lognormal size is exp(ln(median) + sigma Z), Z standard normal. A size outside the bounds is drawn again, at most
    100 times; then it is the nearest bound.
    """
    least, most = values.least, values.most
    if values.distribution == "uniform":
        return lambda: random.randint(least, most)
    if values.distribution == "list":
        sizes, cumulative = values.sizes, list(accumulate(values.weights))
        total, last = cumulative[-1], len(values.sizes) - 1
        return lambda: sizes[bisect_right(cumulative, random.random() * total, 0, last)]
    if values.distribution == "lognormal":
        mean, sigma = math.log(values.median), values.sigma

        def lognormal() -> int:
            size = 0
            for _ in range(100):
                size = round(math.exp(min(random.gauss(mean, sigma), 50.0)))
                if least <= size <= most:
                    return size
            return min(max(size, least), most)

        return lognormal
    return lambda: least


def mean_size(values: Values) -> float:
    """Return about how long a value is, bytes: for sizing what is under way, not for figures."""
    if values.distribution == "list":
        return sum(size * weight for size, weight in zip(values.sizes, values.weights, strict=True)) / sum(
            values.weights
        )
    if values.distribution == "lognormal":
        return min(float(values.most), values.median * math.exp(min(values.sigma, 5.0) ** 2 / 2))
    return (values.least + values.most) / 2


@lru_cache(maxsize=2)
def contents(most: int, seed: int) -> bytes:
    """Return random bytes of which every value is a piece: making new ones for each would cost more than sending."""
    return Random(f"contents {seed}").randbytes(most + max(most, _PLACES))
