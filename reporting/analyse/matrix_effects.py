"""A matrix: the figures of its cells, how much of their variation each parameter explains, and which cell is best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from reporting.analyse import best_cells, f_distribution
from reporting.analyse.best_cells import BestCell, Cell
from reporting.analyse.comparison import holm
from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import ALL

_TOGETHER: Final = None
"""Instead of an axis, for what only axes together explain."""
_ROUNDING: Final = 1e-12
"""A share of the variation that is only rounding."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Of the variation of a figure's logarithm, the shares (0 to 1) that each axis explains alone, that only axes
    together explain, and that is noise between runs of one cell.

    `p_values` has the axes, and `p_together` is that of what only axes together explain: the probability of such a
    share by chance, by F tests with Holm's correction over all of them. There is none where an axis has one value only,
    and where no cell has two runs, so that the noise is not known.
    """

    of_axes: dict[str, float]
    together: float
    noise: float
    p_values: dict[str, float]
    p_together: float | None


@dataclass(frozen=True, slots=True)
class MatrixAnswers:
    """The names of the axes, and for each figure its cells, what explains their variation, None without any, and the
    best cell, None without runs."""

    axes: tuple[str, ...]
    cells: dict[str, list[Cell]]
    effects: dict[str, Effects | None]
    best: dict[str, BestCell | None]


def build(experiment: ExperimentFolder) -> MatrixAnswers:
    """Return what the runs say about each figure of the experiment."""
    axes = tuple(map(str, experiment.settings["grid"]))
    found = {str(figure): cells(experiment, figure) for figure in experiment.settings["figures"]}
    return MatrixAnswers(
        axes,
        found,
        {figure: effects(axes, each) for figure, each in found.items()},
        {figure: best_cells.find(figure, each) for figure, each in found.items()},
    )


def cells(experiment: ExperimentFolder, figure: str) -> list[Cell]:
    """Return the cells that have the figure of all operations, in the grid's order."""
    found = []
    for arm in experiment.content["arms"]:
        values = [run.figure(ALL, figure) for run in experiment.of(arm["name"])]
        known = tuple(value for value in values if value is not None)
        if known:
            found.append(Cell(str(arm["name"]), tuple(map(str, arm["place"])), known))
    return found


def effects(axes: Sequence[str], found: Sequence[Cell]) -> Effects | None:
    """Return what explains the variation; None without any.

    It is an analysis of variance over logarithms: what an axis explains is what the sum of all axes' effects explains
    more than that of all others. Where cells have different numbers of runs, the shares of the axes do not add up to
    what they explain as a sum, and are scaled to it.
    """
    places = [cell.place for cell in found for _ in cell.values]
    logs = np.array([math.log(value) for cell in found for value in cell.values])
    total = float(((logs - logs.mean()) ** 2).sum()) if len(logs) else 0.0
    if total <= 0:
        return None
    additive = _Model.of(places, range(len(axes)), logs)
    noise = _Model.of_cells(found)
    explained: dict[str | None, tuple[float, int]] = {
        axis: _Model.of(places, [other for other in range(len(axes)) if other != at], logs).beyond(additive)
        for at, axis in enumerate(axes)
    }
    together = additive.beyond(noise)
    as_a_sum = sum(share for share, _ in explained.values())
    scale = (total - additive.left_over) / as_a_sum if as_a_sum > 0 else 0.0
    p_values = _p_values(explained | {_TOGETHER: together}, noise, total)
    return Effects(
        {axis: scale * explained[axis][0] / total for axis in axes},
        together[0] / total,
        noise.left_over / total,
        {axis: p_values[axis] for axis in axes if axis in p_values},
        p_values.get(_TOGETHER),
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """What a model leaves over of the variation of logarithms, as a sum of squares, and how many numbers it fits to
    how many values."""

    left_over: float
    fitted: int
    values: int

    @classmethod
    def of(cls, places: Sequence[Sequence[str]], axes: Sequence[int], logs: npt.NDArray[np.float64]) -> "_Model":
        """The sum of the effects of these axes."""
        columns = [[1.0] * len(places)]
        for at in axes:
            names = dict.fromkeys(place[at] for place in places)
            columns += [[float(place[at] == name) for place in places] for name in list(names)[1:]]
        matrix = np.array(columns).T
        fitted, _, rank, _ = np.linalg.lstsq(matrix, logs, rcond=None)
        return cls(float(((logs - matrix @ fitted) ** 2).sum()), int(rank), len(logs))

    @classmethod
    def of_cells(cls, found: Sequence[Cell]) -> "_Model":
        """A mean for each cell: what it leaves over is noise."""
        return cls(sum(cell.noise for cell in found), len(found), sum(len(cell.values) for cell in found))

    def beyond(self, larger: "_Model") -> tuple[float, int]:
        """Return what a larger model explains more, and how many numbers more it fits."""
        return max(0.0, self.left_over - larger.left_over), larger.fitted - self.fitted

    @property
    def degrees(self) -> int:
        """The degrees of freedom of what is left over."""
        return self.values - self.fitted


def _p_values(
    explained: Mapping[str | None, tuple[float, int]], noise: _Model, total: float
) -> dict[str | None, float]:
    """Return the p value of each share that can be tested, adjusted by Holm's method."""
    if noise.degrees < 1:
        return {}
    return holm(
        {
            name: _p_value(squares if squares > _ROUNDING * total else 0.0, degrees, noise, total)
            for name, (squares, degrees) in explained.items()
            if degrees > 0
        }
    )


def _p_value(squares: float, degrees: int, noise: _Model, total: float) -> float:
    if noise.left_over <= _ROUNDING * total:  # all runs of each cell are equal
        return float(squares == 0.0)
    ratio = (squares / degrees) / (noise.left_over / noise.degrees)
    return f_distribution.exceeding(ratio, degrees, noise.degrees)
