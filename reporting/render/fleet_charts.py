"""The charts of what the workers report of themselves: their CPU."""

from typing import Final

from reporting.analyse import series
from reporting.analyse.spread import LEAST
from reporting.render import drawing
from reporting.render.chart import Figure, few_lines, line_figure, lines_of, ranges
from reporting.render.drawing import Frame, Lines
from reporting.verdict.judged_run import JudgedRun
from reporting.verdict.thresholds import CPU_SHORT_PERCENT

MAX_WORKER_LINES: Final = 8


def of_workers(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """CPU that the workers wanted and waited for over time; nothing when it was not recorded."""
    found = series.worker_cpu(judged.run, judged.timeline)
    if not len(found):
        return []
    figures = []
    for slug_, title, caption, column, rule in (
        (
            "worker-cpu",
            "CPU that each worker wanted",
            "Running or waiting for a core, in percent of one core. Above the dotted line, at "
            f"{CPU_SHORT_PERCENT:.0f} %, a worker is short of CPU: then the load generator may limit the result.",
            "runnable_percent",
            CPU_SHORT_PERCENT,
        ),
        (
            "worker-cpu-wait",
            "Of which waiting for a core",
            "Ready to run while other processes used the cores of the machine.",
            "waiting_percent",
            None,
        ),
    ):
        data, names = few_lines(lines_of(found, "worker", column), MAX_WORKER_LINES, "busiest worker")
        lines = Lines(data, names, "percent of one core", ",.0f", height=drawing.SMALL_HEIGHT, limit=rule, y_max=100)
        shows = f"{title.lower()}. {ranges(found, 'worker', column, 'percent')}"
        if column + LEAST in found:
            caption += " Each point is a mean of several intervals; the band is from their least to their greatest."
        figures.append(line_figure(slug_, title, caption, shows, lines, frame, group="workers"))
    return figures
