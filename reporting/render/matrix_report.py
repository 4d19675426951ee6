"""What a matrix found, in words and tables."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from reporting import text
from reporting.analyse.best_cells import BestCell, Cell, Rival
from reporting.analyse.matrix_effects import Effects, MatrixAnswers
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.found import PASSED, SKIPPED, Check, Found, Tile
from reporting.render.report_tables import Table

CHANCE: Final = 0.05
"""From this probability on, an effect may be chance."""
_MOST_NAMED: Final = 3


def build(experiment: ExperimentFolder, found: MatrixAnswers) -> Found:
    """Say which cell is best, as far as it is told apart from others, and which parameter matters."""
    missing = [arm for arm in experiment.arms if not experiment.of(arm)]
    notes = [_matters(figure, each) for figure, each in found.effects.items() if each is not None]
    if missing:
        notes.append(f"{len(missing)} of {len(experiment.arms)} cells have no run yet: {text.some(missing, 4)}.")
    return Found(
        answer=_sentence(found),
        tiles=tuple(_tile(found, figure, each) for figure, each in found.best.items() if each is not None),
        of_tiles="The cell with the highest rate, or the lowest latency, of all operations: geometric means of its "
        "runs.",
        notes=tuple(notes),
        tables=(_table(found, experiment),) if any(found.cells.values()) else (),
        checks=tuple(
            Check(f"cell {arm}", PASSED if experiment.of(arm) else SKIPPED, f"{len(experiment.of(arm))} runs")
            for arm in experiment.arms
        ),
        data={
            "axes": list(found.axes),
            "cells": {
                figure: [
                    {"place": list(cell.place), "values": list(cell.values), "mean": cell.typical} for cell in each
                ]
                for figure, each in found.cells.items()
            },
            "effects": {figure: None if each is None else asdict(each) for figure, each in found.effects.items()},
            "best": {figure: None if each is None else _as_json(each) for figure, each in found.best.items()},
        },
    )


def shown(figure: str, value: float) -> str:
    """A value with its unit."""
    return f"{text.rate(value)}/s" if figure == "rate" else f"{text.latency_ms(value)} ms"


def _tile(found: MatrixAnswers, figure: str, best: BestCell) -> Tile:
    value, unit = shown(figure, best.cell.typical).removesuffix("/s"), "/s"
    if figure != "rate":
        value, _, unit = value.partition(" ")
    return Tile(_best_word(figure), value, unit, f"{where(found.axes, best.cell)}{_lead(found.axes, best)}")


def _best_word(figure: str) -> str:
    return "highest rate" if figure == "rate" else f"lowest {figure}"


def where(axes: Sequence[str], cell: Cell) -> str:
    """The cell's value of each axis."""
    return ", ".join(f"{axis} {value}" for axis, value in zip(axes, cell.place, strict=True))


def _sentence(found: MatrixAnswers) -> str:
    # Figures of which the same can be said, by that.
    told: dict[str, list[str]] = {}
    alike: dict[str, list[str]] = {}
    for figure, best in found.best.items():
        if best is not None:
            place = f" with {where(found.axes, best.cell)}{_lead(found.axes, best)}"
            figures = (alike if best.not_told_apart else told).setdefault(place, [])
            figures.append(f"{_best_word(figure)} {shown(figure, best.cell.typical)}")
    parts = []
    for name, places in (("The best cells", told), ("No single best cell", alike)):
        words = "; ".join(_joined(figures, "and") + place for place, figures in places.items())
        parts += [f"{name}: {words}."] if words else []
    return " ".join(parts) or "There are no runs yet."


def _lead(axes: Sequence[str], best: BestCell) -> str:
    """What the best cell is beside others: its lead over the next best, or which are not told apart from it."""
    if not best.rivals:
        return ", the only cell with runs"
    alike = best.not_told_apart
    if not alike:
        rival = best.rivals[0]
        return f", {text.change(rival.ratio)} beside the next best ({_interval(rival)})"
    if len(alike) == len(best.rivals) > 1:
        return f", not told apart from any of the {len(alike)} other cells"
    if len(alike) > _MOST_NAMED:
        return f", not told apart from {len(alike)} other cells"
    return f", not told apart from {_beside(axes, best.cell, alike)}"


