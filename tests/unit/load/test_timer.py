"""The timer: what is counted as what, for everything that can leave its block."""

import gc
import time
from collections.abc import Callable

import gevent
import pytest
from gevent import GreenletExit
from gevent.event import Event
from locust.exception import InterruptTaskSet, RescheduleTask, StopUser

from tests.unit.load.fakes import Recorded
from zk_locust.contract.errors import (
    AuthFailedError,
    ClientError,
    ConnectError,
    ConnectionLossError,
    NoNodeError,
    OperationTimeoutError,
    ProtocolError,
    SessionExpiredError,
    server_error,
)
from zk_locust.load.recording import recording_of
from zk_locust.load.timer import REQUEST_TYPE, LocustTimer, TimerSettings

CLIENT_ERRORS = [
    ConnectError, ConnectionLossError, OperationTimeoutError, SessionExpiredError, AuthFailedError, ProtocolError,
    NoNodeError,
]  # fmt: skip
CONNECTION_ERRORS = {ConnectionLossError, OperationTimeoutError, SessionExpiredError}
# What is no statement about the ensemble: a user being stopped, Locust's own signals, a time limit of the caller's,
# a mistake in a locustfile.
OTHERS: list[Callable[[], BaseException]] = [
    GreenletExit, lambda: gevent.Timeout(1), StopUser, RescheduleTask, InterruptTaskSet, KeyboardInterrupt, SystemExit,
    lambda: ZeroDivisionError("mistake"), lambda: KeyError("mistake"), lambda: OSError("mistake"),
]  # fmt: skip
BEHAVIORS = ["log-failure", "try-suppress", "propagate"]


def run(
    recorded: Recorded, problem: BaseException | None, behavior: str, *, ignore_connection_down: bool = False
) -> BaseException | None:
    """Run a block that ends with `problem`; return what comes out of it."""
    timer = LocustTimer(
        "op", events=recorded.events, exception_behavior=behavior, ignore_connection_down=ignore_connection_down
    )
    try:
        with timer:
            if problem is not None:
                raise problem
    except BaseException as error:
        return error
    return None


@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_a_block_that_ends_well_is_one_success(behavior: str) -> None:
    recorded = Recorded()
    assert run(recorded, None, behavior) is None
    assert recorded.fired == [("op", None)]


@pytest.mark.parametrize("error", CLIENT_ERRORS)
@pytest.mark.parametrize("ignore_connection_down", [False, True])
@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_a_client_error_is_what_the_behavior_says(
    error: type[ClientError], behavior: str, ignore_connection_down: bool
) -> None:
    recorded, problem = Recorded(), error("why")
    came_out = run(recorded, problem, behavior, ignore_connection_down=ignore_connection_down)
    counted = behavior != "try-suppress" and not (ignore_connection_down and error in CONNECTION_ERRORS)
    assert recorded.fired == ([("op", problem)] if counted else [])
    assert came_out is (problem if behavior == "propagate" else None)


@pytest.mark.parametrize("make", OTHERS)
@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_anything_else_is_passed_on_and_counted_as_nothing(make: Callable[[], BaseException], behavior: str) -> None:
    recorded, problem = Recorded(), make()
    assert run(recorded, problem, behavior) is problem
    assert recorded.fired == []


def test_a_user_that_is_killed_in_the_middle_of_an_operation_is_counted_as_nothing() -> None:
    recorded = Recorded()

    def user() -> None:
        with LocustTimer("op", events=recorded.events):
            gevent.sleep(60)

    greenlet = gevent.spawn(user)
    gevent.sleep(0)
    greenlet.kill(timeout=60)
    assert greenlet.dead
    assert recorded.fired == []


def test_a_time_limit_of_the_callers_is_counted_as_nothing() -> None:
    recorded = Recorded()
    with gevent.Timeout(0.01, False), LocustTimer("op", events=recorded.events):
        gevent.sleep(5)
    assert recorded.fired == []


def test_the_time_is_that_of_the_block_in_milliseconds() -> None:
    recorded = Recorded()
    before = time.perf_counter()
    with LocustTimer("op", events=recorded.events):
        time.sleep(0.03)
    assert 30 <= recorded.times_ms[0] <= (time.perf_counter() - before) * 1000


def test_a_success_may_end_before_the_block_and_is_counted_once() -> None:
    recorded = Recorded()
    before = time.perf_counter()
    with LocustTimer("op", events=recorded.events) as timer:
        timer.success(17)
        until_success_ms = (time.perf_counter() - before) * 1000
        time.sleep(0.03)
    assert recorded.fired == [("op", None)]
    assert recorded.lengths == [17]
    assert recorded.times_ms[0] <= until_success_ms


@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_an_error_after_the_report_is_not_reported_again_and_does_not_vanish(behavior: str) -> None:
    recorded, late = Recorded(), ConnectionLossError("late")

    def fail() -> None:
        with LocustTimer("op", events=recorded.events, exception_behavior=behavior) as timer:
            timer.success()
            raise late

    if behavior == "try-suppress":
        fail()
    else:
        with pytest.raises(ConnectionLossError, match="late"):
            fail()
    assert recorded.fired == [("op", None)]


