"""The charts of an experiment of pairs: ratios with their intervals, and the distributions of all runs."""

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd

from reporting import text
from reporting.analyse import overlaid_distributions
from reporting.analyse.headline import TOTAL
from reporting.analyse.overlaid_distributions import Overlay
from reporting.analyse.paired_figures import FigureAnswer, PairedFigures
from reporting.read.experiment_folder import ExperimentFolder
from reporting.render import drawing, paired_report, ratio_drawing
from reporting.render.chart import Figure, drawn_name
from zk_locust.contract.experiment import NOISE

MOST_OPERATIONS: Final = 8
_FAR: Final = 1000.0
MOST_POINTS: Final = 24_000
"""Of all runs in all charts: the page contains each as text."""


def build(experiment: ExperimentFolder, found: PairedFigures) -> list[Figure]:
    """All charts; those that have no data are left out."""
    figures = []
    for number, candidate in enumerate(experiment.arms[1:], 1):
        own = [each for each in found.answers if each.candidate == candidate]
        if own:
            figures.append(
                forest(experiment, candidate, number, own, "Above 0 %, rates are better and latencies are worse.")
            )
    return figures + _overlays(experiment, overlaid_distributions.build(experiment))


def forest(
    experiment: ExperimentFolder,
    candidate: str,
    number: int | str,
    found: list[FigureAnswer],
    direction: str,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """The ratios of a candidate with their intervals; `direction` says what is better, `names` what figures are called.

    Without names, they are called by their titles.
    """
    called = names or {}
    equivalence = float(experiment.settings["equivalence"])
    baseline = experiment.arms[0]
    data = pd.DataFrame(
        {
            "name": [drawn_name(called.get(each.figure, each.title)) for each in found],
            "ratio": [round(each.comparison.ratio, 6) for each in found],
            "low": [_bounded(each.comparison.low) for each in found],
            "high": [_bounded(each.comparison.high) for each in found],
            "answer": [each.decision.word for each in found],
            "change": [text.change(each.comparison.ratio) for each in found],
            "interval": [paired_report.interval(each) for each in found],
            "decided": [paired_report.qualified(each) for each in found],
        }
    )
    said = " ".join(
        f"{each.title}: {text.change(each.comparison.ratio)} ({paired_report.interval(each)}), {each.decision.word}."
        for each in found[:12]
    )
    share = text.percent(equivalence)
    corrected = any(each.corrected for each in found)
    why = " An interval without 0 % may be undecided, because of the correction for the number of figures."
    return Figure(
        f"ratios-{number}",
        f"{candidate} beside {baseline}: change of each figure",
        f"The point is the change from {baseline} to {candidate}, and the line its 95 % interval. Within the grey "
        f"band, ±{share}, figures are equivalent. {direction}" + (why if corrected else ""),
        f"Forest plot: {len(found)} figures of {candidate} beside {baseline}, with 95 % intervals. {said}",
        False,
        "answer",
        lambda interactive: ratio_drawing.forest(data, equivalence, interactive=interactive),
    )


def _bounded(ratio: float) -> float:
    """A ratio that can be drawn: one without a bound ends far outside."""
    return round(min(max(ratio, 1 / _FAR), _FAR), 6)


def _overlays(experiment: ExperimentFolder, overlay: Overlay) -> list[Figure]:
    operations = overlay.operations()
    shown = operations[: MOST_OPERATIONS + 1]
    left_out = len(operations) - len(shown)
    return [
        _overlay(experiment, overlay, operation, number, MOST_POINTS // len(shown), left_out * (operation == TOTAL))
        for number, operation in enumerate(shown, 1)
    ]


def _overlay(
    experiment: ExperimentFolder, overlay: Overlay, operation: str, number: int, most: int, left_out: int
) -> Figure:
    word = "Response time" if overlay.is_response else "Service time"
    curves = overlay.curves[overlay.curves["operation"] == operation]
    typical = overlay.typical(operation)
    arms = [arm for arm in experiment.arms if arm in set(curves["arm"])]
    runs = {arm: int(curves[curves["arm"] == arm]["run"].nunique()) for arm in arms}
    # The same points of every run, so that lines stay comparable.
    step = math.ceil(len(curves) / most)
    kept = sorted(curves["inverse"].unique())[::step]
    faint = pd.DataFrame(
        {
            "series": curves["arm"].map(drawn_name),
            "line": curves["run"],
            "inverse": curves["inverse"].round(3),
            "value": curves["latency_ms"].round(4),
        }
    )[curves["inverse"].isin(kept)]
    caption = "Each faint line is a run, and the bold one the geometric mean of an arm's runs."
    if experiment.kind == NOISE:
        caption += " Both arms are the same: their difference is noise."
    if overlay.without:
        caption += f" {overlay.without} of {len(experiment.counted)} runs have no distributions that can be read."
    if left_out > 0:
        caption += f" {left_out} more operations, which are fewer, have no chart."
    said = " ".join(f"{arm}: {runs[arm]} runs, {_at_p99(typical, arm)}." for arm in arms)
    return Figure(
        f"distribution-{number}",
        f"{word} of all runs: {operation}",
        caption,
        f"Line chart of {word.lower()} by percentile from p50 to p99.99, {operation}, a line for each run. {said}",
        operation != TOTAL,
        "answer",
        lambda interactive: drawing.percentile_curve(
            typical.assign(arm=typical["arm"].map(drawn_name)),
            [drawn_name(arm) for arm in arms],
            f"{word.lower()} (ms), log scale",
            interactive=interactive,
            faint=faint,
        ),
    )


def _at_p99(typical: pd.DataFrame, arm: str) -> str:
    found = typical[(typical["arm"] == arm) & (typical["percentile"] == 99.0)]["latency_ms"]
    return f"p99 {text.latency_ms(float(found.iloc[0]) * 1000)} ms" if len(found) else "fewer than 100 operations"
