"""The recording: each operation once, with every clock, beside what Locust counts of it."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.event import Events
from locust.stats import StatsCSV

from tests.unit.load.fakes import Recorded
from zk_locust.clients.interface import LastReply
from zk_locust.contract.clock_names import CENSORED, CLIENT_DELAY, RESPONSE, SLIP
from zk_locust.contract.errors import ConnectionLossError, NoNodeError
from zk_locust.contract.histogram import HIGHEST_TRACKABLE_US, LatencyHistogram
from zk_locust.load import timer as timers
from zk_locust.load.recording import Key, Operation, Recording, recording_of
from zk_locust.load.timer import LocustTimer, TimerSettings
from zk_locust.load.times import Times

MS = 1_000_000
values = st.integers(0, 5000) | st.integers(0, HIGHEST_TRACKABLE_US + 1_000_000_000)


class Kept:
    """Takes everything that is recorded, in one interval."""

    def __init__(self, recording: Recording) -> None:
        self.interval_ends_ns = 1 << 63
        self.operations: dict[Key, LatencyHistogram] = {}
        self._recording = recording
        recording.add_taker(self)

    def turn_to(self, now_ns: int) -> None:
        raise AssertionError(now_ns)

    def take(self, key: Key, taken: LatencyHistogram) -> None:
        self.operations.setdefault(key, LatencyHistogram()).add(taken)

    def of(self, name: str = "op") -> LatencyHistogram:
        self._recording.harvest()
        return self.operations.get(("zookeeper", name), LatencyHistogram())


@pytest.fixture
def kept() -> Kept:
    return Kept(recording_of(Events()))


@pytest.fixture
def settings() -> tuple[TimerSettings, Kept]:
    events = Events()
    return TimerSettings(events), Kept(recording_of(events))


@given(st.lists(st.lists(values, max_size=60), min_size=1, max_size=3), st.lists(values, max_size=60))
def test_times_are_what_a_histogram_of_them_holds_however_often_they_are_counted(
    pieces: list[list[int]], second: list[int]
) -> None:
    times = Times()
    for given_pieces in (pieces, [second]):
        expected = LatencyHistogram()
        for piece in given_pieces:
            for value in piece:
                expected.record(value)
                times.add_ns(1000 * value)
            times.count()
        taken = times.take()
        assert (taken or LatencyHistogram()).to_message() == expected.to_message()
        assert (taken is None) == (not any(given_pieces))


@pytest.mark.parametrize("number", [1, 1000])
def test_times_are_rounded_to_microseconds_and_a_negative_one_is_none_at_all(number: int) -> None:
    times = Times()
    for time_ns in (2499, 2500, 3499, -2000, -501, -7) * number:
        times.add_ns(time_ns)
    taken = times.take()
    assert taken is not None
    assert taken.counts == {0: 3 * number, 2: number, 3: 2 * number}
    assert (taken.requests, taken.sum_us, taken.min_us, taken.max_us) == (6 * number, 8 * number, 0, 3)


def test_times_that_nobody_takes_are_counted_all_the_same() -> None:
    now_ns = 0
    recording = Recording([], clock_ns=lambda: now_ns)
    settings = TimerSettings(SimpleNamespace(zk_locust_recording=recording))
    for _ in range(50):
        now_ns += 100 * MS
        timer = LocustTimer("op", settings=settings)
        timer.restart(now_ns - MS)
        timer.success(ended_ns=now_ns)
    service = recording.operations["zookeeper", "op"]._service
    assert len(service._kept_ns) <= 10
    taken = service.take()
    assert taken is not None
    assert taken.counts == {1000: 50}


def test_each_clock_is_between_its_two_moments() -> None:
    operation = Operation()
    operation.succeed(due_ns=1 * MS, sent_ns=3 * MS, arrived_ns=7 * MS, handled_ns=12 * MS)
    taken = operation.take()
    assert taken is not None
    assert (taken.requests, taken.max_us) == (1, 4000)
    assert {name: clock.max_us for name, clock in taken.clocks.items()} == {
        RESPONSE: 6000, SLIP: 2000, CLIENT_DELAY: 5000,
    }  # fmt: skip
    operation.succeed(due_ns=0, sent_ns=3 * MS, arrived_ns=0, handled_ns=12 * MS)
    taken = operation.take()
    assert taken is not None
    assert (taken.requests, taken.max_us, taken.clocks) == (1, 9000, {}), "a closed loop has no due time"
    assert operation.take() is None


class Due:
    """An open loop: operations were due `late_ns` before they are asked for."""

    def __init__(self, late_ns: int) -> None:
        self.late_ns, self.taken = late_ns, 0

    def take(self) -> int:
        self.taken += 1
        return time.perf_counter_ns() - self.late_ns


def test_an_open_loop_counts_from_the_due_time(settings: tuple[TimerSettings, Kept]) -> None:
    kept, due = settings[1], Due(2000 * MS)
    open_loop = TimerSettings(settings[0].events, arrivals=due)
    with LocustTimer("op", settings=open_loop):
        pass
    found = kept.of()
    assert due.taken == 1
    assert found.max_us is not None
    assert found.max_us < 1_000_000
    assert all((found.clocks[name].min_us or 0) >= 2_000_000 for name in (RESPONSE, SLIP))


def test_what_follows_from_another_operation_is_due_when_it_is_sent(settings: tuple[TimerSettings, Kept]) -> None:
    kept, due = settings[1], Due(2000 * MS)
    with LocustTimer("op", settings=TimerSettings(settings[0].events, arrivals=due), paced=False):
        pass
    found = kept.of()
    assert due.taken == 0
    assert found.clocks[RESPONSE].max_us == found.max_us
    assert SLIP not in found.clocks


@pytest.mark.parametrize("known", [True, False])
def test_service_time_ends_where_the_reply_reached_the_machine(
    settings: tuple[TimerSettings, Kept], known: bool
) -> None:
    reply = LastReply()
    timed = TimerSettings(settings[0].events, last_reply=reply)
    with LocustTimer("op", settings=timed):
        reply.arrived_ns = time.perf_counter_ns() if known else 1  # 1: of another operation, long ago
        time.sleep(0.02)
    found = settings[1].of()
    assert found.max_us is not None
    assert (found.max_us < 20_000) == known
    assert (CLIENT_DELAY in found.clocks) == known
    if known:
        assert (found.clocks[CLIENT_DELAY].min_us or 0) >= 20_000


@pytest.mark.parametrize(
    ("changes", "error", "failures", "suppressed"),
    [
        ({}, NoNodeError("/a"), 1, 0),
        ({"exception_behavior": "try-suppress"}, NoNodeError("/a"), 0, 1),
        ({"ignore_connection_down": True}, ConnectionLossError(), 0, 1),
        ({"ignore_connection_down": True}, NoNodeError("/a"), 1, 0),
    ],
)
def test_no_setting_makes_a_failure_invisible(
    settings: tuple[TimerSettings, Kept], changes: dict[str, Any], error: Exception, failures: int, suppressed: int
) -> None:
    with LocustTimer("op", settings=TimerSettings(settings[0].events, **changes)):
        raise error
    found = settings[1].of()
    assert (found.requests, found.failures, found.suppressed) == (0, failures, suppressed)


@pytest.mark.parametrize("how", [gevent.GreenletExit, lambda: gevent.Timeout(1)])
def test_an_operation_that_is_cut_off_is_censored(
    settings: tuple[TimerSettings, Kept], how: Callable[[], BaseException]
) -> None:
    with pytest.raises((gevent.GreenletExit, gevent.Timeout)), LocustTimer("op", settings=settings[0]):  # noqa: PT012
        time.sleep(0.01)
        raise how()
    found = settings[1].of()
    assert (found.requests, found.failures, found.clocks[CENSORED].requests) == (0, 0, 1)
    assert (found.clocks[CENSORED].min_us or 0) >= 10_000


def test_a_mistake_in_a_locustfile_is_nothing(settings: tuple[TimerSettings, Kept]) -> None:
    with pytest.raises(ZeroDivisionError), LocustTimer("op", settings=settings[0]):
        raise ZeroDivisionError
    assert settings[1].of().to_message() == LatencyHistogram().to_message()
    assert not recording_of(settings[0].events).under_way()


@pytest.mark.parametrize("end", [None, NoNodeError("/a"), gevent.GreenletExit()])
def test_what_was_censored_is_not_counted_again_when_it_ends(
    settings: tuple[TimerSettings, Kept], end: BaseException | None
) -> None:
    recording, timer = recording_of(settings[0].events), LocustTimer("op", settings=settings[0])
    try:
        with timer:
            recording.censor_running()
            if end is not None:
                raise end
    except gevent.GreenletExit:
        pass
    found = settings[1].of()
    assert (found.requests, found.failures, found.clocks[CENSORED].requests) == (0, 0, 1)
    with timer:
        pass
    assert settings[1].of().requests == 1, "the next operation of this timer counts"


def test_in_an_open_loop_a_censored_operation_has_waited_since_it_was_due(settings: tuple[TimerSettings, Kept]) -> None:
    with LocustTimer("op", settings=TimerSettings(settings[0].events, arrivals=Due(3000 * MS))):
        recording_of(settings[0].events).censor_running()
    assert (settings[1].of().clocks[CENSORED].min_us or 0) >= 3_000_000


def test_only_failures_of_a_preparation_count(settings: tuple[TimerSettings, Kept]) -> None:
    timer = LocustTimer("op", settings=settings[0], failures_only=True)
    with timer:
        recording_of(settings[0].events).censor_running()
    assert settings[1].of().to_message() == LatencyHistogram().to_message()
    with timer:
        raise NoNodeError("/a")
    assert settings[1].of().failures == 1


def test_an_operation_that_ends_without_a_block_counts_too(settings: tuple[TimerSettings, Kept]) -> None:
    timer = LocustTimer("op", settings=settings[0])
    now = time.perf_counter_ns()
    timer.restart(now - 5 * MS)
    timer.success(ended_ns=now)
    assert settings[1].of().counts == {4998: 1} or settings[1].of().counts == {5000: 1}


def test_what_other_code_fires_is_recorded(settings: tuple[TimerSettings, Kept]) -> None:
    request = settings[0].events.request
    fixed = {"request_type": "zookeeper", "name": "op", "response_length": 0, "context": {}}
    request.fire(response_time=1.5, exception=None, **fixed)
    request.fire(response_time=9.0, exception=NoNodeError("/a"), **fixed)
    request.fire(response_time=None, exception=None, **fixed)
    found = settings[1].of()
    assert (found.counts, found.failures) == ({1500: 1}, 1)


def test_a_listener_of_the_users_gets_every_event_and_nothing_counts_twice(
    settings: tuple[TimerSettings, Kept],
) -> None:
    events, kept = settings[0].events, settings[1]
    seen: list[str] = []
    with LocustTimer("op", settings=settings[0]):
        pass
    listener = events.request.add_listener(lambda name, **_: seen.append(name))
    with LocustTimer("op", settings=settings[0]):
        pass
    with LocustTimer("op", settings=settings[0]):
        raise NoNodeError("/a")
    events.request.remove_listener(listener)
    with LocustTimer("op", settings=settings[0]):
        pass
    assert seen == ["op", "op"]
    assert (kept.of().requests, kept.of().failures) == (3, 1)


@pytest.fixture
def local() -> Iterator[tuple[Environment, TimerSettings]]:
    environment = Environment()
    runner = environment.create_local_runner()
    recording_of(environment.events).fill_statistics_of(environment, runner)
    yield environment, TimerSettings(environment.events)
    runner.quit()


def succeed(settings: TimerSettings, microseconds: int, length: int = 0) -> None:
    timer = LocustTimer("op", settings=settings)
    timer.restart(1_000_000_000)
    timer.success(length, ended_ns=1_000_000_000 + microseconds * 1000)


def test_locusts_event_is_fired_for_nobody_where_nobody_else_listens(
    local: tuple[Environment, TimerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, settings = local
    monkeypatch.setattr(timers.LocustTimer, "_tell_others", lambda *_: pytest.fail("fired"))
    with LocustTimer("op", settings=settings):
        pass
    assert environment.stats.total.num_requests == 1


def test_locusts_statistics_are_ours(local: tuple[Environment, TimerSettings]) -> None:
    environment, settings = local
    for value in (100, 200, 300, 4000):
        succeed(settings, value, length=8)
    with LocustTimer("op", settings=settings):
        raise NoNodeError("/a")
    for entry in (environment.stats.total, environment.stats.entries["op", "zookeeper"]):
        assert (entry.num_requests, entry.num_failures, entry.num_none_requests) == (5, 1, 1)
        assert (entry.min_response_time, entry.max_response_time, entry.avg_response_time) == (0.1, 4.0, 1.15)
        assert [entry.get_response_time_percentile(at) for at in (0.25, 0.5, 0.75, 1.0)] == [0.1, 0.2, 0.3, 4.0]
        assert entry.total_content_length == 32
        assert sum(entry.num_reqs_per_sec.values()) == 5
        assert entry.last_request_timestamp == pytest.approx(time.time(), abs=60)
    (error,) = environment.stats.errors.values()
    assert (error.name, error.occurrences) == ("op", 1)


def test_locusts_statistics_have_the_response_times_of_an_open_loop(local: tuple[Environment, TimerSettings]) -> None:
    environment, settings = local
    recording = recording_of(settings.events)

    def record(*times_ms: int) -> None:
        operation = recording.operation("zookeeper", "op", recording.clock_ns())
        operation.succeed(*(MS * time_ms for time_ms in times_ms))
        operation.content += 8

    record(1, 3, 7, 12)
    record(10, 2010, 2020, 2021)
    with LocustTimer("op", settings=settings):
        raise NoNodeError("/a")
    for entry in (environment.stats.total, environment.stats.entries["op", "zookeeper"]):
        assert (entry.num_requests, entry.num_failures, entry.num_none_requests) == (3, 1, 1)
        assert (entry.min_response_time, entry.max_response_time, entry.avg_response_time) == (6, 2010, 1008)
        assert [entry.get_response_time_percentile(at) for at in (0.5, 1.0)] == [pytest.approx(6, rel=1e-3), 2010]
        assert entry.total_content_length == 16
    # Each success counts, also where only some have a due time.
    record(100, 110, 120, 120)
    record(0, 115, 118, 118)
    assert environment.stats.total.num_requests == 5
    assert environment.stats.total.total_response_time == 2016 + 10 + 3


def test_locusts_csv_has_microseconds(local: tuple[Environment, TimerSettings]) -> None:
    environment, settings = local
    succeed(settings, 123)
    text = io.StringIO()
    StatsCSV(environment, [0.5, 0.999]).requests_csv(csv.writer(text))
    row = next(csv.DictReader(io.StringIO(text.getvalue())))
    assert (row["50%"], row["99.9%"]) == ("0.123", "0.123")


def test_what_was_recorded_before_locust_forgets_is_forgotten(local: tuple[Environment, TimerSettings]) -> None:
    environment, settings = local
    for forget in (environment.stats.clear_all, environment.stats.reset_all):
        succeed(settings, 100)
        forget()
        assert environment.stats.total.num_requests == 0
        succeed(settings, 100)
        assert environment.stats.total.num_requests == 1


def test_a_worker_reports_what_it_has_recorded_once(local: tuple[Environment, TimerSettings]) -> None:
    environment, settings = local
    succeed(settings, 100, length=8)
    (entry,) = environment.stats.serialize_stats()
    total = environment.stats.total.get_stripped_report()
    assert (entry["num_requests"], total["num_requests"]) == (1, 1)
    assert environment.stats.total.num_requests == 0
    succeed(settings, 100, length=1)
    assert (environment.stats.total.num_requests, environment.stats.total.total_content_length) == (1, 1)


def test_two_environments_with_the_same_events_count_the_same() -> None:
    events = Events()
    environments = [Environment(events=events) for _ in range(2)]
    runners = [environment.create_local_runner() for environment in environments]
    for ours in (1, 0):  # until its turn comes, Locust counts for the other one
        recording_of(events).fill_statistics_of(environments[ours], runners[ours])
        succeed(TimerSettings(events), 100)
    fixed: dict[str, Any] = {"response_length": 0, "exception": None, "context": {}}
    events.request.fire(request_type="x", name="y", response_time=2.0, **fixed)
    assert [environment.stats.total.num_requests for environment in environments] == [3, 3]
    for runner in runners:
        runner.quit()


def test_a_buckets_function_of_the_users_is_used(
    local: tuple[Environment, TimerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, settings = local
    monkeypatch.setattr("locust.stats.bucket_response_time", lambda _: 7)
    succeed(settings, 100)
    assert environment.stats.total.response_times == {7: 1}


def test_an_environment_that_is_not_started_by_us_gets_its_events() -> None:
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events):
        pass
    assert recorded.fired == [("op", None)]


def test_a_recording_lives_as_long_as_its_events() -> None:
    events = Events()
    assert recording_of(events) is recording_of(events)
    assert recording_of(Events()) is not recording_of(events)


def test_a_single_user_in_a_debugger_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded()
    monkeypatch.setattr(timers, "_latest", TimerSettings(recorded.events))
    user = SimpleNamespace(timer_settings=TimerSettings())
    greenlet = gevent.Greenlet(lambda _user: LocustTimer("op").success(), user)
    greenlet.start()
    greenlet.join()
    assert recorded.fired == [("op", None)]
