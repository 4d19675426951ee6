"""The small charts of one metric each: a line for each member or machine, the band of a long run, and the words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from reporting.analyse.spread import LEAST
from reporting.render import drawing
from reporting.render.chart import Figure, line_figure, lines_of, ranges
from reporting.render.drawing import Frame, Lines

_BAND: Final = "Each point is the greatest of several samples; the band reaches down to the least."
_AWAY: Final = "A triangle marks a time in which the member did not answer."


@dataclass(frozen=True, slots=True)
class Metric:
    """What a chart says of its metric. `shows` is its title within a sentence, `unit` the word after its values."""

    slug: str
    title: str
    y_title: str
    caption: str
    number_format: str
    group: str
    shows: str
    unit: str = ""
    y_max: float | None = None
    mark_gaps: bool = False


def metric_figure(metric: Metric, data: pd.DataFrame, series: str, names: Sequence[str], frame: Frame) -> Figure:
    """The figure of `data`: `time_s`, `value`, perhaps the least of each point, and the column `series` with `names`.

    With `mark_gaps` a NaN is a poll that a member did not answer.
    """
    lines = Lines(
        lines_of(data, series, "value"),
        names,
        metric.y_title,
        metric.number_format,
        height=drawing.SMALL_HEIGHT,
        y_max=metric.y_max,
        mark_gaps=metric.mark_gaps,
    )
    caption = f"{metric.caption} {_BAND}" if f"value{LEAST}" in data else metric.caption
    if metric.mark_gaps and data["value"].isna().any():
        caption = f"{caption} {_AWAY}"
    shows = f"{metric.shows}. {ranges(data, series, 'value', metric.unit)}"
    return line_figure(metric.slug, metric.title, caption, shows, lines, frame, group=metric.group)
