"""A matrix: the figures of its cells, the best of them, and how much of their variation each parameter explains."""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from reporting.read.experiment_folder import ExperimentFolder
from zk_locust.contract.experiment import ALL


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


@dataclass(frozen=True, slots=True)
class Effects:
    """Of the variation of a figure's logarithm, the shares (0 to 1) that each axis explains alone, that only axes
    together explain, and that runs of one cell differ by."""

    of_axes: dict[str, float]
    together: float
    noise: float


@dataclass(frozen=True, slots=True)
class MatrixAnswers:
    """The names of the axes, and for each figure its cells and what explains their variation, None without any."""

    axes: tuple[str, ...]
    cells: dict[str, list[Cell]]
    effects: dict[str, Effects | None]


def build(experiment: ExperimentFolder) -> MatrixAnswers:
    """Return what the runs say about each figure of the experiment."""
    axes = tuple(map(str, experiment.settings["grid"]))
    found = {str(figure): cells(experiment, figure) for figure in experiment.settings["figures"]}
    return MatrixAnswers(axes, found, {figure: effects(axes, each) for figure, each in found.items()})


def best(figure: str, found: Sequence[Cell]) -> Cell:
    """Return the cell with the highest rate, or the lowest latency."""
    return max(found, key=lambda cell: cell.typical) if figure == "rate" else min(found, key=lambda cell: cell.typical)


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

    It is an analysis of variance over logarithms, of a grid with as many runs in each cell.
    """
    logs = [(cell.place, math.log(value)) for cell in found for value in cell.values]
    if not logs:
        return None
    mean = statistics.fmean(value for _, value in logs)
    total = sum((value - mean) ** 2 for _, value in logs)
    if total <= 0:
        return None
    of_axes = {axis: _between(at, logs, mean) / total for at, axis in enumerate(axes)}
    between_cells = _between(None, logs, mean) / total
    return Effects(of_axes, max(0.0, between_cells - sum(of_axes.values())), max(0.0, 1 - between_cells))


def _between(axis: int | None, logs: Sequence[tuple[tuple[str, ...], float]], mean: float) -> float:
    groups: dict[object, list[float]] = defaultdict(list)
    for place, value in logs:
        groups[place if axis is None else place[axis]].append(value)
    return sum(len(values) * (statistics.fmean(values) - mean) ** 2 for values in groups.values())
