"""The slowest operations of an interval: exactly those, with what is known of each, and nothing where nobody asks."""

import time
from types import SimpleNamespace

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.event import Events

from zk_locust.clients.interface import LastReply
from zk_locust.contract.clock_names import CENSORED
from zk_locust.contract.errors import ConnectionLossError, NoNodeError
from zk_locust.contract.outcomes import FAILED, OK
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.recording import recording_of
from zk_locust.load.slowest import MOST, NOWHERE, Slowest, SlowOperation, most_of
from zk_locust.load.timer import LocustTimer, TimerSettings

MS = 1_000_000
HERE = (0x2000A, "zk2:2181"), 77


class Taker:
    def __init__(self, slowest: int = MOST) -> None:
        self.slowest = slowest
        self.taken: list[SlowOperation] = []

    def take_slowest(self, operations: list[SlowOperation]) -> None:
        self.taken += operations


def keep(slowest: Slowest, latency_us: int) -> None:
    if 1000 * latency_us > slowest.above_ns:
        slowest.keep("zookeeper", "get", (0, MS, 0, MS + 1000 * latency_us), OK)


@given(st.lists(st.lists(st.integers(0, 1000), max_size=80), min_size=1, max_size=4), st.integers(1, MOST))
def test_the_slowest_of_an_interval_are_kept_however_often_they_are_given(pieces: list[list[int]], most: int) -> None:
    slowest, taker = Slowest(), Taker(most)
    slowest.add_taker(taker)
    slowest.end_interval()
    for piece in pieces:
        for latency_us in piece:
            keep(slowest, latency_us)
        slowest.give()
    slowest.end_interval()
    every = [latency_us for piece in pieces for latency_us in piece]
    kept = sorted((one.latency_us for one in taker.taken), reverse=True)
    assert kept[:most] == sorted(every, reverse=True)[:most]
    assert len({one.number for one in taker.taken}) == len(kept), "none is given twice"
    taker.taken.clear()
    keep(slowest, 0)
    slowest.end_interval()
    assert [one.latency_us for one in taker.taken] == [0], "another interval has slowest operations of its own"


@pytest.mark.parametrize(("latency_ns", "kept"), [(10_499, False), (10_500, True)])
def test_only_what_is_slower_in_whole_microseconds_is_kept(latency_ns: int, kept: bool) -> None:
    slowest, taker = Slowest(), Taker(1)
    slowest.add_taker(taker)
    slowest.end_interval()
    for taken_ns in (10_000, latency_ns):
        if taken_ns > slowest.above_ns:
            slowest.keep("zookeeper", "get", (0, MS, 0, MS + taken_ns), OK)
    slowest.end_interval()
    assert [one.latency_us for one in taker.taken] == [11 if kept else 10]


def test_each_of_two_takers_with_different_intervals_gets_the_slowest_of_its_own() -> None:
    slowest, first, second = Slowest(), Taker(2), Taker(3)
    slowest.add_taker(first)
    slowest.add_taker(second)
    slowest.end_interval()
    for latency_us in (5, 9, 7, 1):
        keep(slowest, latency_us)
    slowest.end_interval()  # of the first
    first_of = sorted(one.latency_us for one in first.taken)[-2:]
    for latency_us in (3, 8, 2):
        keep(slowest, latency_us)
    slowest.end_interval()  # of both
    assert first_of == [7, 9]
    assert sorted(one.latency_us for one in second.taken)[-3:] == [7, 8, 9]
    for latency_us in (3, 8, 2):
        keep(slowest, latency_us)
    slowest.end_interval()
    assert sorted(one.latency_us for one in second.taken)[:3] == [2, 2, 3], "as many as the one that wants more"


@pytest.mark.parametrize(("interval_s", "most"), [(60.0, 20), (1.0, 20), (0.5, 20), (0.1, 4), (0.02, 1)])
def test_shorter_intervals_have_fewer_so_that_a_second_has_no_more_than_forty(interval_s: float, most: int) -> None:
    assert most_of(interval_s) == most


class Due:
    def __init__(self, late_ns: int) -> None:
        self._late_ns = late_ns

    def take(self) -> int:
        return time.perf_counter_ns() - self._late_ns


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
def events(taker: Taker) -> Events:
    made = Events()
    recording_of(made).slowest.add_taker(taker)
    recording_of(made).slowest.end_interval()
    return made


def only_of(events: Events, taker: Taker) -> SlowOperation:
    recording_of(events).slowest.give()
    (found,) = taker.taken
    return found


