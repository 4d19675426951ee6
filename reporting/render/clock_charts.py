"""The charts of open loop and of the clocks beside service time. What a run did not measure has no chart."""

from typing import Final

from reporting import text
from reporting.analyse import clocks
from reporting.analyse.headline import TOTAL
from reporting.analyse.series import LoadSeries
from reporting.read.distributions import Distribution
from reporting.render import count_drawing, drawing
from reporting.render.chart import Figure, few_lines, line_figure, lines_of, ranges
from reporting.render.drawing import Frame, Lines
from reporting.render.load_charts import each_point, latencies_drawn, latency_word, percentiles_figure
from reporting.verdict.judged_run import JudgedRun
from zk_locust.contract.clock_names import CLIENT_DELAY, SERVICE, SLIP

MAX_WORKER_LINES: Final = 8
MEANING: Final = {
    SERVICE: "Sent to reply: what the server and the network took for an operation.",
    SLIP: "Due to sent: how long due operations waited for a free session. It is part of the response time.",
    CLIENT_DELAY: "Reply's arrival to its handling: the worker's own delay. It is in no response time and no "
    "service time.",
}


def offered(judged: JudgedRun, load: LoadSeries, frame: Frame) -> list[Figure]:
    """Operations that were due and what became of them over time, and how many waited; nothing in closed loop."""
    found = clocks.offered(judged.run, judged.timeline)
    if not len(found):
        return []
    sums = found.groupby("series")["per_s"].sum()
    always = ("offered", "achieved")
    names = [name for name in clocks.OFFERED_COLUMNS.values() if name in always or sums.get(name, 0.0) > 0]
    without = [name for name in clocks.OFFERED_COLUMNS.values() if name not in names and name in sums]
    caption = "Offered operations were due; achieved ones of them succeeded."
    caption += " Missed ones were due on a worker that was not there." if "missed" in names else ""
    caption += " Dropped ones waited too long for a free session." if "dropped" in names else ""
    caption += f" None was {' or '.join(without)}." if without else ""
    caption += f" {each_point(load, 'rate')}"
    data = found[found["series"].isin(names)]
    lines = Lines(lines_of(data, "series", "per_s"), names, "operations a second", ",.1f")
    title = f"Offered and achieved load{''.join(f', {name}' for name in names[2:])}: operations a second"
    shows = f"operations a second. {ranges(data, 'series', 'per_s', 'a second')}"
    figures = [line_figure("offered", title, caption, shows, lines, frame, group="load", small=False)]
    waiting = clocks.queued(judged.run, judged.timeline)
    if waiting["value"].sum() > 0:
        lines = Lines(waiting.round({"time_s": 4}), ["queued"], "operations", ",.0f", height=drawing.SMALL_HEIGHT)
        title = "Queue: operations that were due and not sent"
        caption = (
            "At the end of each interval. A queue that grows means that the sessions cannot carry the offered rate."
        )
        shows = f"due operations that were not sent. {ranges(waiting, 'series', 'value', 'operations')}"
        figures.append(line_figure("queued", title, caption, shows, lines, frame, group="load", small=False))
    return figures


def heat_map(judged: JudgedRun, load: LoadSeries, frame: Frame) -> list[Figure]:
    """How many operations took how long, when; nothing for a run whose files tell no clocks."""
    clock, word = judged.headline.total.clock, latency_word(judged)
    found = clocks.heat_map(load, clock) if clocks.is_recorded(judged.run) else None
    if found is None:
        return []
    total = judged.headline.total
    shows = (
        f"Heat map of {word.lower()} over time, all operations. {len(found.cells):,} cells, the fullest with "
        f"{found.most:,} operations. p50 {text.latency_ms(total.p50_us)} ms, "
        f"p99.9 {text.latency_ms(total.p999_us)} ms, longest {text.latency_ms(total.max_us)} ms."
    )
    return [
        Figure(
            "heat-map",
            f"{word} heat map: how many operations took how long, when",
            "All operations by the interval in which they ended. Few slow operations, which percentiles may hide, have "
            "cells of their own.",
            shows,
            False,
            "load",
            lambda interactive: count_drawing.heat_map(
                found, frame, f"{word.lower()} (ms), log scale", interactive=interactive
            ),
        )
    ]


