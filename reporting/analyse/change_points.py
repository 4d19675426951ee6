"""Change points of a series of runs: E-divisive (Matteson and James 2014), with seeded permutation tests.

A series is divided where the energy distance between its two sides is greatest, and then each side in the same way, as
long as a permutation test does not call that chance at a low level. Each division is then tested at the level proper,
on the values from the one before it to the one after it, and the weakest is given up until all pass. A single strict
test would miss a change that is taken back: what follows it makes both sides alike. Apache Otava has two levels for the
same reason. `docs/results.md` says why this is no library.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS: Final = 499
LEVEL: Final = 0.01
"""How often a series without change points is divided."""
SHORTEST: Final = 3
"""How many values a side has at least."""
_LOW_LEVEL: Final = 0.3
_SEED: Final = 1


def find(values: Sequence[float]) -> list[int]:
    """Return the places of the values that begin something new, ascending. Values must be finite."""
    random = np.random.default_rng(_SEED)
    data = np.asarray(values, dtype=float)
    places: list[int] = []
    open_parts = [(0, len(data))]
    while open_parts:
        start, end = open_parts.pop()
        if end - start < 2 * SHORTEST:
            continue
        place = start + _best(_distances(data[start:end]))[0]
        if _chance(data, start, place, end, _LOW_LEVEL, random) <= _LOW_LEVEL:
            places.append(place)
            open_parts += [(start, place), (place, end)]
    return _strong(data, sorted(places), random)


def _strong(data: NDArray[np.float64], places: list[int], random: np.random.Generator) -> list[int]:
    """Give up the weakest place until none may be chance."""
    known: dict[tuple[int, int, int], float] = {}
    while places:
        ends = [0, *places, len(data)]
        parts = list(zip(ends, ends[1:], ends[2:], strict=False))
        for part in parts:
            if part not in known:
                known[part] = _chance(data, *part, LEVEL, random)
        weakest = max(parts, key=lambda part: known[part])
        if known[weakest] <= LEVEL:
            break
        places.remove(weakest[1])
    return places


def _distances(data: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.abs(data[:, None] - data[None, :])
    return found


def _chance(
    data: NDArray[np.float64], start: int, place: int, end: int, level: float, random: np.random.Generator
) -> float:
    """Return how often the values from start to end, in random order, divide as clearly as at the place.

    That is the p value. What is certain to be above the level is estimated from the permutations so far.
    """
    distances = _distances(data[start:end])
    divergence = _divergence(distances)[place - start - SHORTEST]
    if divergence <= 0:
        return 1.0
    as_great, least = 1, divergence * (1 - 1e-9)  # the same values in another order may be rounded in another way
    for done in range(1, PERMUTATIONS + 1):
        order = random.permutation(end - start)
        as_great += int(_best(distances[np.ix_(order, order)])[1] >= least)
        if as_great > level * (PERMUTATIONS + 1):
            return max(as_great / (done + 1), level + 1e-9)
    return as_great / (PERMUTATIONS + 1)


def _best(distances: NDArray[np.float64]) -> tuple[int, float]:
    """Return the place with the greatest divergence between what is before it and after it, and the divergence."""
    divergence = _divergence(distances)
    best = int(divergence.argmax())
    return best + SHORTEST, float(divergence[best])


def _divergence(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the divergence between what is before and after each place, from `SHORTEST` on.

    It is the scaled energy distance of the paper's equation 4: twice the mean distance between the sides, less the mean
    distances within each, times n m / (n + m) for n values before and m after.
    """
    size = len(distances)
    sums = distances.cumsum(axis=0).cumsum(axis=1).diagonal()  # of the first 1, 2, … values among themselves
    rows = distances.sum(axis=1).cumsum()  # of the first values with all
    places = np.arange(SHORTEST, size - SHORTEST + 1)
    before, after = places.astype(float), size - places.astype(float)
    within_before = sums[places - 1]
    between = rows[places - 1] - within_before
    within_after = sums[-1] - within_before - 2 * between
    divergence: NDArray[np.float64] = (
        2 * between / (before * after) - within_before / (before * (before - 1)) - within_after / (after * (after - 1))
    ) * (before * after / size)
    return divergence
