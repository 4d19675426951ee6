"""What a matrix found, in words and tables."""

from collections.abc import Sequence
from dataclasses import asdict

from reporting import text
from reporting.analyse.matrix_effects import Cell, Effects, MatrixAnswers, best
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.found import PASSED, SKIPPED, Check, Found, Tile
from reporting.render.report_tables import Table


def build(experiment: ExperimentFolder, found: MatrixAnswers) -> Found:
    """Say which cell is best, and which parameter matters."""
    missing = [arm for arm in experiment.arms if not experiment.of(arm)]
    notes = [_matters(figure, each) for figure, each in found.effects.items() if each is not None]
    if missing:
        notes.append(f"{len(missing)} of {len(experiment.arms)} cells have no run yet: {text.some(missing, 4)}.")
    return Found(
        answer=_sentence(found),
        tiles=tuple(_tile(found, figure) for figure, each in found.cells.items() if each),
        of_tiles="The best cell for each figure of all operations: geometric means of its runs.",
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
        },
    )


def shown(figure: str, value: float) -> str:
    """A value with its unit."""
    return f"{text.rate(value)}/s" if figure == "rate" else f"{text.latency_ms(value)} ms"


def _tile(found: MatrixAnswers, figure: str) -> Tile:
    cell = best(figure, found.cells[figure])
    value, unit = shown(figure, cell.typical).removesuffix("/s"), "/s"
    if figure != "rate":
        value, _, unit = value.partition(" ")
    return Tile(_best_word(figure), value, unit, where(found.axes, cell))


def _best_word(figure: str) -> str:
    return "highest rate" if figure == "rate" else f"lowest {figure}"


def where(axes: Sequence[str], cell: Cell) -> str:
    """The cell's value of each axis."""
    return ", ".join(f"{axis} {value}" for axis, value in zip(axes, cell.place, strict=True))


def _sentence(found: MatrixAnswers) -> str:
    parts = []
    for figure, each in found.cells.items():
        if each:
            cell = best(figure, each)
            parts.append(f"{_best_word(figure)} {shown(figure, cell.typical)} with {where(found.axes, cell)}")
    return f"The best cells: {'; '.join(parts)}." if parts else "There are no runs yet."


def _matters(figure: str, found: Effects) -> str:
    ordered = sorted(found.of_axes.items(), key=lambda item: -item[1])
    words = ", ".join(f"{axis} explains {text.percent(share)}" for axis, share in ordered)
    together = f", only together they explain {text.percent(found.together)}" if len(ordered) > 1 else ""
    return f"Of the variation of {figure}, {words}{together}; runs of one cell differ by {text.percent(found.noise)}."


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
