"""The delay of a process itself: beats that its hub takes late, also because it was stopped, and garbage collection."""

import gc
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import gevent
import psutil
import pytest

from locust_extra import own_delay
from locust_extra.own_delay import BEAT_NS, OwnDelay, measured_own_delay
from zk_locust.contract.histogram import LatencyHistogram

# Prints a line when it beats, and at the end of its input the report and how many beats were due.
_BEATING = """
import json, sys, time
import gevent
from gevent.os import tp_read
from locust_extra.own_delay import BEAT_NS, OwnDelay
delay = OwnDelay()
began_ns = time.perf_counter_ns()
gevent.sleep(0.05)
delay.report()
print("ready", flush=True)
while tp_read(0, 1):
    pass
gevent.sleep(0.05)
report = delay.report()
print(json.dumps({"lateness": report["lateness"], "due": (time.perf_counter_ns() - began_ns) // BEAT_NS}))
"""


class Clock:
    """The real clock, until it is set."""

    def __init__(self) -> None:
        self.stands_at_ns = 0
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.stands_at_ns or time.perf_counter_ns()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def delay(clock: Clock) -> Iterator[OwnDelay]:
    clock.stands_at_ns = time.perf_counter_ns()
    made = OwnDelay(clock)
    yield made
    made.close()


def lateness_of(delay: OwnDelay) -> LatencyHistogram:
    return LatencyHistogram.from_message(delay.report()["lateness"])


def next_beats(delay: OwnDelay) -> LatencyHistogram:
    """Wait until the hub takes beats, and return them."""
    with gevent.Timeout(60, AssertionError("no beat was taken")):
        while not (taken := lateness_of(delay)).requests:
            gevent.sleep(0.005)
    return taken


def test_each_beat_that_a_blocked_hub_has_missed_has_its_own_lateness(clock: Clock, delay: OwnDelay) -> None:
    clock.stands_at_ns += 10 * BEAT_NS + 1_000_000  # the tenth beat is 1 ms late, the first 46 ms
    lateness = next_beats(delay)
    assert (lateness.requests, lateness.min_us, lateness.max_us) == (10, 1_000, 46_000)
    assert lateness.sum_us == sum(range(1_000, 47_000, 5_000))
    assert lateness_of(delay).requests == 0, "what was reported is forgotten"


def test_a_beat_is_due_at_its_absolute_time(clock: Clock, delay: OwnDelay) -> None:
    late_us = []
    for _ in range(3):
        clock.stands_at_ns += BEAT_NS + 700_000
        late_us.append(next_beats(delay).max_us)
    assert late_us == [700, 1_400, 2_100], "the next beat does not count from the moment at which the last was taken"


def test_beats_of_a_free_hub_are_taken_every_5_ms(clock: Clock) -> None:
    delay = OwnDelay(clock)
    began_ns = time.perf_counter_ns()
    gevent.sleep(0.2)
    due_before = (time.perf_counter_ns() - began_ns) // BEAT_NS
    taken = 0
    with gevent.Timeout(60, AssertionError("beats were not taken")):
        while taken < due_before - 1:
            taken += next_beats(delay).requests
    due_after = (time.perf_counter_ns() - began_ns) // BEAT_NS
    delay.close()
    assert due_before - 1 <= taken <= due_after
    assert clock.asked < 3 * due_after + 50, "between two beats the hub is not called"


def test_a_stopped_process_has_been_late() -> None:
    child = subprocess.Popen([sys.executable, "-c", _BEATING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGSTOP)
        while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.001)
        stopped = time.perf_counter()
        time.sleep(0.3)
        stopped_s = time.perf_counter() - stopped
        child.send_signal(signal.SIGCONT)
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    said = json.loads(out)
    counts = {int(bucket): count for bucket, count in said["lateness"]["counts"].items()}
    assert said["lateness"]["max_us"] > 1e6 * stopped_s - 5_000
    # Evenly: a beat of each 5 ms that it stood still.
    late = sum(count for bucket, count in counts.items() if bucket > 100_000)
    assert late >= (stopped_s - 0.1) / 0.005 - 2
    assert said["lateness"]["requests"] <= said["due"]


def test_time_in_the_garbage_collector_is_measured() -> None:
    delay = OwnDelay()
    try:
        gc.collect()
        gc_ns = delay.report()["gc_ns"]
        assert gc_ns > 0
        gc.disable()
        assert delay.report()["gc_ns"] < gc_ns
    finally:
        gc.enable()
        delay.close()


def test_closing_leaves_nothing() -> None:
    before, callbacks = psutil.Process().num_fds(), list(gc.callbacks)
    watchers = gevent.get_hub().loop.activecnt
    delay = OwnDelay()
    delay.close()
    delay.close()
    assert psutil.Process().num_fds() == before
    assert gc.callbacks == callbacks
    assert gevent.get_hub().loop.activecnt == watchers


@pytest.mark.parametrize(
    "problem", [OSError(24, "Too many open files"), AttributeError("undefined symbol: timerfd_create")]
)
def test_a_process_that_cannot_measure_itself_says_so(
    problem: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise problem

    monkeypatch.setattr(own_delay, "TimerFd", refuse)
    callbacks = list(gc.callbacks)
    assert measured_own_delay() is None
    assert [record.getMessage() for record in caplog.records] == [
        f"This process does not measure its own delay: {problem}"
    ]
    assert gc.callbacks == callbacks


def test_a_long_wait_is_told_with_its_begin_and_length(clock: Clock, delay: OwnDelay) -> None:
    clock.stands_at_ns += 300_000_000
    late: list[list[int]] = []
    with gevent.Timeout(60, AssertionError("no beat was taken")):
        while not late:
            gevent.sleep(0.005)
            late = delay.report()["late"]
    assert late == [[300_000_000 - BEAT_NS, 300_000_000 - BEAT_NS]]
    clock.stands_at_ns += 49_000_000
    next_beats(delay)
    assert delay.report()["late"] == [], "a short wait is in the histogram only, and what was told is forgotten"


def test_a_wait_is_as_long_ago_as_the_report_is_later(clock: Clock, delay: OwnDelay) -> None:
    clock.stands_at_ns += 100_000_000
    with gevent.Timeout(60, AssertionError("no beat was taken")):
        while not delay._late:
            gevent.sleep(0.005)
    clock.stands_at_ns += 1_000_000
    assert delay.report()["late"] == [[101_000_000 - BEAT_NS, 100_000_000 - BEAT_NS]]
