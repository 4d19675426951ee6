"""The charts of a matrix: a heat map for each figure, and which parameter matters."""

import math
from collections.abc import Sequence

import pandas as pd

from reporting import text
from reporting.analyse.best_cells import BestCell, Cell
from reporting.analyse.matrix_effects import Effects, MatrixAnswers
from reporting.render import grid_drawing, theme
from reporting.render.chart import Figure, drawn_name, slug
from reporting.render.matrix_report import shown, where

TOGETHER = "only together"
NOISE = "noise between runs"


def build(found: MatrixAnswers) -> list[Figure]:
    """All charts; nothing without runs."""
    figures = [
        _heat_map(found, figure, found.cells[figure], best) for figure, best in found.best.items() if best is not None
    ]
    explained = {figure: each for figure, each in found.effects.items() if each is not None}
    return [*figures, _effects(found.axes, explained)] if explained else figures


def _heat_map(found: MatrixAnswers, figure: str, cells: list[Cell], best: BestCell) -> Figure:
    *rows, column = found.axes
    low, high = (math.log(end(cell.typical for cell in cells)) for end in (min, max))
    chosen, alike = best.cell, [cell.name for cell in best.not_told_apart]
    values = [shown(figure, cell.typical) for cell in cells]
    data = pd.DataFrame(
        {
            "x": [drawn_name(cell.place[-1]) for cell in cells],
            "y": [drawn_name(", ".join(cell.place[:-1])) for cell in cells],
            "shown": values,
            "label": [
                _star(cell, chosen, alike) + value.removesuffix("/s").removesuffix(" ms")
                for cell, value in zip(cells, values, strict=True)
            ],
            "class": [_class(math.log(cell.typical), low, high) for cell in cells],
            "runs": [len(cell.values) for cell in cells],
        }
    )
    is_rate = figure == "rate"
    unit = "operations a second" if is_rate else "milliseconds"
    extreme = "highest" if is_rate else "lowest"
    star = f"the star is the {extreme} value" if alike else "the star is the best cell"
    hollow = ". The cells with a hollow star are not told apart from it" if alike else ""
    said = " ".join(f"{where(found.axes, cell)}: {value}." for cell, value in zip(cells[:12], values, strict=False))
    return Figure(
        f"cells-{slug(figure)}",
        f"{figure.capitalize() if is_rate else figure} by {text.some(found.axes, len(found.axes))}",
        f"In {unit}, geometric means of the runs of each cell. Cells that stand out are "
        f"{'higher' if is_rate else 'slower'}; {star}: {where(found.axes, chosen)}{hollow}.",
        f"Heat map of {figure} over {' and '.join(found.axes)}, {len(cells)} cells. {extreme.capitalize()}: "
        f"{where(found.axes, chosen)}, {shown(figure, chosen.typical)}, {_beside(best)}. {said}",
        len(set(data["x"])) <= 6,
        "answer",
        lambda interactive: grid_drawing.heat_map(data, column, ", ".join(rows), interactive=interactive),
    )


def _beside(best: BestCell) -> str:
    alike = len(best.not_told_apart)
    if not best.rivals:
        return "the only cell with runs"
    if not alike:
        return "told apart from all other cells"
    return f"not told apart from {alike} other cell{'s' if alike > 1 else ''}"


def _star(cell: Cell, best: Cell, alike: Sequence[str]) -> str:
    if cell is best:
        return "\N{BLACK STAR} "
    return "\N{WHITE STAR} " if cell.name in alike else ""


def _class(value: float, low: float, high: float) -> int:
    """The class of a logarithm between the lowest and the highest."""
    most = len(theme.CLASSES)
    return min(most - 1, int(most * (value - low) / (high - low))) if high > low else 0


def _effects(axes: Sequence[str], found: dict[str, Effects]) -> Figure:
    together = [TOGETHER] if len(axes) > 1 else []
    names = [*map(drawn_name, axes), *together, NOISE]
    rows = [
        (figure, name, round(100 * share, 2), at)
        for figure, each in found.items()
        for at, (name, share) in enumerate(
            (
                *((drawn_name(axis), share) for axis, share in each.of_axes.items()),
                *((name, each.together) for name in together),
                (NOISE, each.noise),
            )
        )
    ]
    data = pd.DataFrame(rows, columns=["figure", "name", "share", "at"])
    said = " ".join(
        f"{figure}: {', '.join(f'{name} {text.percent(share)}' for name, share in each.of_axes.items())}, noise "
        f"{text.percent(each.noise)}."
        for figure, each in found.items()
    )
    return Figure(
        "effects",
        "Which parameter matters",
        "How much of the variation of each figure each parameter explains alone, and what only parameters together "
        "explain. The rest is noise between runs of one cell. The list below the answer says what may be chance.",
        f"Stacked bars: shares of the variation of each figure. {said}",
        False,
        "answer",
        lambda interactive: grid_drawing.shares(data, list(found), names, interactive=interactive),
    )