def test_only_the_error_that_was_reported_as_a_failure_ends_with_the_block() -> None:
    recorded, told = Recorded(), NoNodeError("told")

    def fail(error: Exception) -> None:
        with LocustTimer("op", events=recorded.events) as timer:
            timer.failure(told)
            raise error

    fail(told)
    with pytest.raises(ConnectionLossError):
        fail(ConnectionLossError())
    assert recorded.fired == [("op", told), ("op", told)]


def test_an_error_after_a_discard_is_what_the_behavior_says() -> None:
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events) as timer:
        timer.discard()
        raise NoNodeError
    assert recorded.fired == []


@pytest.mark.parametrize(
    ("places", "names", "counted"),
    [
        (("get",), {}, ("zookeeper", "get")),
        (("get", "x"), {}, ("get", "x")),
        (("get", ""), {}, ("get", "")),
        (("get",), {"name": "x"}, ("get", "x")),
        ((), {"request_type": "get", "name": "x"}, ("get", "x")),
        ((), {"request_type": "get"}, ("get", "")),
        ((), {"name": "x"}, ("zookeeper", "x")),
        (("x",), {"request_type": "get"}, ("get", "x")),
    ],
)
def test_type_and_name_are_given_by_place_or_by_name(
    places: tuple[str, ...], names: dict[str, str], counted: tuple[str, str]
) -> None:
    timer = LocustTimer(*places, **names)  # type: ignore[arg-type]
    assert (timer.request_type, timer.name) == counted


def test_a_failure_may_be_said_with_words() -> None:
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events) as timer:
        timer.failure("wrong value")
    ((name, error),) = recorded.fired
    assert name == "op"
    assert isinstance(error, ClientError)
    assert str(error) == "wrong value"


def counted(recorded: Recorded) -> tuple[int, int]:
    """Return the numbers of successes and failures."""
    operation = recording_of(recorded.events).operations.get((REQUEST_TYPE, "op"))
    taken = operation.take() if operation is not None else None
    return (taken.requests, taken.failures) if taken is not None else (0, 0)


def again(timer: LocustTimer, last: str) -> None:
    if last == "success":
        timer.success()
    elif last == "failure":
        timer.failure("second")
    else:
        timer.discard()


@pytest.mark.parametrize("last", ["success", "failure", "discard"])
def test_only_the_first_report_of_a_block_counts(last: str) -> None:
    succeeded, failed, discarded = Recorded(), Recorded(), Recorded()
    with LocustTimer("op", events=succeeded.events) as timer:
        timer.success()
        again(timer, last)
    with LocustTimer("op", events=failed.events) as timer:
        timer.failure("first")
        again(timer, last)
    with LocustTimer("op", events=discarded.events) as timer:
        timer.discard()
        again(timer, last)
    assert succeeded.fired == [("op", None)]
    assert [(name, str(error)) for name, error in failed.fired] == [("op", "first")]
    assert discarded.fired == []
    for recorded, expected in (succeeded, (1, 0)), (failed, (0, 1)), (discarded, (0, 0)):
        assert counted(recorded) == expected


def test_a_block_that_fails_after_it_was_reported_as_a_success_is_one_success() -> None:
    recorded, told = Recorded(), NoNodeError("told")

    def fail() -> None:
        with LocustTimer("op", events=recorded.events) as timer:
            timer.success()
            timer.failure(told)
            raise told

    with pytest.raises(NoNodeError):
        fail()
    assert counted(recorded) == (1, 0)
    assert recorded.fired == [("op", None)]


def test_a_block_may_be_discarded() -> None:
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events) as timer:
        timer.discard()
    assert recorded.fired == []


def test_a_timer_may_be_used_again() -> None:
    recorded = Recorded()
    timer = LocustTimer("op", events=recorded.events)
    with timer:
        timer.discard()
    with timer:
        raise NoNodeError
    with timer:
        pass
    assert recorded.kinds == [("op", "NoNodeError"), ("op", None)]


def test_the_request_type_is_the_same_for_all() -> None:
    recorded, types = Recorded(), []
    recorded.events.request.add_listener(lambda request_type, **_: types.append(request_type))
    with LocustTimer("op", events=recorded.events):
        pass
    assert types == [REQUEST_TYPE] == ["zookeeper"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(-4, ConnectionLossError), (-7, OperationTimeoutError), (-112, SessionExpiredError), (-115, AuthFailedError),
     (-101, NoNodeError)],
)  # fmt: skip
def test_zookeepers_codes_become_our_errors(code: int, kind: type[ClientError]) -> None:
    assert type(server_error(code)) is kind


def test_an_unknown_code_is_kept() -> None:
    error = server_error(-999)
    assert error.error_code == -999
    assert "-999" in str(error)


class Waits:
    """An open loop in which nothing comes due until `due` is called."""

    def __init__(self) -> None:
        self._event = Event()

    def take(self) -> int:
        self._event.wait()
        return time.perf_counter_ns()

    def due(self) -> None:
        self._event.set()


