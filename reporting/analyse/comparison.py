"""Compares pairs of runs: paired t intervals over logarithms, with Holm's correction over several figures.

The unit is the run, because operations of one run are not independent of each other. `docs/comparing.md` gives the
reasons and sources.
"""

import math
import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from reporting.analyse import student_t

CHANGED: Final = "changed"
EQUIVALENT: Final = "equivalent"
UNDECIDED: Final = "undecided"
MOST_MORE_PAIRS: Final = 200

Key = TypeVar("Key", bound=Hashable)
"""What a figure is called: its name, or a tuple of names."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pairs of runs of a baseline and a candidate: the ratio candidate/baseline, and its interval from low to high.

    `p_value` is that of the hypothesis that the ratio is 1, `pairs` how many there are, and `spread` the standard
    deviation of the logarithms of the pairs' ratios, NaN where only the order of the values counts. `confidence` (0 to
    1) is that of the interval. `equivalence` is the greatest difference of equivalent figures, as a share: with 0.05,
    ratios from 1/1.05 to 1.05 are equivalent.
    """

    ratio: float
    low: float
    high: float
    p_value: float
    pairs: int
    spread: float
    confidence: float
    equivalence: float

    @property
    def rose(self) -> bool:
        """Whether the candidate's figure is higher; by the interval, where only the order of the values counts."""
        return self.low >= 1 or (self.high > 1 and self.ratio > 1)


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
    return _of_logs(statistics.fmean(logs), statistics.stdev(logs), len(pairs), confidence, equivalence)


def _of_logs(mean: float, spread: float, pairs: int, confidence: float, equivalence: float) -> Comparison:
    """Return the comparison of pairs by the mean and the standard deviation of the logarithms of their ratios."""
    error = spread / math.sqrt(pairs)
    half = student_t.quantile((1 + confidence) / 2, pairs - 1) * error
    return Comparison(
        ratio=math.exp(mean),
        low=math.exp(mean - half),
        high=math.exp(mean + half),
        p_value=2 * student_t.probability(-abs(mean) / error, pairs - 1) if error else float(mean == 0),
        pairs=pairs,
        spread=spread,
        confidence=confidence,
        equivalence=equivalence,
    )


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return the p values adjusted by Holm's method (1979), in the given order.

    If those below 0.05 are called changes, the probability of any false one is at most 5 % over all of them together.
    """
    adjusted: dict[Key, float] = {}
    least = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def judge(comparisons: Mapping[Key, Comparison]) -> dict[Key, Answer]:
    """Return the answer for each figure.

    A figure is equivalent if its complete interval is within the equivalence, and changed if its p value, adjusted by
    Holm's method over all figures, is below 1 - confidence.
    """
    words = _words(comparisons)
    missing = _more_pairs(comparisons, [name for name, word in words.items() if word == UNDECIDED])
    return {name: Answer(word, missing.get(name)) for name, word in words.items()}


def _words(comparisons: Mapping[Key, Comparison]) -> dict[Key, str]:
    adjusted = holm({name: each.p_value for name, each in comparisons.items()})
    return {name: _word(each, adjusted[name]) for name, each in comparisons.items()}


def _word(found: Comparison, adjusted: float) -> str:
    if 1 / (1 + found.equivalence) <= found.low and found.high <= 1 + found.equivalence:
        return EQUIVALENT
    return CHANGED if adjusted < 1 - found.confidence else UNDECIDED


def _more_pairs(comparisons: Mapping[Key, Comparison], undecided: Sequence[Key]) -> dict[Key, int]:
    """Return how many more pairs decide each of these figures, if all figures keep their ratios and spreads."""
    missing: dict[Key, int] = {}
    for more in range(1, MOST_MORE_PAIRS + 1):
        if len(missing) == len(undecided):
            break
        words = _words({name: _with_more(each, more) for name, each in comparisons.items()})
        missing |= {name: more for name in undecided if name not in missing and words[name] != UNDECIDED}
    return missing


def _with_more(found: Comparison, more: int) -> Comparison:
    if math.isnan(found.spread):
        return found
    return _of_logs(math.log(found.ratio), found.spread, found.pairs + more, found.confidence, found.equivalence)


def resolution(
    values: Sequence[tuple[float, float]], confidence: float = 0.95, power: float = 0.8, pairs: int | None = None
) -> float:
    """Return the difference, as a share, that `pairs` pairs of runs with the spread of these find; None: as many.

    `values` are usually pairs of runs of one arm. A true difference of this size is found with the probability `power`
    (0.5 to below 1) when one figure is compared. Raises ValueError as `compare_pairs`, for another power, and for fewer
    than two pairs.
    """
    if not 0.5 <= power < 1:
        raise ValueError(f"power [{power}] must be from 0.5 to below 1")
    found = compare_pairs(values, confidence)
    number = found.pairs if pairs is None else pairs
    if number < 2:
        raise ValueError(f"a comparison needs at least two pairs of runs, not [{number}]")
    needed = student_t.quantile((1 + confidence) / 2, number - 1) + student_t.quantile(power, number - 1)
    return math.exp(needed * found.spread / math.sqrt(number)) - 1
