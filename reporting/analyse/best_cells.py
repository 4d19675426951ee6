"""The best cell of a matrix, and which other cells its lead over them tells apart from noise between runs."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reporting.analyse import student_t

_CONFIDENCE: Final = 0.95
"""Of all intervals of a figure together: the best of many cells leads by chance over some of them."""
_ROUNDING: Final = 1e-9
"""Ratios that are as close to 1 are 1."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the grid: its value of each axis, and the values of a figure of its runs (per second, or µs)."""

    name: str
    place: tuple[str, ...]
    values: tuple[float, ...]

    @property
    def typical(self) -> float:
        """The geometric mean of the runs."""
        return statistics.geometric_mean(self.values)

    @property
    def noise(self) -> float:
        """The sum of squares of the runs' logarithms around their mean."""
        logs = [math.log(value) for value in self.values]
        mean = statistics.fmean(logs)
        return sum((value - mean) ** 2 for value in logs)


@dataclass(frozen=True, slots=True)
class Rival:
    """Another cell beside the best one: the ratio best cell by this, and its interval from low to high.

    The intervals of all rivals together are of 95 % (Bonferroni's correction).
    The interval is from 0 to infinity where no cell has two runs.
    """

    cell: Cell
    ratio: float
    low: float
    high: float

    @property
    def is_told_apart(self) -> bool:
        """Whether the interval is without 1, so that more than noise makes the difference."""
        return self.low > 1 + _ROUNDING or self.high < 1 - _ROUNDING


@dataclass(frozen=True, slots=True)
class BestCell:
    """The cell with the best figure, and all others beside it, the next best first."""

    cell: Cell
    rivals: tuple[Rival, ...]

    @property
    def not_told_apart(self) -> list[Cell]:
        """The cells that may be as good as the best one."""
        return [each.cell for each in self.rivals if not each.is_told_apart]


def find(figure: str, found: Sequence[Cell]) -> BestCell | None:
    """Return the cell with the highest rate, or the lowest latency; None without cells.

    The intervals are Student's over logarithms, with the variance between runs of one cell pooled over all cells, and
    with Bonferroni's correction over the other cells.
    """
    if not found:
        return None
    best, *others = sorted(found, key=lambda cell: -cell.typical if figure == "rate" else cell.typical)
    degrees = sum(len(cell.values) - 1 for cell in found)
    if not degrees or not others:
        return BestCell(best, tuple(Rival(each, best.typical / each.typical, 0.0, math.inf) for each in others))
    variance = sum(cell.noise for cell in found) / degrees
    quantile = student_t.quantile(1 - (1 - _CONFIDENCE) / 2 / len(others), degrees)
    return BestCell(best, tuple(_beside(best, each, variance, quantile) for each in others))


def _beside(best: Cell, other: Cell, variance: float, quantile: float) -> Rival:
    ratio = best.typical / other.typical
    half = math.exp(quantile * math.sqrt(variance * (1 / len(best.values) + 1 / len(other.values))))
    return Rival(other, ratio, ratio / half, ratio * half)
