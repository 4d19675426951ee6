"""The charts of a history: a figure of each run, in order, with the levels between change points."""

from typing import Any, Final

import altair as alt
import pandas as pd

from reporting import text
from reporting.analyse.histories import History, Series
from reporting.analyse.run_summary import RATE
from reporting.render import drawing, theme
from reporting.render.chart import Figure, drawn_name
from reporting.render.drawing import Lines
from zk_locust.contract.verdicts import INCONCLUSIVE, VALID

_VERDICTS: Final = {VALID: "circle", INCONCLUSIVE: "square"}


def build(history: History, number: int) -> list[Figure]:
    """The rate and p99 of a history of two runs or more."""
    return [_figure(history, each, number) for each in (history.rate, history.p99) if len(each.runs) > 1]


def title_of(series: Series) -> str:
    """What is drawn, with its unit."""
    return "Rate (operations a second)" if series.figure == RATE else "p99 (ms)"


def value_of(series: Series, value: float) -> str:
    """A value of the series in words."""
    return f"{text.rate(value)}/s" if series.figure == RATE else f"{text.latency_ms(value)} ms"


def changes_in_words(series: Series) -> list[str]:
    """A sentence for each change point."""
    return [
        f"{text.change(change.ratio)} from run {change.run_id} on"
        + (f" ({'; '.join(change.settings)})." if change.settings else ", with the same settings and versions.")
        for change in series.changes
    ]


def _figure(history: History, series: Series, number: int) -> Figure:
    scale = 1.0 if series.figure == RATE else 1000.0
    data = pd.DataFrame(
        {
            "at": range(1, len(series.runs) + 1),
            "value": [round(value / scale, 4) for value in series.values],
            "level": [round(value / scale, 4) for value in series.levels()],
            "run": [drawn_name(run.run_id) for run in series.runs],
            "started": [text.moment(run.started) for run in series.runs],
            "verdict": [run.verdict if run.verdict in _VERDICTS else INCONCLUSIVE for run in series.runs],
        }
    )
    changes = pd.DataFrame(
        [(change.place + 0.5, text.change(change.ratio)) for change in series.changes], columns=["at", "name"]
    )
    said = " ".join(changes_in_words(series))
    first, last = series.runs[0], series.runs[-1]
    return Figure(
        f"history-{number}-{series.figure}",
        title_of(series),
        f"A mark for each run, from {text.moment(first.started)} to {text.moment(last.started)}; the line is the "
        f"geometric mean between change points. {said or 'There is no change point.'}",
        f"Line chart of {len(series.runs)} runs of {history.scenario}: {series.figure} from "
        f"{value_of(series, series.values[0])} to {value_of(series, series.values[-1])}. "
        f"{len(series.changes)} change points. {said}",
        True,
        "history",
        lambda interactive: draw(data, changes, title_of(series), interactive=interactive),
    )


def draw(data: pd.DataFrame, changes: pd.DataFrame, y_title: str, *, interactive: bool) -> alt.LayerChart:
    """Runs with `at`, `value`, `level`, `run`, `started`, `verdict`; change points with `at` and `name`."""
    lines = Lines(data, (), y_title, ",.4~g", height=drawing.SMALL_HEIGHT)
    x = (
        alt.X("at:Q")
        .scale(domain=[0.5, len(data) + 0.5], nice=False)
        .axis(format="d", tickMinStep=1, tickCount=8)
        .title("run, the oldest first")
    )
    y = drawing.y_axis(lines)
    present = [verdict for verdict in _VERDICTS if verdict in set(data["verdict"])]
    shape = (
        alt.Shape("verdict:N")
        .scale(domain=present, range=[_VERDICTS[each] for each in present])
        .sort(present)
        .legend(alt.Legend(symbolSize=80, symbolStrokeWidth=0, symbolFillColor=theme.SHADE))
    )
    tooltip = [
        alt.Tooltip("run:N", title="run"),
        alt.Tooltip("started:N", title="started"),
        alt.Tooltip("value:Q", title=y_title, format=",.4~g"),
        alt.Tooltip("verdict:N", title="verdict"),
    ]
    more: dict[str, Any] = {"tooltip": tooltip} if interactive else {}
    base = alt.Chart(data)
    layers = [
        base.mark_line(strokeWidth=1.8, interpolate="step", color=theme.PALETTE[0], opacity=0.7).encode(
            x=x, y=drawing.y_axis(lines, "level")
        ),
        base.mark_point(filled=True, size=45, opacity=0.9, color=theme.PALETTE[0]).encode(
            x=x, y=y, shape=shape, **more
        ),
    ]
    if len(changes):
        marks = alt.Chart(changes)
        name = marks.mark_text(align="left", baseline="top", dx=4, fontSize=11, fontWeight="bold", color=theme.FAULT)
        layers += [
            marks.mark_rule(color=theme.FAULT, strokeDash=[4, 3], strokeWidth=1.5).encode(x=x),
            name.encode(x=x, y=alt.YValue(2), text=alt.Text("name:N")),  # type: ignore[no-untyped-call]
        ]
    return alt.LayerChart(layer=layers, height=drawing.SMALL_HEIGHT)
