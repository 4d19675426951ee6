"""The turns of a task set without wait: quick, and fair all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any, ClassVar

import gevent
import pytest
from locust import User
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING

from tests.unit.load.fakes import Recorded, environment
from zk_locust.load.task_sets import OperationsTaskSet, ZKLocustTaskSequence, ZKLocustTaskSet
from zk_locust.load.users import ZKLocust


class Idle(User):
    def wait_time(self) -> float:
        return 0.0


def task_set_of(kind: Any, *tasks: Any) -> Any:
    user = Idle(Environment(user_classes=[Idle]))
    user._state = LOCUST_STATE_RUNNING
    made = type("Made", (kind,), {"tasks": list(tasks)})(user)
    made.slept = []

    def sleep(seconds: float) -> None:
        made.slept.append(seconds)
        gevent.sleep(seconds)

    made._sleep = sleep
    return made


@contextmanager
def turns_of_others() -> Iterator["count[int]"]:
    """Run another greenlet meanwhile; the next number of the counter is how often it has had a turn."""
    turns = count()

    def other() -> None:
        while True:
            next(turns)
            gevent.sleep(0)

    running = gevent.spawn(other)
    try:
        yield turns
    finally:
        running.kill()


@pytest.mark.parametrize("kind", [ZKLocustTaskSet, ZKLocustTaskSequence])
def test_a_task_that_asks_nobody_lets_others_run(kind: Any) -> None:
    turns = 0

    def fails_at_once(_: Any) -> None:
        nonlocal turns
        turns += 1
        if turns == 50:
            raise StopUser

    made = task_set_of(kind, fails_at_once)
    with turns_of_others() as others, pytest.raises(StopUser):
        made.run()
    assert len(made.slept) >= 48
    assert next(others) >= 48


def test_a_task_that_has_waited_for_a_reply_goes_on_at_once() -> None:
    turns = 0

    def asks(_: Any) -> None:
        nonlocal turns
        turns += 1
        if turns == 20:
            raise StopUser
        gevent.sleep(0.001)

    made = task_set_of(ZKLocustTaskSet, asks)
    with pytest.raises(StopUser):
        made.run()
    assert made.slept == []


def test_a_wait_is_kept_and_a_stopped_user_ends() -> None:
    made = task_set_of(ZKLocustTaskSet, lambda _: None)
    made.user.wait_time = lambda: 0.01
    made.wait()
    assert made.slept == [0.01]
    made.user._state = LOCUST_STATE_STOPPING
    with pytest.raises(StopUser):
        made.wait()
    assert made.slept == [0.01]


def test_a_user_that_is_stopped_while_it_waits_ends() -> None:
    made = task_set_of(ZKLocustTaskSet, lambda _: None)
    made.user.wait_time = lambda: 0.02
    stop = gevent.spawn_later(0.005, setattr, made.user, "_state", LOCUST_STATE_STOPPING)
    with pytest.raises(StopUser):
        made.wait()
    stop.get()


def test_tasks_of_all_kinds_are_run() -> None:
    ran: list[str] = []

    class Nested(ZKLocustTaskSet):
        def run_nested(self) -> None:
            ran.append("nested")
            self.interrupt(reschedule=False)  # type: ignore[no-untyped-call]

        tasks = [run_nested]  # noqa: RUF012

    class Operation:
        def task(self, task_set: Any) -> None:
            ran.append(type(task_set).__name__)

    made = task_set_of(ZKLocustTaskSet, lambda _: ran.append("function"))
    made.execute_task(Operation().task)
    made.execute_task(made.tasks[0])
    with pytest.raises(RescheduleTask):
        made.execute_task(Nested)
    assert ran == ["Made", "function", "nested"]


class Hurried(ZKLocust):
    tasks: ClassVar[Any] = []  # type: ignore[misc]


class Unhurried(Hurried):
    def wait_time(self) -> float:
        return 0.01


@pytest.mark.parametrize(
    ("user_class", "of_task_set", "options", "wait_s"),
    [
        (Hurried, {}, {}, 0.0),
        (Hurried, {}, {"min_wait": 10.0}, 0.01),
        (Hurried, {"wait_time": lambda _: 0.01}, {}, 0.01),
        (Hurried, {"min_wait": 10}, {}, 0.01),
        (Unhurried, {}, {}, 0.01),
    ],
)
def test_whoever_has_a_wait_is_asked(user_class: Any, of_task_set: Any, options: Any, wait_s: float) -> None:
    user = user_class(environment(Recorded(), **options))
    user._state = LOCUST_STATE_RUNNING
    made: Any = type("Made", (ZKLocustTaskSet,), of_task_set)(user)
    slept: list[float] = []
    made._sleep = slept.append
    for _ in range(3):
        made.wait()
        gevent.sleep(0.001)
    assert slept == [wait_s] * 3 if wait_s else slept == []


class Mix(OperationsTaskSet):
    """One operation, which is what the test says."""

    operation: ClassVar[Any]

    def operations(self, client: Any) -> list[tuple[Any, int]]:
        del client
        return [(SimpleNamespace(task=self.operation), 1)]


def mix_of(operation: Any, **options: Any) -> Any:
    user = Hurried(environment(Recorded(), **options))
    user._state = LOCUST_STATE_RUNNING
    made = type("Made", (Mix,), {"operation": staticmethod(operation)})(user)
    made.turns = 0
    execute = made.execute_task

    def count_turns(task: Any) -> None:
        made.turns += 1
        execute(task)

    made.execute_task = count_turns
    return made


def test_operations_that_have_waited_for_a_reply_follow_one_another_within_a_turn() -> None:
    done = 0

    def asks(task_set: Any) -> None:
        nonlocal done
        done += 1
        gevent.sleep(0.001)
        if done == 20:
            task_set.user._state = LOCUST_STATE_STOPPING

    made = mix_of(asks)
    with gevent.Timeout(60), pytest.raises(StopUser):
        made.run()
    assert (done, made.turns) == (20, 2), "the first turn finds out that there is no wait"


def test_with_a_wait_each_operation_has_a_turn() -> None:
    done = 0

    def asks(_: Any) -> None:
        nonlocal done
        done += 1
        gevent.sleep(0.001)
        if done == 5:
            raise StopUser

    made = mix_of(asks, min_wait=1.0)
    with pytest.raises(StopUser):
        made.run()
    assert made.turns == 5


def test_operations_that_fail_at_once_let_others_run() -> None:
    done = 0

    def fails_at_once(_: Any) -> None:
        nonlocal done
        done += 1
        if done == 50:
            raise StopUser

    with turns_of_others() as others, pytest.raises(StopUser):
        mix_of(fails_at_once).run()
    assert next(others) >= 24, "at each turn, which holds two operations at most"


@pytest.mark.parametrize("by_the_class", [True, False])
def test_a_task_of_the_users_own_has_its_share(by_the_class: bool) -> None:
    done: list[str] = []

    def operation(_: Any) -> None:
        done.append("operation")
        gevent.sleep(0.0005)

    def own(_: Any) -> None:
        done.append("own")
        gevent.sleep(0.0005)
        if len(done) > 100:
            raise StopUser

    made = mix_of(operation)
    made.tasks = [*made.tasks, own, own, own]
    if by_the_class:
        type(made).tasks = made.tasks
        del made.tasks
    with gevent.Timeout(60), pytest.raises(StopUser):
        made.run()
    assert 0.5 < done.count("own") / len(done) < 0.95


def test_a_task_that_an_operation_has_scheduled_comes_next() -> None:
    done: list[str] = []

    def scheduled(_: Any) -> None:
        raise StopUser

    def operation(task_set: Any) -> None:
        done.append("operation")
        gevent.sleep(0.0005)
        if len(done) == 10:
            task_set.schedule_task(scheduled)

    with gevent.Timeout(60), pytest.raises(StopUser):
        mix_of(operation).run()
    assert len(done) == 10
