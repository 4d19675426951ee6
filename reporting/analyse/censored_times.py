"""Compares two samples of times of which some have no end: it is only known that they are longer.

The test is Gehan's generalised Wilcoxon test (1965) with the exact permutation distribution of its statistic: a pair of
times counts where it is certain which one is longer. The interval has the ratios with which the test does not tell
the samples apart (test inversion, as Hodges and Lehmann's; with censored times, Wei and Gail 1983).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reporting.analyse.comparison import Comparison

MOST_EXACT: Final = 20_000
"""More permutations than these are drawn by chance, always the same ones."""
_DRAWN: Final = 9_999

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Time:
    """A time, seconds; without `ended`, it is longer."""

    seconds: float
    ended: bool = True


def compare_censored(
    baseline: Sequence[Time], candidate: Sequence[Time], confidence: float = 0.95, equivalence: float = 0.05
) -> Comparison:
    """Compare times above 0. `ratio` is that of the candidate by the baseline, and `high` infinite without a bound.

    The ratio is where the statistic is 0, and the nearest end where that is so without a bound. `low` is 0 without a
    bound. There is no `spread` (NaN), because the order of the times is all that counts.
    """
    first, second = (np.array([time.seconds for time in side]) for side in (baseline, candidate))
    ended = np.array([time.ended for time in (*baseline, *candidate)])
    groups = _groups(len(first), len(second))

    def tested(ratio: float) -> tuple[float, float]:
        """Return the statistic and the p value where the candidate's times are divided by a ratio."""
        scores = _scores(np.concatenate([first, second / ratio]), ended)
        statistic = float(scores[len(first) :].sum())
        others = scores[groups].sum(axis=1)
        return statistic, float((np.abs(others) >= abs(statistic) - 1e-9).mean())

    # Between two neighbouring ratios of a time of each side, nothing changes.
    edges = np.unique(np.log(second[:, None] / first[None, :]))
    edges = edges[np.concatenate([[True], np.diff(edges) > 1e-12])]
    places = [edges[0] - 1.0, *((edges[1:] + edges[:-1]) / 2), edges[-1] + 1.0]
    found = [tested(math.exp(place)) for place in places]
    ends = [-math.inf, *edges.tolist(), math.inf]
    kept = [place for place, (_, p_value) in enumerate(found) if p_value > 1 - confidence]
    statistics = [abs(statistic) for statistic, _ in found]
    least = [place for place, statistic in enumerate(statistics) if statistic <= min(statistics) + 1e-9]
    low, high = ends[least[0]], ends[least[-1] + 1]
    middle = (low + high) / 2 if math.isfinite(low) and math.isfinite(high) else low if math.isfinite(low) else high
    return Comparison(
        ratio=math.exp(middle) if math.isfinite(middle) else 1.0,
        low=math.exp(ends[min(kept)]) if kept else math.exp(middle),
        high=math.exp(ends[max(kept) + 1]) if kept else math.exp(middle),
        p_value=tested(1.0)[1],
        pairs=min(len(first), len(second)),
        spread=math.nan,
        confidence=confidence,
        equivalence=equivalence,
    )


def _scores(seconds: Array, ended: NDArray[np.bool_]) -> Array:
    """Return of each time how many others are certainly shorter, less how many are certainly longer."""
    longer = seconds[:, None] - seconds[None, :] > 1e-12 * seconds[:, None]
    same = ~longer & ~longer.T
    # A time without an end is longer than one with an end that is not above it.
    certainly = (ended[:, None] & ended[None, :] & longer) | (~ended[:, None] & ended[None, :] & (longer | same))
    scores: Array = certainly.sum(axis=1).astype(float) - certainly.sum(axis=0)
    return scores


def _groups(first: int, second: int) -> NDArray[np.intp]:
    """Return which of all times may be those of the candidate: every choice, or many by chance and the real one."""
    if math.comb(first + second, second) <= MOST_EXACT:
        return np.array(list(combinations(range(first + second), second)))
    chance = np.random.default_rng(1)
    drawn = chance.permuted(np.tile(np.arange(first + second), (_DRAWN, 1)), axis=1)[:, :second]
    return np.vstack([np.arange(first, first + second), drawn])
