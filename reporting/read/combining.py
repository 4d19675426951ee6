"""Combines the distributions of adjacent intervals of a long run while they are read, so that memory is bounded.

Before intervals are combined, their own figures are taken (`interval_figures`). Nothing else is lost: a combined
distribution is the sum of those of its intervals. Only runs with more intervals than a chart has points are combined.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from reporting.read import interval_figures
from reporting.read.distributions import Distribution, DistributionLine

MOST_HELD: Final = 20_000_000  # buckets, mostly of 4 to 6 bytes each
_OF_AN_OBJECT: Final = 100  # a histogram takes as much memory as this many buckets more
# How many intervals are combined, and the number of intervals above which this is allowed. Each number divides the
# next, and the number of intervals in a point of a chart of so many (`series.bins`).
WIDTHS: Final = ((5, 600), (30, 6_000), (60, 9_000), (300, 36_000), (1800, 270_000), (3600, 540_000))

_LATE: Final = 2  # groups of intervals that may still get figures of workers that report late

_Place = tuple[str, int]  # a stage, and the number of a group of its intervals


@dataclass(frozen=True, slots=True)
class Distributions:
    """All distributions of a run, in order, and the figures of each of its intervals.

    A line has the intervals of a stage whose numbers, divided by `together`, give the same whole number. `figures` has
    `interval_figures.COLUMNS`.
    """

    lines: tuple[DistributionLine, ...]
    figures: pd.DataFrame
    together: int


def combined(lines: Iterable[DistributionLine]) -> Distributions:
    """Return all that the lines hold, combined as far as is needed to hold at most about `MOST_HELD` buckets."""
    combining = _Combining()
    for line in lines:
        combining.add(line)
    return combining.done()


class _Combining:
    def __init__(self) -> None:
        self._together = 1
        self._most_single: float = math.inf  # groups: the figures of many intervals are computed at once
        self._held = 0
        self._intervals: set[_Place] = set()
        self._single: dict[_Place, list[DistributionLine]] = defaultdict(list)  # by group, not combined yet
        self._combined: dict[_Place, list[DistributionLine]] = defaultdict(list)
        self._figures: list[interval_figures.Part] = []

    def add(self, line: DistributionLine) -> None:
        self._intervals.add((line.stage, line.interval))
        place = line.stage, line.interval // self._together
        if place not in self._single and len(self._single) >= self._most_single:
            self._combine(list(self._single)[:-_LATE])
        self._single[place].append(line)
        self._held += _size(line.distribution)
        while self._held > MOST_HELD and self._widen():
            pass

    def _widen(self) -> bool:
        """Combine more intervals than so far; return whether that is allowed."""
        allowed = (width for width, above in WIDTHS if width > self._together and len(self._intervals) > above)
        wider = next(allowed, None)
        if wider is None:
            return False
        self._together = wider
        self._most_single = _LATE + math.ceil(interval_figures.CHUNK / wider)
        for groups in (self._single, self._combined):
            lines = [line for found in groups.values() for line in found]
            groups.clear()
            for line in lines:
                groups[line.stage, line.interval // wider].append(line)
        for place, found in self._combined.items():
            self._combined[place] = _sums(found)
        self._combine(list(self._single)[:-_LATE])
        held = (*self._single.values(), *self._combined.values())
        self._held = sum(_size(line.distribution) for lines in held for line in lines)
        return True

    def _combine(self, places: Sequence[_Place]) -> None:
        self._figures += interval_figures.of([line for place in places for line in self._single[place]])
        for place in places:
            found = [*self._combined[place], *self._single.pop(place)]
            self._combined[place] = sums = _sums(found)
            self._held += sum(_size(line.distribution) for line in sums)
            self._held -= sum(_size(line.distribution) for line in found)

    def done(self) -> Distributions:
        if self._together > 1:
            self._combine(list(self._single))
            lines = [line for found in self._combined.values() for line in found]
        else:
            lines = [line for found in self._single.values() for line in found]
            self._figures = interval_figures.of(lines)
        return Distributions(tuple(lines), interval_figures.joined(self._figures), self._together)


def _sums(lines: list[DistributionLine]) -> list[DistributionLine]:
    """Return one line for each operation."""
    by_operation: dict[str, list[DistributionLine]] = defaultdict(list)
    for line in lines:
        by_operation[line.operation].append(line)
    return [found[0] if len(found) == 1 else _sum(found) for found in by_operation.values()]


def _sum(lines: list[DistributionLine]) -> DistributionLine:
    last = max(lines, key=lambda line: line.last_interval)
    return DistributionLine(
        timestamp=last.timestamp,
        elapsed_s=last.elapsed_s,
        interval_s=sum(line.interval_s for line in lines),
        stage=last.stage,
        interval=min(line.interval for line in lines),
        operation=last.operation,
        distribution=Distribution.merged(line.distribution for line in lines),
        last_interval=last.last_interval,
    )


def _size(distribution: Distribution) -> int:
    """Return how much memory a distribution takes, in buckets."""
    size = len(distribution.histogram.buckets) + _OF_AN_OBJECT
    for clock in (distribution.response, distribution.slip, distribution.client_delay, distribution.censored):
        if clock is not None:
            size += _size(clock)
    return size
