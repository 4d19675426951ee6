"""What a matrix found, in words and tables."""

from dataclasses import asdict

from reporting import text
from reporting.analyse.matrix_effects import Cell, Effects, cells, effects
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render.found import PASSED, SKIPPED, Check, Found
from reporting.render.report_tables import Table


def build(experiment: ExperimentFolder) -> Found:
    """Find which cell is best, and which parameter matters."""
    axes = list(experiment.settings["grid"])
    figures = list(experiment.settings["figures"])
    found = {figure: cells(experiment, figure) for figure in figures}
    explained = {figure: effects(axes, found[figure]) for figure in figures}
    missing = [arm for arm in experiment.arms if not experiment.of(arm)]
    notes = [_matters(figure, each) for figure, each in explained.items() if each is not None]
    if missing:
        notes.append(f"{len(missing)} of {len(experiment.arms)} cells have no run yet: {text.some(missing, 4)}.")
    return Found(
        answer=_sentence(axes, found),
        notes=tuple(notes),
        tables=(_table(axes, found, experiment),) if any(found.values()) else (),
        checks=tuple(
            Check(f"cell {arm}", PASSED if experiment.of(arm) else SKIPPED, f"{len(experiment.of(arm))} runs")
            for arm in experiment.arms
        ),
        data={
            "axes": axes,
            "cells": {
                figure: [
                    {"place": list(cell.place), "values": list(cell.values), "mean": cell.typical} for cell in each
                ]
                for figure, each in found.items()
            },
            "effects": {figure: None if each is None else asdict(each) for figure, each in explained.items()},
        },
    )


def best(figure: str, found: list[Cell]) -> Cell:
    """Return the cell with the highest rate, or the lowest latency."""
    return max(found, key=lambda cell: cell.typical) if figure == "rate" else min(found, key=lambda cell: cell.typical)


def shown(figure: str, value: float) -> str:
    """A value with its unit."""
    return f"{text.rate(value)}/s" if figure == "rate" else f"{text.latency_ms(value)} ms"


def _sentence(axes: list[str], found: dict[str, list[Cell]]) -> str:
    parts = []
    for figure, each in found.items():
        if each:
            cell = best(figure, each)
            where = ", ".join(f"{axis} {value}" for axis, value in zip(axes, cell.place, strict=True))
            word = "highest rate" if figure == "rate" else f"lowest {figure}"
            parts.append(f"{word} {shown(figure, cell.typical)} with {where}")
    return f"The best cells: {'; '.join(parts)}." if parts else "There are no runs yet."


def _matters(figure: str, found: Effects) -> str:
    ordered = sorted(found.of_axes.items(), key=lambda item: -item[1])
    words = ", ".join(f"{axis} explains {text.percent(share)}" for axis, share in ordered)
    together = f", only together they explain {text.percent(found.together)}" if len(ordered) > 1 else ""
    return f"Of the variation of {figure}, {words}{together}; runs of one cell differ by {text.percent(found.noise)}."


def _table(axes: list[str], found: dict[str, list[Cell]], experiment: ExperimentFolder) -> Table:
    by_name = {figure: {cell.name: cell for cell in each} for figure, each in found.items()}
    rows = []
    for arm in experiment.content["arms"]:
        cells_of = [by_name[figure].get(str(arm["name"])) for figure in found]
        if any(cells_of):
            values = [
                text.NOTHING if cell is None else shown(figure, cell.typical).partition(" ")[0].removesuffix("/s")
                for figure, cell in zip(found, cells_of, strict=True)
            ]
            rows.append((*map(str, arm["place"]), *values, str(len(experiment.of(str(arm["name"]))))))
    head = (*axes, *("rate/s" if figure == "rate" else f"{figure} ms" for figure in found), "runs")
    return Table("Cells", head, tuple(rows), len(axes), note="Geometric means over the runs of each cell.")