def test_a_greenlet_that_waits_for_its_turn_changes_nothing_of_another_ones_operation() -> None:
    recorded, arrivals = Recorded(), Waits()
    recording = recording_of(recorded.events)
    arrivals.due()
    timer = LocustTimer("op", settings=TimerSettings(recorded.events, arrivals=arrivals))
    with timer:
        arrivals._event.clear()
        waiting = gevent.spawn(timer.__enter__)
        gevent.sleep(0)
        assert set(recording.under_way()) == {timer}
    assert not recording.under_way()
    waiting.kill()
    assert counted(recorded) == (1, 0)
    assert recording.sent[0] == 1


def test_of_two_greenlets_with_one_timer_the_first_that_ends_is_counted() -> None:
    recorded = Recorded()
    timer = LocustTimer("op", events=recorded.events)
    with timer:
        timer.__enter__()
    timer.__exit__(None, None, None)
    assert counted(recorded) == (1, 0)
    assert not recording_of(recorded.events).under_way()


def test_timers_may_be_nested() -> None:
    recorded = Recorded()
    recording = recording_of(recorded.events)
    outer, inner = (LocustTimer("op", events=recorded.events) for _ in range(2))
    with outer:
        with inner:
            assert set(recording.under_way()) == {outer, inner}
            outer.restart()
        assert set(recording.under_way()) == {outer}
    assert counted(recorded) == (2, 0)


def test_a_success_after_a_mistake_in_the_block_is_counted_once() -> None:
    recorded = Recorded()
    timer = LocustTimer("op", events=recorded.events)
    with pytest.raises(ZeroDivisionError), timer:
        raise ZeroDivisionError
    timer.success()
    timer.success()
    assert counted(recorded) == (1, 0)


@pytest.mark.parametrize("end", ["success", "failure", "discard"])
def test_what_was_censored_is_not_counted_again_but_told_to_others(end: str) -> None:
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events) as timer:
        recording_of(recorded.events).censor_running()
        again(timer, end)
        again(timer, "success")
    operation = recording_of(recorded.events).operations[REQUEST_TYPE, "op"]
    taken = operation.take()
    assert taken is not None
    assert (taken.requests, taken.failures, taken.clocks["censored"].requests) == (0, 0, 1)
    assert len(recorded.fired) == (end != "discard")


@pytest.mark.parametrize("uses", [0, 1, 2])
def test_a_greenlet_that_is_killed_leaves_nothing_under_way_and_its_timer_goes_on(uses: int) -> None:
    recorded = Recorded()
    recording = recording_of(recorded.events)
    timer = LocustTimer("op", events=recorded.events)
    for _ in range(uses):
        with timer:
            pass

    def user() -> None:
        with timer:
            gevent.sleep(60)

    greenlet = gevent.spawn(user)
    gevent.sleep(0)
    assert set(recording.under_way()) == {timer}
    greenlet.kill(timeout=60)
    assert not recording.under_way()
    with timer:
        pass
    assert counted(recorded) == (uses + 1, 0)


@pytest.mark.parametrize("uses", [0, 1, 2])
def test_a_timer_is_under_way_from_start_to_report_and_is_censored_once(uses: int) -> None:
    recorded = Recorded()
    recording = recording_of(recorded.events)
    timer = LocustTimer("op", events=recorded.events)
    for _ in range(uses):
        with timer:
            assert recording.under_way() == [timer]
        assert not recording.under_way()
    for _ in range(2):
        with timer:
            recording.censor_running()
            assert not recording.under_way()
            recording.censor_running()
    taken = recording.operations[REQUEST_TYPE, "op"].take()
    assert taken is not None
    assert (taken.requests, taken.clocks["censored"].requests) == (uses, 2)


def test_a_timer_that_is_begun_again_before_it_has_ended_is_under_way_once() -> None:
    recorded = Recorded()
    recording = recording_of(recorded.events)
    timer = LocustTimer("op", events=recorded.events)
    for _ in range(3):
        timer.__enter__()
        assert recording.under_way() == [timer]
    timer.success()
    assert not recording.under_way()
    assert (counted(recorded), recording.sent[0]) == ((1, 0), 3)


def test_a_recording_keeps_no_timer_that_nobody_else_has() -> None:
    recorded = Recorded()
    recording = recording_of(recorded.events)
    timer = LocustTimer("op", events=recorded.events)
    for _ in range(3):
        with timer:
            pass
    assert len(recording.kept) == 1
    del timer
    gc.collect()
    assert not recording.kept


def test_a_timer_with_another_name_counts_under_it() -> None:
    recorded = Recorded()
    timer = LocustTimer("op", events=recorded.events)
    for name in ("op", "other"):
        timer.name = name
        with timer:
            pass
    timer.request_type = "type"
    with timer:
        pass
    assert (timer.request_type, timer.name) == ("type", "other")
    operations = recording_of(recorded.events).operations
    assert list(operations) == [(REQUEST_TYPE, "op"), (REQUEST_TYPE, "other"), ("type", "other")]
    assert all((taken := operation.take()) and taken.requests == 1 for operation in operations.values())
