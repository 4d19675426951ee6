"""Trials of latencies: each runs Locust against one script of the server, and returns its rows of the table."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.truth import packets, table
from benchmarks.truth.locust_run import Load, run, stop_each_second
from benchmarks.truth.said import PERCENTILES, Said
from benchmarks.truth.scripted_server import Rows, answered, percentile, service_us, without_last
from benchmarks.truth.setting import CLOSED, DELAY_US, OPEN, Setting, Trial, load_of
from benchmarks.truth.table import Row, at_least, exact, latency, measured, named, not_valid, within
from reporting.verdict.thresholds import LOAD_SIDE_SPOILS_SHARE
from zk_locust.contract.clock_names import CLIENT_DELAY, RESPONSE, SERVICE

CLIENTS: Final = ("native", "libzookeeper", "kazoo")
# By the number of workers. The highest rates of one worker take most of its core.
RATES: Final = {1: (1000, 2000, 4000, 8000, 12_000, 16_000), 4: (1000, 2000, 4000, 8000)}
_OFFERED_PER_S: Final = 1000
_STALL_SHARE: Final = 0.02
_PACKET_SHARE: Final = 0.05
_SLOW_SHARE: Final = 0.02
_SLOW_US: Final = 20_000
# Enough sessions to catch up after a stall: the queue is empty again within a second.
_STALL_USERS: Final = 50


def _times(trial: str, said: Said, truth_us: npt.NDArray[Any], clock: str, share: float = table.SHARE) -> Iterator[Row]:
    for percent in PERCENTILES:
        verdict = said.verdict_on(f"p{percent:g}")
        yield latency(
            trial, f"{clock} time p{percent:g}", percentile(truth_us, percent), said.percentile_us(clock, percent),
            verdict, share=share, or_flagged=True,
        )  # fmt: skip


def _service(trial: str, said: Said, truth_us: npt.NDArray[Any]) -> Iterator[Row]:
    return _times(trial, said, truth_us, SERVICE)


def _service_of(client: str, trial: str, said: Said, truth_us: npt.NDArray[Any]) -> Iterator[Row]:
    """Return the service times of a kind of client.

    Only the native client knows when a reply reached the machine. Others time what an application sees, so the load
    side is in their figures: as large a share as a valid figure may have.
    """
    share = table.SHARE if client == CLIENTS[0] else LOAD_SIDE_SPOILS_SHARE / (1 - LOAD_SIDE_SPOILS_SHARE)
    return _times(trial, said, truth_us, SERVICE, share)


def open_loop_us(
    rows: Rows, stalls: list[tuple[int, int]], seconds: float, rate: float
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the response times of an open loop, from what the server did, microseconds.

    Operations are due at a fixed rate for so many seconds, from the first request on. One that is due in a stall waits
    until its end, and then takes the median service time as all others do.
    """
    due = rows["arrival"].min() + np.arange(round(seconds * rate)) * (1e9 / rate)
    waits = np.zeros(len(due))
    for began, ended in stalls:
        waits += np.where((due > began) & (due < ended), ended - due, 0.0)
    return np.asarray(waits / 1000.0 + float(np.median(service_us(rows))))


def stalled(setting: Setting, *, loop: str, repeats: bool = False) -> Iterator[Row]:
    """The server stalls for 3 of 12 s, or for 2 of every 5 s: response times of an open loop, service time of both.

    A closed loop hides what was not sent meanwhile, so its figures must not be valid. This is asked of the longer
    stalls only: they contain an interval without any success in a short run too.
    """
    name = f"stall-{loop}" + ("-repeated" if repeats else "")
    if repeats:
        seconds = max(10.0, setting.seconds)
        script: dict[str, float] = {"stall_s": 2, "stall_from_s": 2, "stall_every_s": 5}
        trial = f"stall, 2 of every 5 s, {loop} loop"
    else:
        seconds = 4 * max(1.0, setting.seconds / 4)
        script = {"stall_s": seconds / 4, "stall_from_s": seconds / 3}
        trial = f"stall, {seconds / 4:g} of {seconds:g} s, {loop} loop"
    load = Load(_STALL_USERS, seconds, arrival_rate=_OFFERED_PER_S)
    if loop == CLOSED:
        load = Load(10, seconds, wait_ms=9)
    with setting.server(name, delay_us=1000, **script) as server:
        said = run(server.hosts, setting.folder / name, load)
    if loop == OPEN:
        truth = open_loop_us(server.rows, server.counts["stalls"], seconds, _OFFERED_PER_S)
        for percent in (99.0, 99.9):
            yield latency(
                trial, f"response time p{percent:g} at {_OFFERED_PER_S:,}/s", percentile(truth, percent),
                said.percentile_us(RESPONSE, percent), said.verdict_on(f"p{percent:g}"), share=_STALL_SHARE,
            )  # fmt: skip
    else:
        yield from _service(trial, said, service_us(server.rows))
    longest = float(service_us(server.rows).max())
    yield latency(trial, "longest service time", longest, said.longest_us.get(SERVICE), said.verdict)
    if loop == CLOSED and repeats:
        for figure in ("rate", "p99", "p99.9"):
            yield not_valid(trial, figure, said.verdict_on(figure))


