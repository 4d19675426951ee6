"""The report of an experiment as one self-contained HTML page: the answer, the arms, charts, tables, and the runs."""

from collections.abc import Sequence

from reporting.render import html_page
from reporting.render.chart import Figure
from reporting.render.experiment_report import ExperimentReport


def render(report: ExperimentReport, figures: Sequence[Figure]) -> str:
    """The page's HTML."""
    experiment = report.experiment
    return html_page.fill(
        "experiment.html.j2",
        figures,
        name=str(experiment.content["name"]),
        experiment_id=experiment.experiment_id,
        about=report.about,
        answer=report.found.answer,
        tiles=report.found.tiles,
        of_tiles=report.found.of_tiles,
        notes=report.found.notes,
        unfinished=report.unfinished,
        problems=experiment.problems,
        differences=report.differences,
        several_arms=len(experiment.arms) > 1,
        figures=figures,
        tables=report.found.tables,
        runs=report.runs,
    )