def test_a_success_is_kept_with_all_its_times_and_where_it_was_sent(events: Events, taker: Taker) -> None:
    reply = LastReply()
    settings = TimerSettings(events, last_reply=reply, arrivals=Due(50 * MS), origin=lambda: HERE)
    with LocustTimer("get", settings=settings):
        reply.arrived_ns = time.perf_counter_ns()
    found = only_of(events, taker)
    assert (found.request_type, found.name, found.outcome, found.origin) == ("zookeeper", "get", OK, HERE)
    assert found.due_ns < found.sent_ns <= found.arrived_ns <= found.handled_ns
    assert found.arrived_ns == reply.arrived_ns
    assert found.latency_us == (found.arrived_ns - found.due_ns + 500) // 1000 >= 50_000, "the response time"


def test_an_operation_that_was_sent_late_is_slow_however_quick_its_reply(events: Events, taker: Taker) -> None:
    for late_ms in (*[20] * MOST, 90):
        with LocustTimer("get", settings=TimerSettings(events, arrivals=Due(late_ms * MS))):
            pass
    recording_of(events).slowest.give()
    assert len(taker.taken) == MOST
    assert max(one.latency_us for one in taker.taken) >= 90_000


@pytest.mark.parametrize("error", [None, NoNodeError()])
def test_what_follows_from_another_operation_is_due_when_it_is_sent(
    events: Events, taker: Taker, error: NoNodeError | None
) -> None:
    with LocustTimer("unlock", settings=TimerSettings(events, arrivals=Due(0)), paced=False):
        if error is not None:
            raise error
    found = only_of(events, taker)
    assert found.due_ns == found.sent_ns


def test_in_a_closed_loop_the_service_time_counts(events: Events, taker: Taker) -> None:
    with LocustTimer("get", settings=TimerSettings(events)) as timer:
        timer.restart(time.perf_counter_ns() - 30 * MS)
    found = only_of(events, taker)
    assert (found.due_ns, found.arrived_ns, found.origin) == (0, 0, NOWHERE)
    assert found.latency_us == (found.handled_ns - found.sent_ns + 500) // 1000 >= 30_000


@pytest.mark.parametrize("behavior", ["log-failure", "try-suppress"])
def test_a_failed_operation_is_kept_with_its_own_xid_also_where_it_is_hidden(
    events: Events, taker: Taker, behavior: str
) -> None:
    settings = TimerSettings(events, behavior, arrivals=Due(20 * MS), origin=lambda: HERE)
    with LocustTimer("get", settings=settings):
        error = NoNodeError()
        error.xid = 5
        raise error
    found = only_of(events, taker)
    assert (found.outcome, found.origin) == (FAILED, (HERE[0], 5))
    assert (found.arrived_ns, found.latency_us) == (0, (found.handled_ns - found.due_ns + 500) // 1000)


def test_an_error_that_never_was_a_request_has_no_xid_of_an_earlier_reply(events: Events, taker: Taker) -> None:
    with LocustTimer("get", settings=TimerSettings(events, origin=lambda: HERE)):
        raise ConnectionLossError("no connection within 10 s")
    assert only_of(events, taker).origin == (HERE[0], 0)


def test_an_operation_that_is_cut_off_is_kept_once_as_censored(events: Events, taker: Taker) -> None:
    def operate() -> None:
        with LocustTimer("get", settings=TimerSettings(events, origin=lambda: HERE)):
            gevent.sleep(60)

    user = gevent.spawn(operate)
    gevent.sleep(0.025)  # a sleep may end a little early
    recording_of(events).censor_running()
    user.kill()
    found = only_of(events, taker)
    assert (found.outcome, found.origin) == (CENSORED, (HERE[0], 0))
    assert found.latency_us >= 20_000


def test_what_other_code_fires_is_kept_too(events: Events, taker: Taker) -> None:
    recording_of(events).on_request("http", "/page", 12.5)
    recording_of(events).on_request("http", "/page", None)
    found = only_of(events, taker)
    assert (found.request_type, found.name, found.latency_us, found.outcome) == ("http", "/page", 12_500, OK)


def test_nothing_is_asked_of_the_client_where_nobody_wants_the_slowest() -> None:
    def asked() -> None:
        raise AssertionError

    events = Events()
    settings = TimerSettings(events, origin=asked)  # type: ignore[arg-type]
    with LocustTimer("get", settings=settings):
        pass
    with LocustTimer("get", settings=settings):
        raise NoNodeError


def test_a_client_of_a_locustfile_that_knows_nothing_of_its_connection_is_no_problem() -> None:
    client = LocustClient.__new__(LocustClient)
    client._zk = SimpleNamespace()
    assert client.origin() == NOWHERE
    client._zk = SimpleNamespace(last_connection=HERE[0], last_xid=HERE[1])
    assert client.origin() == HERE