def bimodal(setting: Setting) -> Iterator[Row]:
    """Most gets take 1 ms, 2 % of them 20 ms, in open loop: both clocks against the server's record.

    Sessions are plenty, so that no operation waits for one.
    """
    script = {"delay_us": 1000, "slow_share": _SLOW_SHARE, "slow_delay_us": _SLOW_US}
    with setting.server("bimodal-open", **script) as server:
        load = Load(_STALL_USERS, setting.seconds, arrival_rate=_OFFERED_PER_S)
        said = run(server.hosts, setting.folder / "bimodal-open", load)
    truth = service_us(server.rows)
    trial = f"1 ms, and {_SLOW_US / 1000:g} ms for {_SLOW_SHARE:.0%}, open loop, {_OFFERED_PER_S:,}/s"
    for clock in (RESPONSE, SERVICE):
        yield from _times(trial, said, truth, clock)


def constant(setting: Setting, *, client: str) -> Iterator[Row]:
    """Every get takes 5 ms, 8 users, by client. The first rows show how exact the server itself is."""
    with setting.server(client, delay_us=DELAY_US) as server:
        said = run(server.hosts, setting.folder / client, Load(8, setting.seconds, client))
    truth = service_us(server.rows)
    if client == CLIENTS[0]:
        trial = "the server itself" + ("" if server.precise else ", ordinary priority")
        for percent in PERCENTILES:
            yield latency(trial, f"answer after 5 ms, p{percent:g}", DELAY_US, percentile(truth, percent))
    yield from _service_of(client, f"5 ms, 8 users, {client}", said, truth)


def rated(setting: Setting, *, loop: str, workers: int, rate: int) -> Iterator[Row]:
    """One rate, by one worker or several: native's service time against the record."""
    name = f"rate-{loop}-{workers}-{rate}"
    with setting.server(name, delay_us=DELAY_US) as server:
        load = load_of(loop, rate, setting.seconds)
        said = run(server.hosts, setting.folder / name, load, workers=workers)
    many = "1 worker" if workers == 1 else f"{workers} workers"
    trial = f"{loop} loop, {said.rate:,.0f}/s, {many}, CPU {said.worker_cpu_percent:.0f} %"
    yield from _service(trial, said, service_us(server.rows))
    yield measured(trial, "worker CPU, of one core", said.worker_cpu_percent, "%")
    for percent in (50.0, 99.0) if said.percentile_us(CLIENT_DELAY, 50.0) is not None else ():
        yield measured(trial, f"client delay p{percent:g}", said.percentile_us(CLIENT_DELAY, percent), "µs")


def stopped(setting: Setting, *, loop: str, client: str = "native") -> Iterator[Row]:
    """The worker is stopped for 50 ms in each second.

    In closed loop, native's service times stay true, and so they are valid, but users send less: the rate has a note.
    """
    name = f"worker-stopped-{loop}-{client}"
    load = replace(load_of(loop, _OFFERED_PER_S, setting.seconds), client=client)
    with setting.server(name, delay_us=DELAY_US) as server:
        said = run(
            server.hosts, setting.folder / name, load,
            meanwhile=stop_each_second(server.port, 0.05, setting.seconds),
        )  # fmt: skip
    trial = f"worker stopped 50 ms each second, {loop} loop, {client}"
    yield from _service_of(client, trial, said, service_us(server.rows))
    if loop == CLOSED:
        yield named(trial, "rate", "worker-away", said.rules.get("rate", frozenset()), said.verdict_on("rate"))
    if loop == OPEN or client != CLIENTS[0]:
        yield not_valid(trial, "p99.9", said.verdict_on("p99.9"))