def _interval(rival: Rival) -> str:
    return f"{text.change(rival.low)} to {text.change(rival.high)}"


def _beside(axes: Sequence[str], best: Cell, others: Sequence[Cell]) -> str:
    """What other cells have otherwise than the best one; an axis is named once if they differ in no other."""
    differ = [
        [at for at, (ours, value) in enumerate(zip(best.place, each.place, strict=True)) if value != ours]
        for each in others
    ]
    if all(places == differ[0] and len(places) == 1 for places in differ):
        (at,) = differ[0]
        values = _joined([each.place[at] for each in others], "or")
        return values if len(axes) == 1 else f"{axes[at]} {values}"
    return _joined(
        [
            f"({', '.join(f'{axes[at]} {each.place[at]}' for at in places)})"
            for each, places in zip(others, differ, strict=True)
        ],
        "or",
    )


def _joined(words: Sequence[str], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _matters(figure: str, found: Effects) -> str:
    """Say what explains the variation, and what of it may be chance."""
    name = figure.capitalize() if figure == "rate" else figure
    axes = sorted(found.of_axes, key=lambda axis: -found.of_axes[axis])
    if not found.p_values and found.p_together is None:
        words = ", ".join(f"{axis} explains {text.percent(found.of_axes[axis])}" for axis in axes)
        together = f", and only together they explain {text.percent(found.together)}" if len(axes) > 1 else ""
        return (
            f"{name}: {words} of the variation{together}. Whether that is chance is not known, because no cell has two "
            "runs."
        )
    parts = [*_certain(found, axes), *_by_chance(found, axes)]
    return f"{name}: {'; '.join(parts)}; {text.percent(found.noise)} is noise between runs of one cell."


def _certain(found: Effects, axes: Sequence[str]) -> Iterator[str]:
    certain = [axis for axis in axes if found.p_values.get(axis, 1.0) < CHANCE]
    words = [f"{axis} explains {_tested(found.of_axes[axis], found.p_values[axis])}" for axis in certain]
    if found.p_together is not None and found.p_together < CHANCE:
        words.append(f"only together, they explain {_tested(found.together, found.p_together)}")
    if words:
        yield _joined(words, "and")


def _tested(share: float, p_value: float) -> str:
    return f"{text.percent(share)} of the variation ({_p(p_value)})"


def _by_chance(found: Effects, axes: Sequence[str]) -> Iterator[str]:
    words = [
        f"{axis} ({text.percent(found.of_axes[axis])}, {_p(found.p_values[axis])})"
        for axis in axes
        if found.p_values.get(axis, 0.0) >= CHANCE
    ]
    if found.p_together is not None and found.p_together >= CHANCE:
        words.append(f"what they explain only together ({text.percent(found.together)}, {_p(found.p_together)})")
    if words:
        yield f"{_joined(words, 'and')} may be chance"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def _as_json(best: BestCell) -> dict[str, Any]:
    """The object of a best cell in `experiment.json`; what has no bound is null."""
    return {
        "place": list(best.cell.place),
        "beside": [
            {
                **{"place": list(each.cell.place), "ratio": each.ratio, "told_apart": each.is_told_apart},
                **{"low": each.low or None, "high": each.high if math.isfinite(each.high) else None},
            }
            for each in best.rivals
        ],
    }


def _table(found: MatrixAnswers, experiment: ExperimentFolder) -> Table:
    by_name = {figure: {cell.name: cell for cell in each} for figure, each in found.cells.items()}
    rows = []
    for arm in experiment.content["arms"]:
        cells_of = [by_name[figure].get(str(arm["name"])) for figure in found.cells]
        if any(cells_of):
            values = [
                text.NOTHING if cell is None else shown(figure, cell.typical).partition(" ")[0].removesuffix("/s")
                for figure, cell in zip(found.cells, cells_of, strict=True)
            ]
            rows.append((*map(str, arm["place"]), *values, str(len(experiment.of(str(arm["name"]))))))
    head = (*found.axes, *("rate/s" if figure == "rate" else f"{figure} ms" for figure in found.cells), "runs")
    return Table("Cells", head, tuple(rows), len(found.axes), note="Geometric means over the runs of each cell.")
