"""The tables of the clocks, of what became of the operations, and of the workers' own delay."""

from typing import Final

from reporting import text
from reporting.analyse import clocks
from reporting.analyse.headline import TOTAL, Row
from reporting.read.distributions import Distribution
from reporting.render.report_tables import Table
from reporting.text import percent
from reporting.verdict.judged_run import JudgedRun

MAX_WORKERS: Final = 20
_PERCENTILES: Final = (50.0, 99.0, 99.9)
_HEAD: Final = ("p50 (ms)", "p99 (ms)", "p99.9 (ms)", "Max (ms)")


def loop(judged: JudgedRun) -> str:
    """Which loop drove the load, and what its latencies are; empty for a run whose files do not tell."""
    if not clocks.is_recorded(judged.run):
        return ""
    if judged.headline.open_loop:
        found = (
            "Open loop: due times were fixed beforehand. Response time counts from due to reply, service time from "
            "sent to reply."
        )
    else:
        found = (
            "Closed loop: service time. It counts from sent to reply. A user sends when its last operation has ended, "
            "so a slow server slows the load down too, and no percentile shows how long operations had to wait."
        )
    total, lacking = judged.headline.distributions.get(TOTAL), [*clocks.without_arrivals(judged.run)]
    if lacking:  # the client would know
        of = max(len(lacking), len(judged.workers.seen))
        found += (
            f" On {len(lacking)} of {of} workers ({text.some(lacking, 4)}) the kernel gives no arrival times of "
            "replies, so service time ends there when the worker handles the reply."
        )
    elif total is not None and total.client_delay is None:
        client = judged.run.manifest.parameters.get("client")
        named = f"The client {client}" if client else "The client"
        found += (
            f" {named} cannot tell when a reply reached the machine, so service time ends when the worker handles the "
            "reply."
        )
    return found


def tiles(judged: JudgedRun) -> list[tuple[str, str, str]]:
    """Name, value and unit of what became of the offered load; none in closed loop."""
    load, total = judged.headline.load, judged.headline.total
    if load is None:
        return []

    def share(count: int | None) -> str:
        return f"{percent(count / load.offered)} of offered" if count and load.offered else f"of {load.offered:,}"

    longest = "" if total.censored_max_us is None else f"longest {total.censored_max_us / 1e6:,.3g} s"
    return [
        ("Offered", text.rate(load.offered_per_s), "/s"),
        ("Missed", text.count(load.missed), share(load.missed)),
        ("Dropped", text.count(load.dropped), share(load.dropped)),
        ("Censored", text.count(total.censored), longest),
    ]


def outcomes(judged: JudgedRun) -> Table | None:
    """What became of the operations that were sent; nothing for a run whose files do not tell."""
    if not clocks.is_recorded(judged.run):
        return None
    found = judged.headline
    rows = found.rows if len(found.rows) == 1 else (*found.rows, found.total)
    since = "due" if found.open_loop else "sent"
    note = (
        "Suppressed failures are hidden from Locust by --exception-behavior or --ignore-connection-down. Censored "
        f"operations had no reply when the stage ended or their user stopped; the wait counts since they were {since}."
    )
    if found.load is not None:
        note += (
            f" {found.load.offered:,} operations were offered: {text.count(found.load.missed)} were missed because "
            f"their worker was not there, {text.count(found.load.dropped)} were dropped before they were sent."
        )
    head = ("Operation", "Successful", "Failed", "Suppressed", "Censored", "Longest wait (ms)")
    return Table(
        "What became of the operations", head, tuple(map(_outcome, rows)), 1, has_total=len(rows) > 1, note=note
    )


def _outcome(row: Row) -> tuple[str, ...]:
    counts = (row.operations, row.failures, row.suppressed, row.censored)
    return (row.operation, *map(text.count, counts), text.latency_ms(row.censored_max_us))


def all_clocks(judged: JudgedRun) -> Table | None:
    """Every clock of all operations; nothing where only service time was measured."""
    total = judged.headline.distributions.get(TOTAL)
    measured = [] if total is None else [(name, total.clock(key)) for key, name in clocks.NAMES.items()]
    found = [(name, clock) for name, clock in measured if clock is not None]
    if len(found) < 2:
        return None
    rows = tuple((name.capitalize(), text.count(clock.requests), *_times(clock)) for name, clock in found)
    note = (
        "Schedule slip: due to sent. Service time: sent to reply. Response time: due to reply. Client delay: from the "
        "reply's arrival at the machine until the worker handled it."
    )
    named = [part for part in note.split(". ") if part.split(":")[0].lower() in dict(found)]
    return Table(
        "Clocks of all operations", ("Clock", "Operations", *_HEAD), rows, 1, note=". ".join(named).rstrip(".") + "."
    )


def _times(clock: Distribution) -> tuple[str, ...]:
    return tuple(text.latency_ms(value) for value in (*clock.percentiles_us(_PERCENTILES), clock.max_us))


def own_delay(judged: JudgedRun) -> Table | None:
    """The workers' own delay in the measured stage, the latest first; nothing where it was not measured."""
    found = clocks.own_delays(judged.run, judged.timeline)
    latest = sorted(found, key=lambda delay: -(delay.lateness_us["p99_us"] or 0.0))[:MAX_WORKERS]
    note = (
        "How late a timer was that is due every 5 ms in each worker, and the share of the measured stage that Python's "
        "garbage collector took."
    )
    if len(latest) < len(found):
        note += f" The {len(latest)} latest of {len(found)} workers; locust-stats.csv has all."
    rows = tuple(
        (
            delay.worker,
            *map(text.latency_ms, delay.lateness_us.values()),
            text.NOTHING if delay.gc_share is None else percent(delay.gc_share),
        )
        for delay in latest
    )
    head = ("Worker", *(f"Late, {each}" for each in _HEAD), "Garbage collector")
    return Table("Own delay of the workers in the measured stage", head, rows, 1, note=note) if rows else None
