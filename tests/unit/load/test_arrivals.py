"""Due operations reach free sessions; each is sent, dropped or queued, and counted once."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from gevent.pool import Group
from locust import User
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from tests.unit.native.fake_server import until
from zk_locust.contract.arrival import Arrival, ArrivalStage
from zk_locust.load.arrivals import Arrivals, arrivals_of, expect_open_loop
from zk_locust.load.lead import LONGEST_NS
from zk_locust.load.open_loop import ARRIVALS_FIELD, WorkerOpenLoop
from zk_locust.load.schedule import Schedule, Turns

MS = 1_000_000
LEAD_NS = 100 * MS
"""How long before its start a schedule is told: what comes due before that is late, also on a busy machine."""


@pytest.fixture
def made() -> Iterator[list[Arrivals]]:
    found: list[Arrivals] = []
    yield found
    for each in found:
        each.close()


def schedule(rate: float, measured_s: float | None = None, measured_ns: int = 0) -> Schedule:
    return Schedule(Arrival((ArrivalStage(rate, rate, None),)), measured_ns, measured_s)


def arrivals(made: list[Arrivals], queue: int = 100_000) -> Arrivals:
    one = Arrivals(queue)
    one.begin_stage("measured")
    made.append(one)
    return one


def session(source: Arrivals, taken: list[int], busy_s: float = 0.0) -> Any:
    def work() -> None:
        while True:
            taken.append(source.take())
            if busy_s:
                gevent.sleep(busy_s)

    return gevent.spawn(work)


def adds_up(source: Arrivals) -> bool:
    return all(one["offered"] == one["sent"] + one["dropped"] + one["queued"] for one in source.report())


def test_due_times_are_those_of_the_schedule_and_no_operation_is_sent_before_it_is_due(made: list[Arrivals]) -> None:
    source, taken, sent = arrivals(made), list[int](), list[int]()

    def work() -> None:
        while True:
            taken.append(source.take())
            sent.append(time.perf_counter_ns())

    sessions = [gevent.spawn(work) for _ in range(3)]
    gevent.sleep(0)
    start_ns = time.perf_counter_ns() + LEAD_NS
    source.start(Turns(schedule(1000, 0.1), 0, 1), start_ns)
    until(lambda: len(sent) == 100)
    gevent.killall(sessions)
    assert taken == [start_ns + i * MS for i in range(100)]
    assert all(at_ns >= due_ns for due_ns, at_ns in zip(taken, sent, strict=True))
    assert source.counts() == {
        "stage": "measured", "offered": 100, "sent": 100, "dropped": 0, "queued": 0, "late": 0, "ended": False,
    }  # fmt: skip


def test_the_timer_expires_earlier_than_operations_are_due_as_the_process_wakes_up_late(
    made: list[Arrivals], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, taken, expiries = arrivals(made), list[int](), list[int]()
    set_at = source._timer.set_at

    def noted(at_ns: int) -> None:
        expiries.append(at_ns)
        set_at(at_ns)

    monkeypatch.setattr(source._timer, "set_at", noted)
    one = session(source, taken)
    gevent.sleep(0)
    start_ns = time.perf_counter_ns() + LEAD_NS
    source.start(Turns(schedule(200, 0.2), 0, 1), start_ns)
    until(lambda: len(taken) == 40)
    one.kill()
    assert all((due_ns - start_ns) % (5 * MS) == 0 for due_ns in taken)
    assert any(0 < due_ns - expiry_ns <= LONGEST_NS for due_ns in taken for expiry_ns in expiries)


def test_whoever_occupies_the_process_waits_until_the_next_operation_has_been_offered(made: list[Arrivals]) -> None:
    source = arrivals(made)
    source.wait_for_gap(MS)  # nothing is due yet
    start_ns = time.perf_counter_ns() + 20 * MS
    source.start(Turns(schedule(0.01), 0, 1), start_ns)
    source.wait_for_gap(MS)
    assert source.counts()["offered"] == 0, "it is far enough away"
    source.wait_for_gap(1000 * MS)
    assert source.counts()["offered"] == 1
    assert time.perf_counter_ns() >= start_ns


def test_where_operations_come_due_too_often_nobody_waits_for_a_gap(made: list[Arrivals]) -> None:
    source = arrivals(made)
    source.start(Turns(schedule(1000), 0, 1), time.perf_counter_ns())
    with gevent.Timeout(10):
        source.wait_for_gap(1000 * MS)


def test_without_a_free_session_operations_queue_up_to_the_bound_and_the_rest_is_dropped(made: list[Arrivals]) -> None:
    source = arrivals(made, queue=10)
    start_ns = time.perf_counter_ns() + LEAD_NS
    source.start(Turns(schedule(1000, 0.05), 0, 1), start_ns)
    until(lambda: source.counts()["offered"] == 50)
    counts = source.counts()
    assert (counts["late"], counts["queued"]) == (0, 10)
    assert counts["dropped"] == counts["offered"] - 10
    taken: list[int] = []
    one = session(source, taken)
    until(lambda: len(taken) == 10)
    one.kill()
    assert taken == [start_ns + i * MS for i in range(10)], "first in, first out"
    assert adds_up(source)


def test_the_queue_is_dropped_under_the_stage_that_ends(made: list[Arrivals]) -> None:
    source = arrivals(made)
    source.start(Turns(schedule(1000, 0.02), 0, 1), time.perf_counter_ns())
    until(lambda: source.counts()["offered"] + source.counts()["late"] == 20)
    source.begin_stage("cool-down")
    measured, cool_down = source.report()[-2:]
    assert measured["ended"]
    assert (measured["dropped"], measured["queued"]) == (measured["offered"], 0)
    assert measured["offered"] + measured["late"] == 20
    assert cool_down["offered"] == 0


def test_a_boundary_holds_what_is_due_after_it_until_the_stage_has_changed(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()
    one = session(source, taken)
    gevent.sleep(0)
    start_ns = time.perf_counter_ns() + LEAD_NS
    source.start(Turns(schedule(1000, 0.02, 20 * MS), 0, 1), start_ns)
    source.hold_at(20 * MS)
    assert source.boundary_reached.wait(60)
    until(lambda: len(taken) == 20)
    gevent.sleep(0.01)
    assert len(taken) == 20
    source.begin_stage("after")
    until(lambda: len(taken) == 40)
    one.kill()
    assert [each["offered"] for each in source.report()[-2:]] == [20, 20]
    assert taken == [start_ns + i * MS for i in range(40)]


def test_what_was_due_before_a_worker_came_is_late_and_is_never_sent(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()
    one = session(source, taken)
    gevent.sleep(0)
    now_ns = time.perf_counter_ns()
    # It comes 100 ms late: 50 ms of the warm-up and 50 ms of the stage have passed.
    source.start(Turns(schedule(1000, 0.1, 50 * MS), 1, 2), now_ns - 100 * MS, 50 * MS)
    until(lambda: source.counts()["late"] + source.counts()["offered"] == 50)
    until(lambda: len(taken) == source.counts()["offered"])
    one.kill()
    counts = source.counts()
    assert counts["late"] + counts["offered"] == 50
    assert counts["late"] >= 25
    assert counts["sent"] == counts["offered"] == len(taken)
    assert min(taken) >= now_ns


def test_a_session_that_is_killed_while_it_waits_gets_nothing(made: list[Arrivals]) -> None:
    source, of_killed, of_other = arrivals(made), list[int](), list[int]()
    killed = [session(source, of_killed) for _ in range(3)]
    gevent.sleep(0)
    other = session(source, of_other)
    gevent.sleep(0)
    gevent.killall(killed)
    source.start(Turns(schedule(1000, 0.02), 0, 1), time.perf_counter_ns() + LEAD_NS)
    until(lambda: len(of_other) == 20)
    other.kill()
    assert (len(of_killed), len(of_other)) == (0, 20)
    assert adds_up(source)


def test_sessions_take_turns(made: list[Arrivals]) -> None:
    source = arrivals(made)
    taken: list[list[int]] = [[] for _ in range(4)]
    sessions = [session(source, each) for each in taken]
    gevent.sleep(0)
    source.start(Turns(schedule(2000, 0.02), 0, 1), time.perf_counter_ns() + LEAD_NS)
    until(lambda: sum(len(each) for each in taken) == 40)
    gevent.killall(sessions)
    assert [len(each) for each in taken] == [10] * 4


def test_a_session_that_fails_while_it_works_leaves_the_others_alone(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()

    def fails() -> None:
        source.take()
        raise OSError("planted")

    gevent.spawn(fails)
    gevent.sleep(0)
    one = session(source, taken)
    source.start(Turns(schedule(1000, 0.02), 0, 1), time.perf_counter_ns() + LEAD_NS)
    until(lambda: len(taken) == 19)
    one.kill()
    assert len(taken) == 19
    assert adds_up(source)


class Idle(User):
    pass


def test_a_user_that_waits_can_be_stopped_and_one_that_stops_does_not_wait(made: list[Arrivals]) -> None:
    source = arrivals(made)
    user = Idle(Environment(user_classes=[Idle]))
    user._state = LOCUST_STATE_RUNNING
    taken: list[int] = []
    group = Group()
    user.run = lambda: taken.append(source.take())  # type: ignore[method-assign, misc]
    waiting = user.start(group)
    gevent.sleep(0)
    assert user._state == LOCUST_STATE_WAITING
    source.start(Turns(schedule(1000, 0.001), 0, 1), time.perf_counter_ns() + LEAD_NS)
    waiting.join(5)
    assert user._state == LOCUST_STATE_RUNNING
    assert source.counts()["sent"] == 1
    user._state = LOCUST_STATE_STOPPING
    user.start(group).join(5)
    assert len(taken) == 2
    assert source.counts()["sent"] == 1, "what a user does as it stops is not of the schedule"


def test_a_user_whose_time_limit_ends_while_it_waits_is_paced_again(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()
    user, group = Idle(Environment(user_classes=[Idle])), Group()
    user._state = LOCUST_STATE_RUNNING

    def work() -> None:
        with gevent.Timeout(0.01, False):
            taken.append(source.take())
        taken.append(source.take())

    user.run = work  # type: ignore[method-assign, misc]
    working = user.start(group)
    gevent.sleep(0.05)
    assert taken == [], "nothing is due yet"
    start_ns = time.perf_counter_ns() + LEAD_NS  # not over before the start, also on a busy machine
    source.start(Turns(schedule(1000, 0.001), 0, 1), start_ns)
    working.join(5)
    assert taken == [start_ns]
    assert source.counts()["sent"] == 1


def test_what_a_user_does_after_it_was_killed_while_it_waited_is_due_now(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()
    user, group = Idle(Environment(user_classes=[Idle])), Group()
    user._state = LOCUST_STATE_RUNNING

    def work() -> None:
        try:
            source.take()
        except gevent.GreenletExit:
            taken.append(source.take())

    user.run = work  # type: ignore[method-assign, misc]
    user.start(group)
    gevent.sleep(0)
    with gevent.Timeout(60):
        user.stop()
    assert len(taken) == 1


def test_a_user_whose_reply_comes_just_before_its_kill_sends_nothing_more(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()
    user, group = Idle(Environment(user_classes=[Idle])), Group()
    user._state = LOCUST_STATE_RUNNING
    hub = gevent.get_hub()

    def work() -> None:
        taken.append(source.take())
        hub.switch()
        taken.append(source.take())

    user.run = work  # type: ignore[method-assign, misc]
    working = user.start(group)
    gevent.sleep(0)
    source.start(Turns(schedule(1000, 0.001), 0, 1), time.perf_counter_ns() + LEAD_NS)
    until(lambda: len(taken) == 1)
    gevent.sleep(0.01)
    assert len(taken) == 1

    def stop_and_reply() -> None:
        group.killone(working, block=False)  # in a later turn of the hub
        working.switch()

    hub.loop.run_callback(stop_and_reply)
    working.join(5)
    assert len(taken) == 1


def test_what_a_killed_user_does_is_not_taken_from_the_queue(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()
    user, group = Idle(Environment(user_classes=[Idle])), Group()
    user._state = LOCUST_STATE_RUNNING

    def work() -> None:
        try:
            source.take()
            gevent.sleep(5)
        except gevent.GreenletExit:
            taken.append(source.take())

    user.run = work  # type: ignore[method-assign, misc]
    user.start(group)
    gevent.sleep(0)
    source.start(Turns(schedule(1000, 0.003), 0, 1), time.perf_counter_ns() + LEAD_NS)
    until(lambda: source.counts()["queued"] == 2)
    gevent.sleep(0.01)
    assert source.counts()["queued"] == 2
    before_ns = time.perf_counter_ns()
    with gevent.Timeout(60):
        user.stop(force=True)
    assert taken[0] >= before_ns
    assert (source.counts()["sent"], source.counts()["queued"]) == (1, 2)


def test_an_operation_is_not_handed_to_a_user_that_is_about_to_be_killed(made: list[Arrivals]) -> None:
    source, taken = arrivals(made), list[int]()
    user, group = Idle(Environment(user_classes=[Idle])), Group()
    user.run = lambda: taken.append(source.take())  # type: ignore[method-assign, misc]
    user.start(group)
    user._state = LOCUST_STATE_RUNNING
    gevent.sleep(0)
    start_ns = time.perf_counter_ns() + 50 * MS
    source.start(Turns(schedule(1000, 0.002), 0, 1), start_ns)

    def stop_and_come_due() -> None:
        gevent.spawn(user.stop)
        gevent.sleep(0)
        assert len(group.dying) == 1
        while time.perf_counter_ns() < start_ns + 3 * MS:
            pass
        # The kill waits for the hub. Here the timer comes first, which it may.
        source._on_timer()

    gevent.spawn(stop_and_come_due).join(5)
    assert taken == []
    assert (source.counts()["sent"], source.counts()["queued"]) == (0, 2)


def test_a_stage_that_ends_early_counts_what_was_due_and_not_handed_out(made: list[Arrivals]) -> None:
    source = arrivals(made)
    start_ns = time.perf_counter_ns()
    source.start(Turns(schedule(1000), 0, 1), start_ns)
    while time.perf_counter_ns() < start_ns + 20 * MS:
        pass  # the hub has no turn: the timer is late
    source.begin_stage("cool-down")
    source.end()
    measured = source.report()[-2]
    assert measured["offered"] + measured["late"] >= 20
    assert adds_up(source)


@pytest.fixture
def worker() -> Iterator[WorkerOpenLoop]:
    runner = SimpleNamespace(register_message=lambda *_, **__: None, send_message=lambda *_, **__: None)
    environment = Environment(parsed_options=SimpleNamespace(arrival_rate=1000.0))
    expect_open_loop(environment)
    worker = WorkerOpenLoop(environment, runner, lambda: "measured", lambda *_: None)
    worker._clock.measure = lambda: None  # type: ignore[method-assign]
    worker.prepare()
    worker.begin_stage("measured")
    yield worker
    of_worker(worker).close()


def of_worker(worker: WorkerOpenLoop) -> Arrivals:
    found = arrivals_of(worker._environment)
    assert found is not None
    return found


def told_start(start_ns: int) -> Any:
    told = {"worker": 0, "workers": 1, "start_ns": start_ns, "measured_ns": 0, "measured_s": None}
    return SimpleNamespace(data=told)


def reported(worker: WorkerOpenLoop) -> Any:
    data: dict[str, Any] = {}
    worker.on_report_to_master(data)
    return data.get(ARRIVALS_FIELD)


def test_what_comes_due_while_the_users_of_a_late_worker_start_is_missed(worker: WorkerOpenLoop) -> None:
    worker._clock.here_ns = lambda master_ns: master_ns  # type: ignore[method-assign]
    source = of_worker(worker)
    start_ns = time.perf_counter_ns() - 50 * MS
    taken: list[int] = []
    waiting = gevent.spawn(worker._on_start, told_start(start_ns))
    gevent.sleep(0.1)
    assert not waiting.ready(), "no session is free yet"
    assert reported(worker) is None, "all of its share is missed until then"
    came_ns = time.perf_counter_ns()
    sessions = [session(source, taken)]
    gevent.sleep(0.1)
    gevent.killall(sessions)
    counts = source.counts()
    assert reported(worker)[-1]["offered"] >= counts["offered"]
    assert taken
    assert min(taken) >= came_ns
    assert counts["late"] >= 140


def test_the_share_of_a_worker_that_has_not_heard_the_masters_clock_is_missed(
    worker: WorkerOpenLoop, caplog: pytest.LogCaptureFixture
) -> None:
    worker._clock._measured.set()
    taken: list[int] = []
    one = session(of_worker(worker), taken)
    gevent.sleep(0)
    start_ns = time.perf_counter_ns()
    worker._on_start(told_start(start_ns))
    gevent.sleep(0.02)
    one.kill()
    assert taken == []
    assert reported(worker) is None, "the master takes the share of a worker that tells nothing for missed"
    assert "the master has not told it the time" in caplog.text
