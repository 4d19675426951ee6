"""Charts of a matrix: a heat map of a figure over the grid, and the shares that the parameters explain."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import pandas as pd

from reporting.render import theme

ROW: Final = 34  # pixels
LEAST_HEIGHT: Final = 120
DARK_TEXT: Final = "#1B2025"
LIGHT_TEXT: Final = "white"
_DARK_FROM: Final = 3  # classes that need light text
_MOST_COLUMNS_WITH_TEXT: Final = 12


def heat_map(data: pd.DataFrame, x_title: str, y_title: str, *, interactive: bool) -> alt.LayerChart:
    """Cells with `x`, `y`, `shown`, `class` (0 to 5), `best` and `runs`; x and y are texts in the grid's order."""
    columns, rows = (list(dict.fromkeys(data[name])) for name in ("x", "y"))
    x = alt.X("x:N").sort(columns).axis(labelAngle=0, labelLimit=90, domain=False, ticks=False).title(x_title)
    has_rows = bool(y_title)
    y_axis = alt.Axis(labelLimit=150, domain=False, ticks=False, grid=False) if has_rows else None
    y = alt.Y("y:N").sort(rows).axis(y_axis).title(y_title or None)
    colour = alt.Color("class:O").scale(domain=list(range(len(theme.CLASSES))), range=list(theme.CLASSES)).legend(None)
    tooltip = [
        *([alt.Tooltip("y:N", title=y_title)] if has_rows else []),
        alt.Tooltip("x:N", title=x_title),
        alt.Tooltip("shown:N", title="value"),
        alt.Tooltip("runs:Q", title="runs"),
    ]
    more: dict[str, Any] = {"tooltip": tooltip} if interactive else {}
    layers = [alt.Chart(data).mark_rect(stroke="white", strokeWidth=2).encode(x=x, y=y, color=colour, **more)]
    if len(columns) <= _MOST_COLUMNS_WITH_TEXT:
        for is_dark, ink in ((False, DARK_TEXT), (True, LIGHT_TEXT)):
            cells = data[(data["class"] >= _DARK_FROM) == is_dark]
            if len(cells):
                words = alt.Chart(cells).mark_text(fontSize=12 if len(columns) <= 6 else 10, color=ink)
                layers.append(words.encode(x=x, y=y, text=alt.Text("label:N"), **more))
    return alt.LayerChart(layer=layers, height=max(ROW * len(rows), LEAST_HEIGHT))


def shares(data: pd.DataFrame, figures: Sequence[str], names: Sequence[str], *, interactive: bool) -> alt.LayerChart:
    """Stacked bars: of each `figure`, the `share` (0 to 100) that each `name` explains; the last name is noise."""
    looks = theme.Look(names)
    legend = alt.Legend(symbolType="square", symbolSize=150, symbolStrokeWidth=0, columns=looks.legend_columns)
    colour = (
        alt.Color("name:N")
        .scale(domain=list(names), range=[*looks.colours[:-1], theme.SHADE])
        .sort(list(names))
        .legend(legend)
    )
    tooltip = [
        alt.Tooltip("figure:N", title="figure"),
        alt.Tooltip("name:N", title="explained by"),
        alt.Tooltip("share:Q", title="share (%)", format=".1f"),
    ]
    bars = (
        alt.Chart(data)
        .mark_bar(height=18)
        .encode(
            x=alt.X("share:Q")
            .stack("zero")
            .scale(domain=[0, 100], nice=False)
            .axis(tickCount=5, grid=True)
            .title("share of the variation (%)"),
            y=alt.Y("figure:N").sort(list(figures)).axis(domain=False, ticks=False).title(None),
            color=colour,
            order=alt.Order("at:Q"),
            **({"tooltip": tooltip} if interactive else {}),
        )
    )
    return alt.LayerChart(layer=[bars], height=30 * len(figures) + 6)
