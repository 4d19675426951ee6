"""What ends a task set, or a user, after so much work."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from locust import TaskSet
from locust.exception import InterruptTaskSet, StopUser

from zk_locust.load.operations import duration, iterations
from zk_locust.load.task_sets import ZKLocustTaskSet


def task_set(parent: Any) -> TaskSet:
    return ZKLocustTaskSet(parent)


@pytest.fixture
def user() -> Any:
    return Mock(min_wait=None, max_wait=None, wait_function=None)


def test_after_so_many_requests_of_all_operations_the_user_ends(user: Any) -> None:
    limit = iterations(2)
    limit(task_set(user))
    limit(task_set(user))
    with pytest.raises(StopUser):
        limit(task_set(user))


def test_a_task_set_within_another_ends_and_the_other_goes_on(user: Any) -> None:
    outer = task_set(user)
    with pytest.raises(InterruptTaskSet) as ended:
        iterations(0)(task_set(outer))
    assert ended.value.reschedule is False


@pytest.mark.parametrize("length", [2, timedelta(seconds=2)])
def test_after_that_time_the_user_ends(length: Any, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("zk_locust.load.operations.limits.time.monotonic", lambda: now_s[0])
    limit = duration(length)
    now_s[0] += 1.9
    limit(task_set(user))
    now_s[0] += 0.2
    with pytest.raises(StopUser):
        limit(task_set(user))