def of_clocks(judged: JudgedRun, load: LoadSeries, frame: Frame) -> list[Figure]:
    """All clocks by percentile, and those beside the headline's over time."""
    total = judged.headline.distributions.get(TOTAL)
    if total is None or not clocks.is_recorded(judged.run):
        return []
    curves = clocks.percentile_curves(total)
    names = [name for name in clocks.NAMES.values() if name in set(curves["clock"])]
    if len(names) < 2:
        return []
    parts = [f"{name}: p99.9 {text.latency_ms(_p999_us(total, clock))} ms." for clock, name in clocks.NAMES.items()]
    figures = [
        Figure(
            "clocks",
            f"{', '.join(names[:-1]).capitalize()} and {names[-1]}: all operations",
            "Each clock at each percentile over the measured stage."
            + (" Response time is schedule slip plus service time, operation by operation." if len(names) > 2 else ""),
            "Line chart of the clocks by percentile from p50 to p99.99. " + " ".join(parts),
            False,
            "load",
            lambda interactive: drawing.percentile_curve(
                curves, names, "time (ms), log scale", interactive=interactive
            ),
        )
    ]
    for clock, meaning in MEANING.items():
        found = clocks.clock_over_time(load, clock)
        if clock != judged.headline.total.clock and len(found):
            name = clocks.NAMES[clock]
            figures.append(
                percentiles_figure(
                    found,
                    frame,
                    slug_=clock.replace("_", "-"),
                    title=f"{name.capitalize()} over time: all operations",
                    caption=f"{meaning} {each_point(load)}",
                    y_title=f"{name} (ms), log scale",
                    domain=drawing.round_log_domain(latencies_drawn(found)),
                )
            )
    return figures


def _p999_us(total: Distribution, clock: str) -> int | None:
    found = total.clock(clock)
    return None if found is None else found.percentiles_us([99.9])[0]


def censored(judged: JudgedRun) -> list[Figure]:
    """How long the censored operations had waited; nothing without any."""
    measured = judged.headline.distributions.get(TOTAL)
    found = None if measured is None else clocks.censored(measured)
    if found is None or not len(found):
        return []
    total = judged.headline.total
    since = "due" if judged.headline.open_loop else "sent"
    return [
        Figure(
            "censored",
            "Censored operations: how long they had waited",
            "They had no reply when the measured stage ended or their user stopped. Each takes at least the time since "
            f"it was {since}; no latency and no percentile contains it.",
            f"Histogram of the waiting times of {total.censored:,} censored operations, the longest "
            f"{(total.censored_max_us or 0) / 1e6:,.3g} s.",
            True,
            "load",
            lambda interactive: count_drawing.histogram(
                found, f"time since it was {since} (s)", "operations", interactive=interactive
            ),
        )
    ]


def lateness(judged: JudgedRun, frame: Frame) -> list[Figure]:
    """How late each worker's heartbeat was over time; nothing where it was not measured."""
    found = clocks.lateness(judged.run, judged.timeline)
    if not len(found):
        return []
    data, names = few_lines(lines_of(found, "worker", "p99_ms"), MAX_WORKER_LINES, "latest worker")
    lines = Lines(data, names, "p99 (ms)", ",.3~f", height=drawing.SMALL_HEIGHT)
    caption = (
        "p99 over the stage so far of a timer that is due every 5 ms in each worker. A worker sends operations and "
        "handles replies as late as that."
    )
    shows = f"p99 of the lateness of each worker's heartbeat. {ranges(found, 'worker', 'p99_ms', 'ms')}"
    title = "How late each worker was"
    return [line_figure("worker-lateness", title, caption, shows, lines, frame, group="workers", small=False)]