def growing(setting: Setting) -> Iterator[Row]:
    """The latency grows fourfold within the run."""
    seconds = max(12.0, setting.seconds)  # in less, nothing can be said of a trend
    with setting.server("growth", delay_us=DELAY_US, growth_per_s=3 / seconds) as server:
        load = replace(load_of(OPEN, _OFFERED_PER_S, seconds), users=50)
        said = run(server.hosts, setting.folder / "growth", load)
    trial = "latency that grows fourfold"
    # The slowest are under way at the end.
    yield from _service(trial, said, service_us(without_last(server.rows)))
    yield not_valid(trial, "p99", said.verdict_on("p99"))


def frozen(setting: Setting) -> Iterator[Row]:
    """The server stops answering 2 s before the end: 20 users wait for their last reply."""
    seconds = max(4.0, setting.seconds / 2)
    # A little more, because the script counts from the first request.
    script = {"delay_us": 1000, "stall_s": 3600, "stall_from_s": seconds - 2.3}
    with setting.server("frozen", **script) as server:
        said = run(server.hosts, setting.folder / "frozen", Load(20, seconds, wait_ms=9))
    waiting = int((server.rows["sent"] == 0).sum())
    trial = "frozen for the last 2 s"
    yield exact(trial, "operations without a reply", 20, waiting)
    yield exact(trial, "censored", waiting, said.censored, said.verdict)
    longest = None if said.censored_max_us is None else said.censored_max_us / 1e6
    yield at_least(trial, "longest censored wait", 2.0, longest, "s", said.verdict)
    for figure in ("rate", "p99.9"):
        yield not_valid(trial, figure, said.verdict_on(figure))


def captured(setting: Setting) -> Iterator[Row]:
    """The packets on loopback, against the client and against the server's record."""
    if not packets.can_capture():
        raise RuntimeError("only root may capture packets")
    with (
        setting.server("packets", delay_us=DELAY_US) as server,
        packets.Capture(server.port, setting.folder / "packets.rows") as capture,
    ):
        said = run(server.hosts, setting.folder / "packets", Load(8, setting.seconds))
    gets = answered(server.rows)
    between = packets.service_us(capture.packets, packets.keys(gets))
    trial = f"packets of {len(between):,} gets"
    yield exact(trial, "packets that the capture missed", 0, capture.dropped)
    yield exact(trial, "gets of the record with both packets", len(gets), len(between))
    for percent in (50.0, 99.0):
        recorded = percentile(service_us(gets), percent)
        yield latency(trial, f"server's record p{percent:g}", percentile(between, percent), recorded)
    for percent in (50.0, 99.0):
        truth, found = percentile(between, percent), said.percentile_us(SERVICE, percent)
        verdict = said.verdict_on(f"p{percent:g}")
        yield within(trial, f"service time p{percent:g}", truth, found, "µs", _PACKET_SHARE * truth, verdict)


LATENCY_TRIALS: Final[dict[str, Trial]] = {
    "stall-open": partial(stalled, loop=OPEN),
    "stall-open-repeated": partial(stalled, loop=OPEN, repeats=True),
    "stall-closed": partial(stalled, loop=CLOSED),
    "stall-closed-repeated": partial(stalled, loop=CLOSED, repeats=True),
    "bimodal-open": bimodal,
    "frozen": frozen,
    "growth": growing,
    **{f"worker-stopped-{loop}": partial(stopped, loop=loop) for loop in (OPEN, CLOSED)},
    **{f"worker-stopped-closed-{client}": partial(stopped, loop=CLOSED, client=client) for client in CLIENTS[1:]},
    **{f"constant-{client}": partial(constant, client=client) for client in CLIENTS},
    **{
        f"rate-{loop}-{workers}-{rate}": partial(rated, loop=loop, workers=workers, rate=rate)
        for loop in (OPEN, CLOSED)
        for workers, rates in RATES.items()
        for rate in rates
    },
    "packets": captured,
}
