"""Comparing pairs of runs: paired t intervals over logarithms, with Holm's correction over several figures.

The unit is the run, because operations of one run are not independent of each other.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

CHANGED: Final = "changed"
EQUIVALENT: Final = "equivalent"
UNDECIDED: Final = "undecided"
_MOST_MORE: Final = 200


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pairs of runs of a baseline and a candidate: the ratio candidate/baseline and its interval.

    `p_value` is that of the hypothesis that the ratio is 1, `pairs` their number, `spread` the standard deviation of
    the logarithms of the pairs' ratios. `confidence` is that of the interval, and `equivalence` the greatest share by
    which equivalent figures differ.
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
    """`changed`, `equivalent` or `undecided`; then `more_pairs` would decide, None where more than 200 would be needed."""

    word: str
    more_pairs: int | None = None


def compare_pairs(
    pairs: Sequence[tuple[float, float]], confidence: float = 0.95, equivalence: float = 0.05
) -> Comparison:
    """Compare (baseline, candidate) figures of pairs of runs. Raises ValueError for fewer than two or values up to 0."""
    if len(pairs) < 2 or any(min(pair) <= 0 for pair in pairs):
        raise ValueError("a comparison needs two pairs of values above 0")
    logs = [math.log(candidate / baseline) for baseline, candidate in pairs]
    mean, spread, degrees = statistics.fmean(logs), statistics.stdev(logs), len(pairs) - 1
    error = spread / math.sqrt(len(pairs))
    half = t_quantile((1 + confidence) / 2, degrees) * error
    p_value = 2 * (1 - t_probability(abs(mean) / error, degrees)) if error > 0 else float(mean == 0)
    low, high = math.exp(mean - half), math.exp(mean + half)
    return Comparison(math.exp(mean), low, high, p_value, len(pairs), spread, confidence, equivalence)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return Holm's adjusted p values (Holm 1979), in the given order."""
    adjusted: dict[str, float] = {}
    least = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def judge(comparisons: Mapping[str, Comparison]) -> dict[str, Answer]:
    """Return the answer for each figure. It is changed only if that holds after Holm's correction over all of them."""
    adjusted = holm({name: found.p_value for name, found in comparisons.items()})
    return {name: _answer(found, adjusted[name]) for name, found in comparisons.items()}


def _answer(found: Comparison, adjusted: float) -> Answer:
    if 1 / (1 + found.equivalence) <= found.low and found.high <= 1 + found.equivalence:
        return Answer(EQUIVALENT)
    if adjusted < 1 - found.confidence:
        return Answer(CHANGED)
    for more in range(1, _MOST_MORE + 1):
        half = math.exp(t_quantile((1 + found.confidence) / 2, found.pairs + more - 1) * found.spread / math.sqrt(found.pairs + more))
        is_equivalent = found.ratio * half <= 1 + found.equivalence and found.ratio / half >= 1 / (1 + found.equivalence)
        if is_equivalent or found.ratio / half > 1 or found.ratio * half < 1:
            return Answer(UNDECIDED, more)
    return Answer(UNDECIDED)


def resolution(values: Sequence[tuple[float, float]], confidence: float = 0.95) -> float:
    """Return the smallest difference, as a share, that as many pairs of runs of this noise would show."""
    found = compare_pairs(values, confidence)
    return math.exp(t_quantile((1 + confidence) / 2, found.pairs - 1) * found.spread / math.sqrt(found.pairs)) - 1


def t_probability(t: float, degrees: int) -> float:
    """Return P(T <= t) of Student's t distribution with a whole number of degrees of freedom.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    if degrees % 2:
        term, total = cosine, cosine if degrees > 1 else 0.0
        for k in range(3, degrees - 1, 2):
            term *= cosine**2 * (k - 1) / k
            total += term
        inside = 2 / math.pi * (angle + sine * total)
    else:
        term = total = 1.0
        for k in range(2, degrees - 1, 2):
            term *= cosine**2 * (k - 1) / k
            total += term
        inside = sine * total
    return (1 + inside) / 2


def t_quantile(probability: float, degrees: int) -> float:
    """Return the t at which Student's distribution has this probability (above 0.5)."""
    low, high = 0.0, 1e6
    while high - low > 1e-9 * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, degrees) < probability else (low, middle)
    return high
