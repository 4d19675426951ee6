"""The timer expires at absolute times of perf_counter_ns, and the hub watches it."""

import time
from collections.abc import Iterator

import gevent
import gevent.event
import pytest

from zk_locust.load.timerfd import TimerFd


@pytest.fixture
def timer() -> Iterator[TimerFd]:
    made = TimerFd()
    yield made
    made.close()


def test_timer_expires_once_and_never_early(timer: TimerFd) -> None:
    at_ns = time.perf_counter_ns() + 200_000_000  # not over before the first read, also on a busy machine
    woken: list[int] = []
    done = gevent.event.Event()

    def expired() -> None:
        woken.append(time.perf_counter_ns())
        assert timer.read() == 1
        done.set()

    timer.watch(expired)
    timer.set_at(at_ns)
    assert timer.read() == 0
    assert done.wait(5)
    gevent.sleep(0.02)
    assert len(woken) == 1
    assert woken[0] >= at_ns


def test_a_time_that_has_passed_expires_at_once(timer: TimerFd) -> None:
    for at_ns in (time.perf_counter_ns() - 1, 0, -5):
        done = gevent.event.Event()
        timer.watch(lambda done=done: (timer.read(), done.set()))  # type: ignore[misc]
        timer.set_at(at_ns)
        assert done.wait(5)


def test_a_new_time_replaces_the_old_one_and_disarm_takes_it_away(timer: TimerFd) -> None:
    timer.set_at(time.perf_counter_ns() - 1)
    timer.set_at(time.perf_counter_ns() + 60_000_000_000)
    assert timer.read() == 0
    timer.set_at(time.perf_counter_ns() + 1_000_000)
    timer.disarm()
    gevent.sleep(0.01)
    assert timer.read() == 0


def test_close_gives_the_descriptor_back_and_may_be_repeated(timer: TimerFd) -> None:
    timer.watch(lambda: None)
    timer.close()
    timer.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        timer.set_at(1)
