"""The turns of a task set without wait: quick, and fair all the same."""

from typing import Any

import gevent
import pytest
from locust import User
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING

from zk_locust.task_sets import ZKLocustTaskSequence, ZKLocustTaskSet


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


@pytest.mark.parametrize("kind", [ZKLocustTaskSet, ZKLocustTaskSequence])
def test_a_task_that_asks_nobody_lets_others_run(kind: Any) -> None:
    turns = 0

    def fails_at_once(_: Any) -> None:
        nonlocal turns
        turns += 1
        if turns == 50:
            raise StopUser

    others = 0

    def other() -> None:
        nonlocal others
        while True:
            others += 1
            gevent.sleep(0)

    running = gevent.spawn(other)
    made = task_set_of(kind, fails_at_once)
    with pytest.raises(StopUser):
        made.run()
    running.kill()
    assert len(made.slept) >= 48
    assert others >= 48


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
