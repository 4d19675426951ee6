"""Trials of counts: what the server counted, what was due, and what the run says of both."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from benchmarks.truth.locust_run import Load, kill_one_worker, run, run_twice, run_with_late_worker
from benchmarks.truth.said import Said
from benchmarks.truth.scripted_server import GET
from benchmarks.truth.setting import DELAY_US, Setting, Trial
from benchmarks.truth.table import Row, at_least, at_most, exact, measured, not_valid, within
from zk_locust.contract.arrival import START_AHEAD_S
from zk_locust.contract.clock_names import SLIP
from zk_locust.contract.histogram import LatencyHistogram

_RATE_OF_WORKER: Final = 100
_LATE_S: Final = 5.0
_RATE_SHARE: Final = 0.001


def counted(setting: Setting, *, kills: bool) -> Iterator[Row]:
    """The server and the run count the same requests, also if a worker is killed.

    The last operation that a killed worker has begun may not have reached the server: nobody can know.
    """
    lots = random.Random(12 + kills)
    found: list[tuple[int, Said]] = []
    for number in range(setting.count_trials):
        name = f"count-{'killed' if kills else 'alive'}-{number}"
        with setting.server(name, delay_us=lots.randrange(5000)) as server:
            killer = kill_one_worker(server.port, lots.uniform(0.5, 1.8)) if kills else None
            load = Load(lots.randrange(4, 17), 3, wait_ms=lots.randrange(10))
            said = run(server.hosts, setting.folder / name, load, workers=2, report=False, meanwhile=killer)
        found.append((server.counts["received"].get(str(GET), 0), said))
        setting.record(name).unlink()
    if not found:
        return
    trial = f"{len(found)} runs, " + ("a worker killed in each" if kills else "no worker killed")
    received, accounted = sum(count for count, _ in found), sum(said.accounted for _, said in found)
    near = sum(0 <= said.accounted - count <= said.lost_workers for count, said in found)
    equal = sum(count == said.accounted for count, said in found)
    yield within(trial, "requests that the server counted", received, accounted, "", len(found) if kills else 0)
    if kills:
        yield exact(trial, "runs with at most 1 unknown request for each killed worker", len(found), near)
        yield measured(trial, "runs without any unknown request", equal, "")
    else:
        yield exact(trial, "runs that account for each request", len(found), equal)


def late(setting: Setting, *, workers: int) -> Iterator[Row]:
    """Workers in an open loop, one of which starts 5 s after the load: its operations are missed."""
    seconds, rate, name = max(10.0, setting.seconds), workers * _RATE_OF_WORKER, f"late-worker-of-{workers}"
    with setting.server(name, delay_us=DELAY_US) as server:
        load = Load(workers * 4, seconds, arrival_rate=rate)
        # The first interval may end before the first operation is due.
        late_s = _LATE_S + START_AHEAD_S
        said = run_with_late_worker(server.hosts, setting.folder / name, load, workers=workers, late_s=late_s)
    received = server.counts["received"].get(str(GET), 0)
    trial = f"{workers} workers, one {_LATE_S:g} s late, {rate:,}/s"
    share = seconds * _RATE_OF_WORKER
    sent = None if said.offered is None else said.offered - (said.missed or 0) - (said.dropped or 0)
    yield exact(trial, "offered", seconds * rate, said.offered, said.verdict_on("rate"))
    yield at_least(trial, "missed", min(_LATE_S, seconds) / seconds * share, said.missed, "", said.verdict_on("rate"))
    yield exact(trial, "offered - missed - dropped: requests that the server counted", received, sent)
    verdict = said.verdict_on("rate")
    yield within(trial, "rate", received / seconds, said.rate, "/s", _RATE_SHARE * received / seconds, verdict)
    for percent, limit in ((50.0, 50), (99.0, 300)):
        yield at_most(trial, f"slip p{percent:g}", limit, said.percentile_us(SLIP, percent), "µs")
    yield not_valid(trial, "rate", said.verdict_on("rate"))


def hidden(setting: Setting, *, option: str) -> Iterator[Row]:
    """The server is down for a quarter of the time, and an option hides what fails."""
    name = f"hidden-{option.partition('=')[0]}"
    flag, _, value = option.partition("=")
    users = 8
    with setting.server(name, delay_us=1000, down_s=setting.seconds / 4, down_from_s=setting.seconds / 3) as server:
        load = replace(Load(users, setting.seconds, wait_ms=9), options={flag: value or True})
        said = run(server.hosts, setting.folder / name, load)
    trial = f"server down {setting.seconds / 4:g} of {setting.seconds:g} s, --{option.replace('=', ' ')}"
    yield exact(trial, "failures that are shown", 0, said.failures, said.verdict)
    yield at_least(trial, "suppressed failures: one of each user", users, said.suppressed, "", said.verdict)
    yield not_valid(trial, "rate", said.verdict_on("rate"))


def twice(setting: Setting) -> Iterator[Row]:
    """Two tests in one Locust process are two runs."""
    with setting.server("twice", delay_us=1000) as server:
        tests = run_twice(server.hosts, setting.folder / "twice", Load(10, setting.seconds / 2, wait_ms=9))
    arrivals = np.sort(server.rows["arrival"])
    first = int(np.argmax(np.diff(arrivals))) + 1  # the requests before the longest pause
    for number, (test, received) in enumerate(zip(tests, (first, len(arrivals) - first), strict=True), start=1):
        trial = f"two tests in one process, number {number}"
        yield exact(trial, "requests that the server counted", received, test.accounted)
        yield measured(trial, "rate", test.rate, "/s")


def ranked(_: Setting) -> Iterator[Row]:
    """The rank of a percentile is rounded up."""
    histogram = LatencyHistogram()
    for value_us in [1000] * 1598 + [1_000_000] * 2:
        histogram.record(value_us)
    found = histogram.percentiles_us({"p": 99.9})["p"]
    yield within("1,598 times 1 ms and twice 1 s", "p99.9", 1_000_000, found, "µs", 1000)


COUNT_TRIALS: Final[dict[str, Trial]] = {
    "rank": ranked,
    "count-alive": partial(counted, kills=False),
    "count-killed": partial(counted, kills=True),
    "late-worker-of-2": partial(late, workers=2),
    "late-worker-of-8": partial(late, workers=8),
    "two-tests": twice,
    "hidden-connection": partial(hidden, option="ignore-connection-down"),
    "hidden-failures": partial(hidden, option="exception-behavior=try-suppress"),
}
