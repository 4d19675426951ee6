"""The trials: each runs Locust against one script of the server, and returns its rows of the table."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.truth import packets
from benchmarks.truth.locust_run import PERCENTILES, Said, kill_one_worker, run
from benchmarks.truth.scripted_server import GET, Rows, ScriptedServer, answered, percentile, service_us
from benchmarks.truth.table import Row, latency

CLIENTS: Final = ("native", "libzookeeper", "kazoo")
OFFERED_PER_S: Final = 1000
_PACKET_SHARE: Final = 0.05
# The wait of a user between two gets, in the trials of several rates.
_WAIT_MS: Final = 5.0
_DELAY_US: Final = 5000


@dataclass(frozen=True)
class Setting:
    """How long and how often, and where the files go."""

    program: Path
    folder: Path
    seconds: float
    rates: tuple[int, ...]
    workers: tuple[int, ...]
    count_trials: int

    def record(self, name: str) -> Path:
        """Return the file of a server's own record."""
        return self.folder / f"{name}.record"


def _server(setting: Setting, name: str, **script: object) -> ScriptedServer:
    return ScriptedServer(setting.program, setting.record(name), precise=True, interest=GET, **script)


def _latencies(trial: str, said: Said, truth_us: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Iterator[Row]:
    for percent in PERCENTILES:
        truth = percentile(truth_us, percent)
        yield latency(trial, f"service time p{percent:g}", truth, said.percentiles_us.get(percent), said.verdict)


def open_loop_us(
    rows: Rows, stalls: list[tuple[int, int]], seconds: float, rate: float
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the response times that an open loop would have had, from what the server did, microseconds.

    Operations are due at a fixed rate for so many seconds, from the first request on. One that is due in a stall waits
    until its end, and then takes the median service time as all others do.
    """
    due = rows["arrival"].min() + np.arange(round(seconds * rate)) * (1e9 / rate)
    waits = np.zeros(len(due))
    for began, ended in stalls:
        waits += np.where((due > began) & (due < ended), ended - due, 0.0)
    return np.asarray(waits / 1000.0 + float(np.median(service_us(rows))))


def stalled(setting: Setting) -> Iterator[Row]:
    """The server stalls for a quarter of the time: an open loop's response times, and the figures of this run."""
    seconds = 4 * max(1.0, setting.seconds / 4)
    stall = seconds / 4
    with _server(setting, "stall", delay_us=1000, stall_s=stall, stall_from_s=seconds / 3) as server:
        said = run(server.hosts, setting.folder / "stall", users=10, wait_ms=9, seconds=seconds)
    trial = f"stall, {stall:g} of {seconds:g} s"
    for percent in (99.0, 99.9):
        truth = percentile(open_loop_us(server.rows, server.counts["stalls"], seconds, OFFERED_PER_S), percent)
        claim = f"response time p{percent:g} at {OFFERED_PER_S:,}/s"
        yield latency(trial, claim, truth, said.percentiles_us.get(percent), said.verdict, share=0.02)
    yield latency(trial, "longest service time", float(service_us(server.rows).max()), said.longest_us, said.verdict)


def constant(setting: Setting) -> Iterator[Row]:
    """Every get takes 5 ms, 8 users, by client. The first rows show how exact the server itself is."""
    for client in CLIENTS:
        with _server(setting, client, delay_us=_DELAY_US) as server:
            said = run(server.hosts, setting.folder / client, users=8, seconds=setting.seconds, client=client)
        rows = server.rows
        if client == CLIENTS[0]:
            trial = "the server itself" + ("" if server.precise else ", ordinary priority")
            for percent in PERCENTILES:
                yield latency(
                    trial, f"answer after 5 ms, p{percent:g}", _DELAY_US, percentile(service_us(rows), percent), ""
                )
        yield from _latencies(f"5 ms, 8 users, {client}", said, service_us(rows))


def rates(setting: Setting) -> Iterator[Row]:
    """Several rates, by one and by several workers: native's service time against the record."""
    for workers in setting.workers:
        for rate in setting.rates:
            name = f"rate-{rate}-{workers}"
            users = round(rate * (_DELAY_US / 1000 + _WAIT_MS) / 1000)
            with _server(setting, name, delay_us=_DELAY_US) as server:
                said = run(
                    server.hosts, setting.folder / name, users=users, seconds=setting.seconds, wait_ms=_WAIT_MS,
                    workers=workers,
                )  # fmt: skip
            many = "1 worker" if workers == 1 else f"{workers} workers"
            trial = f"{said.rate:,.0f}/s, {many}, CPU {said.worker_cpu_percent:.0f} %"
            yield from _latencies(trial, said, service_us(server.rows))


def frozen(setting: Setting) -> Iterator[Row]:
    """The server stops answering 2 s before the end: 20 users wait for their last reply."""
    seconds = max(4.0, setting.seconds / 2)
    script = {"delay_us": 1000, "stall_s": 3600, "stall_from_s": seconds - 2}
    with _server(setting, "frozen", **script) as server:
        said = run(server.hosts, setting.folder / "frozen", users=20, wait_ms=9, seconds=seconds)
    rows = server.rows
    waiting = rows[rows["sent"] == 0]
    end = rows["arrival"].min() + seconds * 1e9
    longest_us = float(end - waiting["arrival"].min()) / 1000 if len(waiting) else 0.0
    trial = "frozen for the last 2 s"
    yield Row(trial, "operations without a reply", len(waiting), said.unanswered, "", 0, said.verdict)
    yield latency(trial, "longest wait", longest_us, said.longest_us, said.verdict)


def counted(setting: Setting) -> Iterator[Row]:
    """The server and the run count the same requests, also if a worker is killed."""
    lots = random.Random(12)
    found: dict[bool, list[tuple[int, Said]]] = {False: [], True: []}
    for number in range(setting.count_trials):
        kills = bool(number % 2)
        name = f"count-{number}"
        script = {"delay_us": lots.randrange(5000)}
        with _server(setting, name, **script) as server:
            killer = kill_one_worker(server.port, lots.uniform(0.5, 1.8)) if kills else None
            said = run(
                server.hosts, setting.folder / name, users=lots.randrange(4, 17), seconds=3, workers=2, report=False,
                wait_ms=lots.randrange(10), meanwhile=killer,
            )  # fmt: skip
        found[kills].append((server.counts["received"].get(str(GET), 0), said))
        setting.record(name).unlink()
    for kills, trials in found.items():
        if not trials:
            continue
        trial = f"{len(trials)} runs, " + ("a worker killed in each" if kills else "no worker killed")
        exact = sum(count == said.accounted for count, said in trials)
        received, accounted = sum(count for count, _ in trials), sum(said.accounted for _, said in trials)
        yield Row(trial, "requests that the server counted", received, accounted, "", 0)
        yield Row(trial, "runs that account for each request", len(trials), exact, "", 0)


def captured(setting: Setting) -> Iterator[Row]:
    """The packets on loopback, against the client and against the server's record."""
    if not packets.can_capture():
        return
    with (
        _server(setting, "packets", delay_us=_DELAY_US) as server,
        packets.Capture(server.port, setting.folder / "packets.rows") as capture,
    ):
        said = run(server.hosts, setting.folder / "packets", users=8, seconds=setting.seconds)
    gets = answered(server.rows)
    between = packets.service_us(capture.packets, packets.keys(gets))
    trial = f"packets of {len(between):,} gets"
    yield Row(trial, "packets that the capture missed", 0, capture.dropped, "", 0)
    yield Row(trial, "gets of the record with both packets", len(gets), len(between), "", 0)
    for percent in (50.0, 99.0):
        recorded = percentile(service_us(gets), percent)
        yield latency(trial, f"server's record p{percent:g}", percentile(between, percent), recorded, "")
    for percent in (50.0, 99.0):
        truth = percentile(between, percent)
        said_us = said.percentiles_us.get(percent)
        yield Row(trial, f"service time p{percent:g}", truth, said_us, "µs", _PACKET_SHARE * truth, said.verdict)


TRIALS: Final = {
    "stall": stalled,
    "constant": constant,
    "rates": rates,
    "frozen": frozen,
    "count": counted,
    "packets": captured,
}
