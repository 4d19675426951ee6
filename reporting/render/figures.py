"""Which charts a report has, in their order."""

from collections import Counter
from dataclasses import replace

from reporting.analyse import series, workers
from reporting.render import charts, fleet_figures, load_figures, machine_figures
from reporting.render.figure import Figure
from reporting.results import Results
from reporting.verdict.rules import CPU_SHORT_PERCENT


def build(results: Results) -> list[Figure]:
    """The figures that the run's files allow, the most important first."""
    run, timeline = results.run, results.timeline
    found = workers.build(run, timeline, CPU_SHORT_PERCENT)
    frame = charts.frame_of(timeline, [(loss.at_s, f"{loss.worker} lost") for loss in found.losses])
    load = series.load_series(run, timeline)
    figures = [
        *load_figures.over_time(load, frame),
        *load_figures.distribution(results, load),
        *fleet_figures.of_workers(results, frame),
        *fleet_figures.of_members(results, frame),
        *machine_figures.of_zookeeper(results, frame),
        *machine_figures.of_machines(results, frame),
    ]
    return _with_unique_slugs(figures)


def _with_unique_slugs(figures: list[Figure]) -> list[Figure]:
    """Operations whose names differ only in what a file name leaves out get a number."""
    seen: Counter[str] = Counter()
    unique = []
    for figure in figures:
        seen[figure.slug] += 1
        number = seen[figure.slug]
        unique.append(figure if number == 1 else replace(figure, slug=f"{figure.slug}-{number}"))
    return unique
