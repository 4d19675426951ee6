"""The start page of a results folder: experiments with their answers, histories, and all runs with filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reporting import text
from reporting.analyse.histories import History, Series
from reporting.analyse.run_summary import RunSummary
from reporting.render import history_charts, html_page
from reporting.render.chart import Figure
from reporting.render.report_files import PAGE
from reporting.render.report_tables import Table
from zk_locust.contract.run_files import EXPERIMENT_PAGE, EXPERIMENTS, UNFINISHED

MOST_DRAWN: Final = 20
"""Histories with charts: the page contains the figures as text."""
_WIDTH, _HEIGHT = 120, 26  # of a spark line, pixels


@dataclass(frozen=True, slots=True)
class ListedExperiment:
    """An experiment by its id; `answer` says what it found, or why it cannot be read. `runs` are its runs' ids."""

    experiment_id: str
    kind: str
    name: str
    started: str
    state: str
    runs: tuple[str, ...]
    answer: str
    has_page: bool


@dataclass(frozen=True, slots=True)
class SparkLine:
    """A figure over the runs of a history: a line's points, the newest value, the last change, and all in words."""

    points: str
    newest: str
    change: str
    words: str


def render(
    results_dir: Path,
    runs: Sequence[RunSummary],
    experiments: Sequence[ListedExperiment],
    histories: Sequence[History],
) -> str:
    """The page's HTML."""
    drawn = [(history, history_charts.build(history, at)) for at, history in enumerate(histories[:MOST_DRAWN], 1)]
    figures: list[Figure] = [figure for _, own in drawn for figure in own]
    newest = sorted(runs, key=lambda run: (run.started, run.run_id), reverse=True)
    return html_page.fill(
        "start.html.j2",
        figures,
        results_dir=str(results_dir),
        runs=_runs(newest),
        experiments=_experiments(experiments),
        verdicts=sorted({run.verdict or text.NOTHING for run in runs}),
        scenarios=sorted({run.scenario or text.NOTHING for run in runs}),
        histories=[(history, _spark(history.rate), _spark(history.p99)) for history in histories],
        drawn=[(history, own) for history, own in drawn if own],
        left_out=max(0, len(histories) - MOST_DRAWN),
    )


def _runs(runs: Sequence[RunSummary]) -> Table:
    head = ("run", "started", "scenario", "verdict", "state", "label", "experiment", "users", "rate/s", "p99 ms",
            "failures")  # fmt: skip
    rows = tuple(
        (
            *(run.run_id, text.moment(run.started).removesuffix(" UTC") or text.NOTHING),
            *(each or text.NOTHING for each in (run.scenario, run.verdict, run.state, run.label, run.experiment)),
            *(text.count(run.users), text.rate(run.rate_per_s), text.latency_ms(run.p99_us), text.count(run.failures)),
        )
        for run in runs
    )
    links = {
        (at, 0): f"{f'{UNFINISHED}/' if run.state == 'unfinished' else ''}{quote(run.path.name)}/{PAGE}"
        for at, run in enumerate(runs)
        if (run.path / PAGE).is_file()
    }
    return Table("Runs", head, rows, 7, links=links)


def _experiments(experiments: Sequence[ListedExperiment]) -> Table | None:
    ordered = sorted(experiments, key=lambda each: (each.started, each.experiment_id), reverse=True)
    rows = tuple(
        (
            *(each.experiment_id, text.moment(each.started).removesuffix(" UTC") or text.NOTHING),
            *(each.kind or text.NOTHING, each.state or text.NOTHING, each.answer, str(len(each.runs))),
        )
        for each in ordered
    )
    links = {
        (at, 0): f"{EXPERIMENTS}/{quote(each.experiment_id)}/{EXPERIMENT_PAGE}"
        for at, each in enumerate(ordered)
        if each.has_page
    }
    head = ("experiment", "started", "kind", "state", "answer", "runs")
    return Table("Experiments", head, rows, 5, links=links) if rows else None


def _spark(series: Series) -> SparkLine | None:
    """None for a figure that no run has. The line begins at 0, so that a change looks as large as it is."""
    if not series.values:
        return None
    most, last = max(series.values), max(1, len(series.values) - 1)
    points = " ".join(
        f"{2 + at * (_WIDTH - 4) / last:.1f},{_HEIGHT - 2 - value / most * (_HEIGHT - 4):.1f}"
        for at, value in enumerate(series.values)
    )
    first, newest = (history_charts.value_of(series, series.values[at]) for at in (0, -1))
    change = f"{text.change(series.changes[-1].ratio)} at a change point" if series.changes else ""
    words = f"{series.figure} over {len(series.values)} runs, from {first} to {newest}"
    return SparkLine(points, newest, change, words)
