"""The strip of events above every chart over time: one row for each kind, on the chart's own time axis.

All charts of a page refer to the same data, which the page contains once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import altair as alt
import numpy as np
import pandas as pd

from reporting import text
from reporting.analyse.cause_windows import SPANS
from reporting.analyse.happenings import WORDS
from reporting.analyse.worst_moments import Moment
from reporting.render import theme

ROW: Final = 12  # pixels
_BAR: Final = 8
_GAP: Final = 5  # between the plot and the lowest row
_LEAST_WIDTH: Final = 2
MAX_MARKS: Final = 120  # of one kind; more are combined
_BINS: Final = 240
_MAX_DETAIL: Final = 60
_FAINTEST: Final = 0.35
SLOW: Final = "slow operations"
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One row: what it shows, and its marks.

    `marks` has `s` and `e` (start and end within the load), `f` (when it really began), `w` (who), `l` (how long, in
    words), `n` (number of events that one mark stands for), `d` (detail) and `o` (opacity: the longest spans of a row
    are the darkest). Times are seconds since the load started. `spans` are drawn as bars, moments as symbols.
    """

    words: str
    spans: bool
    colour: str
    shape: str
    marks: pd.DataFrame

    @property
    def combined(self) -> bool:
        """Whether a mark may stand for several events."""
        return bool(len(self.marks)) and bool(self.marks["n"].max() > 1)


def lanes(events: pd.DataFrame, moments: Iterable[Moment], end_s: float) -> tuple[Lane, ...]:
    """Return a row for the worst moments, if there are any, and one for each kind of event that occurs."""
    found = []
    slow = pd.DataFrame(
        [
            (one.start_s, one.end_s, text.some(one.members, 3), took(one.end_s - one.start_s), 1, _of(one))
            for one in moments
        ],
        columns=["s", "e", "w", "l", "n", "d"],
    ).assign(o=1.0)
    if len(slow):
        found.append(Lane(SLOW, True, theme.FAULT, "square", slow))
    kinds = list(WORDS)
    for kind, rows in sorted(events.groupby("kind"), key=lambda pair: kinds.index(str(pair[0]))):
        place = kinds.index(str(kind))
        colour = theme.PALETTE[place % len(theme.PALETTE)]
        shape = _SHAPES[(place + place // len(theme.PALETTE)) % len(_SHAPES)]  # no pair of both twice
        marks = _combined(rows, end_s) if len(rows) > MAX_MARKS else _single(rows)
        found.append(Lane(WORDS[str(kind)], kind in SPANS, colour, shape, marks))
    return tuple(replace(lane, marks=_within(lane.marks, end_s)) for lane in found)


def _within(marks: pd.DataFrame, end_s: float) -> pd.DataFrame:
    """Return the marks without what lies beyond the ends of the axis."""
    return marks.assign(f=marks["s"], s=marks["s"].clip(0.0, end_s), e=marks["e"].clip(0.0, end_s))


def height(found: Sequence[Lane]) -> int:
    """Return how many pixels the rows take above the plot."""
    return _GAP + ROW * len(found) if found else 0


def layers(found: Sequence[Lane], x: alt.X, x2: str, unit_s: float, unit: str, *, interactive: bool) -> list[alt.Chart]:
    """Return the rows, to be laid over a chart. `x` is the chart's axis for the column `s`, in units of `unit_s`."""
    drawn: list[alt.Chart] = []
    for place, lane in enumerate(found):
        bottom = -_GAP - ROW * (len(found) - 1 - place)
        name = alt.Chart(alt.InlineData(values=[{}])).mark_text(
            align="right", baseline="middle", fontSize=9.5, color=theme.INK
        )
        left, middle = alt.XValue(-6), alt.YValue(bottom - _BAR / 2)  # type: ignore[no-untyped-call]
        drawn.append(name.encode(x=left, y=middle, text=alt.TextValue(lane.words)))
        data = lane.marks.assign(**{time: (lane.marks[time] / unit_s).round(5) for time in ("s", "e", "f")})
        base = alt.Chart(data)
        tooltip = {"tooltip": _tooltip(lane, unit)} if interactive else {}
        if interactive:
            base = base.transform_calculate(k=repr(lane.words))
        if lane.spans:
            bars = base.mark_rect(color=lane.colour, stroke=lane.colour, strokeWidth=_LEAST_WIDTH, strokeJoin="round")
            top, end = alt.YValue(bottom - _BAR), alt.Y2Value(bottom)  # type: ignore[no-untyped-call]
            places = {"x": x, "x2": alt.X2(x2), "y": top, "y2": end}
            drawn.append(bars.encode(**places, **tooltip, opacity=alt.Opacity("o:Q").scale(None)))
        else:
            points = base.mark_point(shape=lane.shape, color=lane.colour, filled=True, size=45, opacity=1)
            drawn.append(points.encode(x=x, y=middle, **tooltip))
    return drawn


def _tooltip(lane: Lane, unit: str) -> list[alt.Tooltip]:
    found = [
        alt.Tooltip("k:N", title="what"),
        alt.Tooltip("w:N", title="who"),
        alt.Tooltip("f:Q", title=f"from ({unit})", format=",.6~g"),
    ]
    if lane.spans:
        found.append(alt.Tooltip("l:N", title="longest" if lane.combined else "how long"))
    if lane.combined:
        found.append(alt.Tooltip("n:Q", title="number", format=",d"))
    return [*found, alt.Tooltip("d:N", title="detail")]


def _single(rows: pd.DataFrame) -> pd.DataFrame:
    return _marks(rows.assign(n=1))


def _combined(rows: pd.DataFrame, end_s: float) -> pd.DataFrame:
    """Return one mark for all events that begin in one bin of time: the longest of them, who had any, and how many."""
    frame = rows.assign(length_s=rows["end_s"] - rows["start_s"])
    frame["bin"] = np.floor(frame["start_s"] * _BINS / max(end_s, 1e-9))
    bins = frame.groupby("bin")
    longest = frame.loc[bins["length_s"].idxmax()].set_index("bin")
    who = bins["subject"].agg(lambda found: text.some(sorted(found.unique(), key=text.natural), 4))
    return _marks(longest.assign(subject=who, n=bins.size()))


def _marks(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the marks of events, each with `n`, for how many it stands."""
    length_s = rows["end_s"] - rows["start_s"]
    most_s = float(length_s.max())
    return pd.DataFrame(
        {
            "s": rows["start_s"],
            "e": rows["end_s"],
            "w": rows["subject"],
            "l": [took(seconds) for seconds in length_s],
            "n": rows["n"],
            "d": rows["detail"].str.slice(0, _MAX_DETAIL),
            "o": (_FAINTEST + (1 - _FAINTEST) * length_s / most_s).round(2) if most_s > 0 else 1.0,
        }
    )


def took(seconds: float) -> str:
    """Return a time as people say it: 3.2 ms, 312 ms, 4.1 s."""
    return f"{text.latency_ms(seconds * 1e6)} ms" if seconds < 1 else text.duration(seconds)


def _of(moment: Moment) -> str:
    return f"{moment.operations:,} slow ones, up to {text.latency_ms(moment.worst_us)} ms"
