"""When a load is stationary: the rule that ends an automatic warm-up, from the load's own figures.

It looks at the last `WINDOWS` windows of at least a second. The load is stationary if

- the rate of each window is close to their median: no stall, and no step between two levels,
- neither the rate nor the p50 nor the p99 has a trend that is both significant and large.

This must hold for `IN_A_ROW` windows in a row, because a rule that looks each second also sees a moment in which noise
hides the trend. A trend is significant by the test of Mann and Kendall at 11 %, which assumes no distribution. Its size
is the slope of Theil and Sen, a median, times the length. Both conditions are needed: a significant drift of 1 % is
harmless, and the p99 of a window with 700 operations depends on 7 of them, so that it changes by a fifth without any
trend. The p50 is there because it shows best how a JVM compiles what is hot: in recorded runs it still fell by a fifth
after rate and p99 had settled.
"""

import itertools
import math
from collections import deque
from statistics import median
from typing import Final

from zk_locust.contract.histogram import LatencyHistogram

WINDOWS: Final = 10
"""So many windows are looked at. With fewer, the test finds only trends that hardly a window breaks."""
IN_A_ROW: Final = 3
"""After so many windows in a row the rule must have found the load to be stationary."""
WINDOW_S: Final = 1.0
"""A window has at least this length, seconds: shorter intervals of the series are joined."""
RATE_SPREAD: Final = 0.20
"""No window's rate may differ more from the median, as a share of it; beside `COUNT_DEVIATIONS`."""
COUNT_DEVIATIONS: Final = 4.0
"""A window of few operations may differ by so many standard deviations of its count (Poisson)."""
RATE_TREND: Final = 0.05
"""A rate that changes by more than this share over the windows has a large trend."""
LATENCY_TRENDS: Final = {"p50": 0.15, "p99": 0.25}
"""The same of percentiles. A trend below these and `RATE_TREND` that goes on for 20 s of the measured stage stays below
what the verdict takes for a drift.
"""
_PERCENTILES: Final = {"p50": 50.0, "p99": 99.0}
# |S| of the Mann-Kendall test of 10 values without ties that chance reaches in 10.8 % of series, both sides. At 5 %
# (23), series that still fall are taken for stationary too often, and a needless second is cheap.
_SIGNIFICANT: Final = 19


class Stationarity:
    """The windows of a load so far. `take` its intervals in order."""

    def __init__(self) -> None:
        self.why_not = "no window is recorded"
        self._in_a_row = 0
        self._length_s = 0.0
        self._operations = LatencyHistogram()
        # Of each its length (s), its operations and its percentiles (µs).
        self._windows: deque[tuple[float, int, dict[str, int | None]]] = deque(maxlen=WINDOWS)

    @property
    def reached(self) -> bool:
        """Whether the load is stationary; if not, `why_not` says what the last windows show."""
        return self._in_a_row >= IN_A_ROW

    def take(self, length_s: float, operations: LatencyHistogram) -> None:
        """Take an interval of the series: its length, seconds, and all its operations."""
        self._length_s += length_s
        self._operations.add(operations)
        if self._length_s < WINDOW_S * 0.999:  # ten times 0.1 s may be a little less than a second
            return
        percentiles_us = self._operations.percentiles_us(_PERCENTILES)
        self._windows.append((self._length_s, self._operations.requests, percentiles_us))
        self._length_s, self._operations = 0.0, LatencyHistogram()
        problem = self._judge()
        self._in_a_row = 0 if problem else self._in_a_row + 1
        self.why_not = problem or f"stationary for only {self._in_a_row} of {IN_A_ROW} windows in a row"

    def _judge(self) -> str:
        if len(self._windows) < WINDOWS:
            return f"only {len(self._windows)} of {WINDOWS} windows are recorded"
        rates = [count / length_s for length_s, count, _ in self._windows]
        level = median(rates)
        if level == 0:
            return "no operation succeeded in most windows"
        for (length_s, _, _), rate in zip(self._windows, rates, strict=True):
            by_chance = COUNT_DEVIATIONS * math.sqrt(level * length_s) / length_s
            if abs(rate - level) > max(RATE_SPREAD * level, by_chance):
                return f"the rate of a window is {rate:.4g}/s, the median {level:.4g}/s"
        if abs(change := trend(rates)) > RATE_TREND:
            return f"the rate changes by {change:+.0%} over {WINDOWS} windows"
        for name, large in LATENCY_TRENDS.items():
            if abs(change := trend([found[name] or 0 for _, _, found in self._windows])) > large:
                return f"the {name} changes by {change:+.0%} over {WINDOWS} windows"
        return ""


def trend(values: list[float] | list[int]) -> float:
    """Return the change from the first of ten values to the last, as a share of the median; 0 if not significant."""
    pairs = list(itertools.combinations(enumerate(values), 2))
    score = sum((later > earlier) - (later < earlier) for (_, earlier), (_, later) in pairs)
    level = median(values)
    if abs(score) < _SIGNIFICANT or level <= 0:
        return 0.0
    slope = median((later - earlier) / (j - i) for (i, earlier), (j, later) in pairs)
    return slope * (len(values) - 1) / level
