"""Which charts a report has, in their order."""

from collections import Counter
from dataclasses import replace

from reporting.analyse import series
from reporting.render import (
    clock_charts,
    drawing,
    event_lanes,
    fleet_charts,
    load_charts,
    machine_charts,
    member_charts,
    recovery_charts,
)
from reporting.render.chart import Figure
from reporting.verdict.judged_run import JudgedRun


def build(judged: JudgedRun) -> list[Figure]:
    """The figures that the run's files allow, the most important first."""
    run, timeline = judged.run, judged.timeline
    moments = judged.why.moments
    marks = [(loss.at_s, f"{loss.worker} lost") for loss in judged.workers.losses]
    marks += [(moment.start_s, "worst moment") for moment in moments[:1]]
    frame = drawing.frame_of(timeline, marks, event_lanes.lanes(judged.why.events, moments, timeline.end_s))
    load = series.load_series(run, timeline)
    figures = [
        *recovery_charts.of_faults(judged),
        *clock_charts.offered(judged, load, frame),
        *load_charts.over_time(judged, load, frame),
        *clock_charts.heat_map(judged, load, frame),
        *load_charts.distribution(judged, load),
        *clock_charts.of_clocks(judged, load, frame),
        *clock_charts.censored(judged),
        *fleet_charts.of_workers(judged, frame),
        *clock_charts.lateness(judged, frame),
        *member_charts.of_members(judged, frame),
        *machine_charts.of_zookeeper(judged, frame),
        *machine_charts.of_machines(judged, frame),
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
