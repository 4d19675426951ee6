"""One chart of the report, in the two ways that it is made.

On the page it is interactive and as wide as its place; in `figures/` it is still, with title and a fixed width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import pandas as pd
from altair.utils import schemapi

from reporting.analyse.spread import GREATEST, LEAST
from reporting.render import drawing, theme
from reporting.render.drawing import Frame, Lines
from reporting.render.figure_options import AS_IT_IS, Look, adjusted
from reporting.text import natural
from zk_locust.contract.plain_text import plain_line

FILE_WIDTH: Final = 860
SMALL_FILE_WIDTH: Final = 420


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart of the report.

    `slug` is its file name without suffix. `description` says what it shows, for people who cannot see it.
    """

    slug: str
    title: str
    caption: str
    description: str
    small: bool
    group: str  # faults, load, workers, members or machines: the section of the report
    draw: Callable[[bool], alt.LayerChart]

    def page_spec(self, look: Look = AS_IT_IS) -> dict[str, Any]:
        """Vega-Lite specification for the page: interactive, as wide as its container, described, without a title."""
        # Validation against the schema takes longer than everything else; tests do it.
        with schemapi.debug_mode(False):
            chart = self.draw(True).properties(
                width="container",
                description=self.description,
                autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
            )
            return adjusted(_as_dict(chart), look, self.slug, in_file=False)

    def file_spec(self, subtitle: str, look: Look = AS_IT_IS) -> dict[str, Any]:
        """Vega-Lite specification for a file: still, on white, with title and `subtitle`."""
        with schemapi.debug_mode(False):
            chart = self.draw(False).properties(
                width=SMALL_FILE_WIDTH if self.small else FILE_WIDTH,
                description=self.description,
                padding=14,
                title=alt.TitleParams(text=self.title, subtitle=[subtitle]),
            )
            found = _as_dict(chart)
        found["config"] = found["config"] | {"background": "white"}
        return adjusted(found, look, self.slug, in_file=True)


def line_figure(
    slug: str, title: str, caption: str, shows: str, lines: Lines, frame: Frame, *, group: str, small: bool = True
) -> Figure:
    """A figure of lines over time; `shows` describes them in words."""
    return Figure(
        *(slug, title, caption, f"Line chart over time: {shows}", small, group),
        draw=lambda interactive: drawing.over_time(lines, frame, interactive=interactive),
    )


def _as_dict(chart: alt.LayerChart) -> dict[str, Any]:
    with alt.data_transformers.enable("default", max_rows=None):
        found: dict[str, Any] = chart.to_dict(validate=False)
    found["config"] = theme.config()
    return found


def lines_of(frame: pd.DataFrame, series_column: str, value_column: str) -> pd.DataFrame:
    """The columns of `Lines.data`, rounded because the page contains them as text."""
    names = {
        series_column: "series",
        value_column: "value",
        value_column + LEAST: "least",
        value_column + GREATEST: "greatest",
    }
    found = frame.rename(columns=names)
    columns = [name for name in ("time_s", "series", "value", "least", "greatest") if name in found]
    return found[columns].round({"value": 4, "time_s": 4, "least": 4, "greatest": 4})


def few_lines(data: pd.DataFrame, most: int, busiest: str) -> tuple[pd.DataFrame, list[str]]:
    """The lines of `data` (`time_s`, `series`, `value`, perhaps more values) and their names, in order.

    More than `most` lines become three: the largest, median and smallest of each value at each time.
    """
    names = sorted(data["series"].unique(), key=natural)
    if len(names) <= most:
        return data, names
    grouped = data.groupby("time_s")[list(data.columns.difference(["time_s", "series"]))]
    frames = [
        getattr(grouped, how)().reset_index().assign(series=name)
        for how, name in (("max", busiest), ("median", "median"), ("min", "least busy"))
    ]
    return pd.concat(frames, ignore_index=True), [busiest, "median", "least busy"]


def ranges(frame: pd.DataFrame, series_column: str, value_column: str, unit: str) -> str:
    """The range of the first few series in words, for people who cannot see the chart."""
    said = []
    for name, group in list(frame.groupby(series_column))[:6]:
        values = group[value_column].dropna()
        if len(values):
            ends = [group[value_column + end] for end in ("", LEAST, GREATEST) if value_column + end in group]
            low, median, high = min(end.min() for end in ends), values.median(), max(end.max() for end in ends)
            said.append(f"{name}: {low:,.4g} to {high:,.4g} {unit}".rstrip() + f", median {median:,.4g}.")
    return " ".join(said)


def drawn_name(name: str) -> str:
    """A name as data of a chart: on one line, because Vega writes names into programs that know no others."""
    return plain_line(name, 80)


def slug(name: str) -> str:
    """A name as part of a file name: lower-case letters, digits and hyphens."""
    found = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in found.split("-") if part) or "operation"
