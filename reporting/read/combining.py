"""Combines the distributions of adjacent intervals of a long run while they are read, so that memory is bounded.

Before intervals are combined, their own figures are taken (`interval_figures`). Nothing else is lost: a combined
distribution is the sum of those of its intervals. Only runs with more intervals than a chart has points are combined.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Final

import pandas as pd

from reporting.read import interval_figures
from reporting.read.distributions import Distribution, DistributionLine, Histogram

MOST_HELD: Final = 20_000_000  # buckets, of 6 to 8 bytes each
_OF_AN_OBJECT: Final = 100  # a histogram takes as much memory as this many buckets more
# How many intervals are combined, and the number of intervals above which this is allowed. Each number divides the
# next, and the number of intervals in a point of a chart of so many (`series.bins`).
WIDTHS: Final = ((5, 600), (30, 6_000), (60, 9_000), (300, 36_000), (1800, 270_000), (3600, 540_000))

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


def combined(lines: Iterable[DistributionLine], most_held: int = MOST_HELD) -> Distributions:
    """Return all that the lines hold, combined as far as is needed to hold at most about `most_held` buckets."""
    combining = _Combining(most_held)
    for line in lines:
        combining.add(line)
    return combining.done()


class _Combining:
    def __init__(self, most_held: int) -> None:
        self._most_held = most_held
        self._together = 1
        self._held = 0
        self._intervals: set[_Place] = set()
        self._single: dict[_Place, list[DistributionLine]] = defaultdict(list)  # by group, not combined yet
        self._combined: dict[_Place, list[DistributionLine]] = defaultdict(list)
        self._figures: list[pd.DataFrame] = []

    def add(self, line: DistributionLine) -> None:
        self._intervals.add((line.stage, line.interval))
        place = line.stage, line.interval // self._together
        if self._together > 1 and place not in self._single and len(self._single) >= 3:
            # The last groups may still get figures of workers that report late.
            self._combine(list(self._single)[:-2])
        self._single[place].append(line)
        self._held += _size(line.distribution)
        while self._held > self._most_held and self._widen():
            pass

    def _widen(self) -> bool:
        """Combine more intervals than so far; return whether that is allowed."""
        allowed = (width for width, above in WIDTHS if width > self._together and len(self._intervals) > above)
        wider = next(allowed, None)
        if wider is None:
            return False
        self._together = wider
        for groups in (self._single, self._combined):
            lines = [line for found in groups.values() for line in found]
            groups.clear()
            for line in lines:
                groups[line.stage, line.interval // wider].append(line)
        for place, found in self._combined.items():
            self._combined[place] = _sums(found)
        self._combine(list(self._single)[:-2])
        groups = (*self._single.values(), *self._combined.values())
        self._held = sum(_size(line.distribution) for found in groups for line in found)
        return True

    def _combine(self, places: Iterable[_Place]) -> None:
        for place in places:
            found = self._single.pop(place)
            self._figures.append(interval_figures.of(found))
            sums = _sums([*self._combined[place], *found])
            self._held += sum(_size(line.distribution) for line in sums)
            self._held -= sum(_size(line.distribution) for line in (*self._combined[place], *found))
            self._combined[place] = sums

    def done(self) -> Distributions:
        if self._together > 1:
            self._combine(list(self._single))
            lines = [line for found in self._combined.values() for line in found]
        else:
            lines = [line for found in self._single.values() for line in found]
            by_stage = groupby(sorted(lines, key=lambda line: line.stage), lambda line: line.stage)
            self._figures = [interval_figures.of(list(of_stage)) for _, of_stage in by_stage]
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
    size = 0
    for field in fields(distribution):
        value = getattr(distribution, field.name)
        if isinstance(value, Histogram):
            size += len(value.buckets) + _OF_AN_OBJECT
        elif isinstance(value, Distribution):
            size += _size(value)
    return size
