"""The search for the highest rate that meets the objectives, as a pure function of the steps so far.

It begins at the lowest rate, because objectives that fail there fail everywhere. From the first rate, it brackets by
factors of 1.5, bisects the logarithm of the rate until the interval is 5 % wide, and confirms: of three runs at the
lower end most must pass, and of three at the upper end and three at 10 % above most must fail. Each rate counts by the
majority of its runs, so a run that went wrong by chance is outvoted as soon as the search returns to its rate.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

BRACKET: Final = 1.5
WIDTH: Final = 1.05
ABOVE: Final = 1.1
REPEATS: Final = 3
MOST_STEPS: Final = 60
_ROUNDING: Final = 1.01
"""By which rounded rates may be further apart than `BRACKET`."""

CONFIRMED: Final = "confirmed"
UNCONFIRMED: Final = "unconfirmed"
AT_LEAST: Final = "at least"
NONE: Final = "none"
LOAD_SIDE: Final = "load side"
"""The state of a search that ended because the load side was the limit, twice at one rate."""


@dataclass(frozen=True, slots=True)
class Step:
    """A run at a rate, operations a second, and whether it met all objectives. Void runs are no steps."""

    rate_per_s: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Capacity:
    """The answer: the highest rate that met the objectives and the lowest above it that did not, operations a second.

    `state` is `confirmed`; `unconfirmed`, if runs at 10 % above passed, or the search took too many steps;
    `at least`, if the highest rate of the experiment passed (`high_per_s` is None); or `none`, if the lowest failed
    (`low_per_s` is None).
    """

    state: str
    low_per_s: float | None
    high_per_s: float | None

    def as_dict(self) -> dict[str, Any]:
        """The object in the manifest."""
        return asdict(self)


def next_rate(steps: Sequence[Step], lowest: float, first: float, highest: float) -> float | Capacity:
    """Return the rate of the next step, or the answer."""
    if not steps:
        return lowest
    low, high = bounds(steps)
    if len(steps) >= MOST_STEPS:
        return Capacity(UNCONFIRMED, low, high)
    if low is None:
        assert high is not None
        return high if _runs(steps, high) < REPEATS else Capacity(NONE, None, high)
    if high is None:
        if low < first:
            return first
        if low >= highest:
            return low if _runs(steps, low) < REPEATS else Capacity(AT_LEAST, low, None)
        return min(highest, _rounded(low * BRACKET))
    if high / low > BRACKET * _ROUNDING:  # the first rate failed
        return max(_rounded(high / BRACKET), _rounded(low * WIDTH))
    middle = _rounded(math.sqrt(low * high))
    if high / low > WIDTH and low < middle < high:
        return middle
    above = min(highest, max(_rounded(low * ABOVE), high))
    for rate in (low, above):
        if _runs(steps, rate) < REPEATS:
            return rate
    # No end of the answer may rest on one run. Where the rates contradict one another, the one between them decides.
    if _runs(steps, high) < REPEATS:
        return high
    return Capacity(UNCONFIRMED, low, above) if _passes(steps, above) else Capacity(CONFIRMED, low, high)


def bounds(steps: Iterable[Step]) -> tuple[float | None, float | None]:
    """Return the highest rate that passes below all that fail, and the lowest that fails; None where there is none."""
    steps = list(steps)
    rates = sorted({step.rate_per_s for step in steps})
    high = next((rate for rate in rates if not _passes(steps, rate)), None)
    low = max((rate for rate in rates if _passes(steps, rate) and (high is None or rate < high)), default=None)
    return low, high


def more_load_hosts(hosts: int, rate_per_s: float, carried_per_s: float) -> int:
    """Return how many load hosts more would carry a rate, if `hosts` carry `carried_per_s`: at least one."""
    if carried_per_s <= 0:
        return 1
    return max(1, math.ceil(hosts * rate_per_s / carried_per_s) - hosts)


def longest_search(lowest: float, first: float, highest: float) -> int:
    """Return about how many runs a search takes at most, if no rate contradicts another."""
    bracket = math.ceil(math.log(max(highest / first, first / lowest, 1.0)) / math.log(BRACKET)) + 1
    bisect = math.ceil(math.log2(math.log(BRACKET) / math.log(WIDTH)))
    return 1 + bracket + bisect + 3 * REPEATS - 2


def _rounded(rate: float) -> float:
    """Return the rate with three significant digits, as people would write it."""
    return float(f"{rate:.3g}")


def _runs(steps: Iterable[Step], rate: float) -> int:
    return sum(step.rate_per_s == rate for step in steps)


def _passes(steps: Iterable[Step], rate: float) -> bool:
    votes = [step.passed for step in steps if step.rate_per_s == rate]
    return sum(votes) * 2 > len(votes)
