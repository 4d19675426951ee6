"""A strip chart for each fault of an experiment: how long each repeat took to recover, by figure and arm."""

import math
from dataclasses import replace
from functools import partial
from typing import Final

import altair as alt
import pandas as pd

from reporting.analyse.paired_figures import FigureAnswer
from reporting.analyse.recovery_answers import RecoveryAnswers, Sample
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render import paired_charts, recovery_course, theme
from reporting.render.chart import Figure, drawn_name
from reporting.render.recovery_report import WORDS, seconds, spread

_ROW: Final = 22  # pixels of an arm in a row
_OVER: Final = "not within the time"
_ENDED: Final = "recovered"


def build(experiment: ExperimentFolder, found: RecoveryAnswers) -> list[Figure]:
    """The charts of each fault: the rate around it, the times of all repeats, and the ratios of each arm."""
    courses = recovery_course.build(experiment, found)
    figures: list[Figure] = []
    for place, fault in enumerate(found.faults, 1):
        figures += [courses[fault]] if fault in courses else []
        samples = [each for each in found.samples if each.fault == fault]
        figures += [_strip(experiment, place, fault, samples)] if samples else []
        for number, candidate in enumerate(experiment.arms[1:], 1):
            answers = [each for each in found.pairs.answers if (each.candidate, each.operation) == (candidate, fault)]
            figures += [_forest(experiment, f"{place}-{number}", candidate, fault, answers)] if answers else []
    return figures


def _forest(experiment: ExperimentFolder, slug: str, candidate: str, fault: str, answers: list[FigureAnswer]) -> Figure:
    figure = paired_charts.forest(
        experiment, candidate, slug, answers, "Above 0 %, recovery takes longer.", names=WORDS
    )
    title = f"{candidate} beside {experiment.arms[0]} after {fault}: change of each time"
    return replace(figure, title=title, small=True)


def _strip(experiment: ExperimentFolder, number: int, fault: str, samples: list[Sample]) -> Figure:
    data = pd.DataFrame(
        [
            {
                "figure": WORDS[each.figure],
                "arm": drawn_name(each.arm),
                "repeat": block,
                "seconds": round(time.seconds, 3),
                "end": _ENDED if time.ended else _OVER,
            }
            for each in samples
            for block, time in sorted(each.times.items())
        ]
    )
    medians = pd.DataFrame(
        [
            {"figure": WORDS[each.figure], "arm": drawn_name(each.arm), "seconds": round(each.median_s, 3)}
            for each in samples
            if math.isfinite(each.median_s)
        ],
        columns=["figure", "arm", "seconds"],
    )
    arms = [drawn_name(arm) for arm in experiment.arms if arm in {each.arm for each in samples}]
    never = " An arrow is a repeat in which it was not over then." if (data["end"] == _OVER).any() else ""
    said = " ".join(
        f"{WORDS[each.figure].capitalize()}{f', {each.arm}' if len(arms) > 1 else ''}: {seconds(each.median_s)} "
        f"({spread(each)})."
        for each in samples
    )
    return Figure(
        f"recovery-{number}",
        f"Recovery after {fault}",
        f"Each point is a repeat, and the bar is the median.{never}",
        f"Strip chart of seconds since the fault began, a row for each figure. {said}",
        True,
        "answer",
        partial(_draw, data, medians, arms),
    )


def _draw(data: pd.DataFrame, medians: pd.DataFrame, arms: list[str], interactive: bool) -> alt.LayerChart:
    rows = list(dict.fromkeys(data["figure"]))
    most = max(float(data["seconds"].max()), 0.1)
    x = (
        alt.X("seconds:Q")
        .scale(domain=[0, most * 1.02], nice=False)
        .axis(format="~f", grid=True)
        .title("seconds since the fault began")
    )
    y = alt.Y("figure:N").sort(rows).axis(labelLimit=130, domain=False, ticks=False).title(None)
    offset = alt.YOffset("arm:N").sort(arms)
    look = theme.Look(arms)
    legend = alt.Legend(symbolType="circle", columns=look.legend_columns) if len(arms) > 1 else None
    colour = alt.Color("arm:N").scale(domain=arms, range=look.colours).sort(arms).legend(legend)
    shape = alt.Shape("end:N").scale(domain=[_ENDED, _OVER], range=["circle", "triangle-right"]).legend(None)
    points = alt.Chart(data).mark_point(size=55, strokeWidth=1.5, opacity=0.85, clip=False)
    points = points.encode(x=x, y=y, yOffset=offset, color=colour, shape=shape)
    if interactive:
        points = points.encode(
            tooltip=[
                alt.Tooltip("arm:N", title="arm"),
                alt.Tooltip("repeat:Q", title="repeat"),
                alt.Tooltip("figure:N", title="figure"),
                alt.Tooltip("seconds:Q", title="seconds", format=",.2f"),
                alt.Tooltip("end:N", title="then"),
            ]
        )
    bars = alt.Chart(medians).mark_tick(thickness=3, size=max(10, _ROW - 6))
    bars = bars.encode(x=x, y=y, yOffset=offset, color=colour)
    return alt.LayerChart(layer=[bars, points], height=(_ROW * len(arms) + 12) * len(rows))
