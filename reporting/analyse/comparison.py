"""Compares pairs of runs: paired t intervals over logarithms, with Holm's correction over several figures.

The unit is the run, because operations of one run are not independent of each other. `docs/comparing.md` gives the
reasons and sources.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reporting.analyse import student_t

CHANGED: Final = "changed"
EQUIVALENT: Final = "equivalent"
UNDECIDED: Final = "undecided"
MOST_MORE_PAIRS: Final = 200


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pairs of runs of a baseline and a candidate: the ratio candidate/baseline, and its interval from low to high.

    `p_value` is that of the hypothesis that the ratio is 1, `pairs` how many there are, and `spread` the standard
    deviation of the logarithms of the pairs' ratios. `confidence` (0 to 1) is that of the interval. `equivalence` is
    the greatest difference of equivalent figures, as a share: with 0.05, ratios from 1/1.05 to 1.05 are equivalent.
    """

    ratio: float
    low: float
    high: float
    p_value: float
    pairs: int
    spread: float
    confidence: float
    equivalence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """`word` is changed, equivalent or undecided.

    `more_pairs` is for undecided only: so many more pairs would decide if ratio and spread remain as they are. None if
    200 would not be enough.
    """

    word: str
    more_pairs: int | None = None


def compare_pairs(
    pairs: Sequence[tuple[float, float]], confidence: float = 0.95, equivalence: float = 0.05
) -> Comparison:
    """Compare (baseline, candidate) figures of pairs of runs.

    Raises ValueError for fewer than two pairs, for values that are not finite and above 0, and for a confidence or an
    equivalence that is not between 0 and 1.
    """
    if len(pairs) < 2:
        raise ValueError(f"a comparison needs at least two pairs of runs, not [{len(pairs)}]")
    for value in (value for pair in pairs for value in pair):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"a figure [{value}] of a comparison must be finite and above 0")
    for name, share in (("confidence", confidence), ("equivalence", equivalence)):
        if not 0 < share < 1:
            raise ValueError(f"{name} [{share}] must be between 0 and 1")
    logs = [math.log(candidate) - math.log(baseline) for baseline, candidate in pairs]
    mean, spread = statistics.fmean(logs), statistics.stdev(logs)
    half = _half_width(spread, len(pairs), confidence)
    return Comparison(
        ratio=math.exp(mean),
        low=math.exp(mean - half),
        high=math.exp(mean + half),
        p_value=_p_value(mean, spread, len(pairs)),
        pairs=len(pairs),
        spread=spread,
        confidence=confidence,
        equivalence=equivalence,
    )


def _half_width(spread: float, pairs: int, confidence: float) -> float:
    """Return half the width of the interval of the logarithm of a ratio."""
    return student_t.quantile((1 + confidence) / 2, pairs - 1) * spread / math.sqrt(pairs)


def _p_value(mean: float, spread: float, pairs: int) -> float:
    if spread == 0:
        return float(mean == 0)
    return 2 * student_t.probability(-abs(mean) / (spread / math.sqrt(pairs)), pairs - 1)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p values adjusted by Holm's method (1979), in the given order.

    If those below 0.05 are called changes, the probability of any false one is at most 5 % over all of them together.
    """
    adjusted: dict[str, float] = {}
    least = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def judge(comparisons: Mapping[str, Comparison]) -> dict[str, Answer]:
    """Return the answer for each figure.

    A figure is equivalent if its complete interval is within the equivalence, and changed if its p value, adjusted by
    Holm's method over all figures, is below 1 - confidence.
    """
    adjusted = holm({name: each.p_value for name, each in comparisons.items()})
    return {name: _answer(each, adjusted[name]) for name, each in comparisons.items()}


def _answer(found: Comparison, adjusted: float) -> Answer:
    if _is_within(found.low, found.high, found.equivalence):
        return Answer(EQUIVALENT)
    if adjusted < 1 - found.confidence:
        return Answer(CHANGED)
    correction = adjusted / found.p_value if found.p_value > 0 else 1.0
    return Answer(UNDECIDED, _more_pairs(found, correction))


def _is_within(low: float, high: float, equivalence: float) -> bool:
    return 1 / (1 + equivalence) <= low and high <= 1 + equivalence


def _more_pairs(found: Comparison, correction: float) -> int | None:
    """Return how many more pairs make the figure equivalent, or changed with this factor on its p value."""
    mean = math.log(found.ratio)
    for pairs in range(found.pairs + 1, found.pairs + MOST_MORE_PAIRS + 1):
        half = _half_width(found.spread, pairs, found.confidence)
        if _is_within(math.exp(mean - half), math.exp(mean + half), found.equivalence):
            return pairs - found.pairs
        if _p_value(mean, found.spread, pairs) * correction < 1 - found.confidence:
            return pairs - found.pairs
    return None


def resolution(values: Sequence[tuple[float, float]], confidence: float = 0.95, power: float = 0.8) -> float:
    """Return the difference, as a share, that as many pairs of runs with the spread of these find.

    `values` are usually pairs of runs of one arm. A true difference of this size is found with the probability `power`
    (0.5 to 1) when one figure is compared. Raises ValueError as `compare_pairs`.
    """
    found = compare_pairs(values, confidence)
    needed = student_t.quantile((1 + confidence) / 2, found.pairs - 1) + student_t.quantile(power, found.pairs - 1)
    return math.exp(needed * found.spread / math.sqrt(found.pairs)) - 1
