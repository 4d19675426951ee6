"""What an operation can be given as `maybe_interrupt`: it ends the task set, or the user, after so much work."""

import time
from datetime import timedelta
from typing import Any

from locust import TaskSet
from locust.exception import StopUser

from zk_locust.load.operations.base import MaybeInterrupt


def interrupt(task_set: Any) -> None:
    """End the task set where it is another one's, which goes on; else the user."""
    if isinstance(task_set.parent, TaskSet):
        task_set.interrupt(reschedule=False)
    raise StopUser


def iterations(count: int) -> MaybeInterrupt:
    """Return what ends after `count` requests, all operations that are given it counted together."""
    left = count

    def count_down(task_set: Any) -> None:
        nonlocal left
        if left <= 0:
            interrupt(task_set)
        left -= 1

    return count_down


def duration(length: timedelta | float) -> MaybeInterrupt:
    """Return what ends after that time, which begins now; a bare number is seconds."""
    length_s = length.total_seconds() if isinstance(length, timedelta) else length
    ends_s = time.monotonic() + length_s

    def look_at_the_clock(task_set: Any) -> None:
        if time.monotonic() > ends_s:
            interrupt(task_set)

    return look_at_the_clock
