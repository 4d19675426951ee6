"""kazoo's gevent handler with a cheaper select: the same answers as the system's own."""

import socket
import time
from collections.abc import Iterator

import gevent
import pytest
from kazoo.exceptions import NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.handlers.utils import selector_select

from tests.unit.load.fakes import Recorded
from zk_locust.clients.kazoo.handlers import HANDLERS, FastSelectGeventHandler
from zk_locust.load.timer import LocustTimer

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def handler() -> Iterator[FastSelectGeventHandler]:
    handler = FastSelectGeventHandler()
    yield handler
    handler._forget_watchers()


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_what_is_ready_is_returned_without_waiting(handler: FastSelectGeventHandler, pair: Pair) -> None:
    ours, theirs = pair
    assert handler.select([ours], [ours], []) == ([], [ours], [])
    theirs.send(b"x")
    assert handler.select([ours], [], []) == ([ours], [], [])
    assert handler.select([ours, theirs], [theirs], [], 0) == ([ours], [theirs], [])


def test_nothing_is_ready_when_the_time_is_over(handler: FastSelectGeventHandler, pair: Pair) -> None:
    assert handler.select([pair[0]], [], [], 0) == ([], [], [])
    began = time.monotonic()
    assert handler.select([pair[0]], [], [], 0.05) == ([], [], [])
    assert time.monotonic() - began > 0.04


def test_the_time_begins_with_the_wait_not_with_the_loops_last_turn(
    handler: FastSelectGeventHandler, pair: Pair
) -> None:
    gevent.sleep(0.001)
    time.sleep(0.1)  # a user who does not yield: the loop's own clock stands still
    began = time.monotonic()
    assert handler.select([pair[0]], [], [], 0.05) == ([], [], [])
    assert time.monotonic() - began > 0.04


def test_it_waits_until_something_can_be_read_while_others_go_on(handler: FastSelectGeventHandler, pair: Pair) -> None:
    ours, theirs = pair
    for _ in range(3):
        writer = gevent.spawn_later(0.02, theirs.send, b"x")
        assert handler.select([ours], [], [], 5) == ([ours], [], [])
        assert writer.dead
        ours.recv(1)


def test_the_other_sides_end_can_be_read(handler: FastSelectGeventHandler, pair: Pair) -> None:
    pair[1].close()
    assert handler.select([pair[0]], [], [], 5) == ([pair[0]], [], [])


def test_a_descriptor_that_comes_back_as_another_socket_has_a_watcher_of_its_own(
    handler: FastSelectGeventHandler,
) -> None:
    for _ in range(10):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            gevent.spawn_later(0.002, theirs.send, b"x")
            assert handler.select([ours], [], [], 5) == ([ours], [], [])


def test_what_is_closed_is_the_same_error_as_with_kazoos_own(handler: FastSelectGeventHandler, pair: Pair) -> None:
    closed, other = pair
    number = other.dup().detach()
    socket.close(number)
    closed.close()
    for select in (handler.select, selector_select):
        with pytest.raises(TypeError, match="Invalid file descriptor"):
            select([closed], [], [], 1)
        with pytest.raises(ValueError, match="Invalid event mask or fd"):
            select([number], [], [], 1)


@pytest.mark.parametrize("name", HANDLERS)
def test_a_time_limit_of_kazoos_own_is_a_failure_not_the_users_end(name: str) -> None:
    recorded = Recorded()
    handler = HANDLERS[name]()
    with LocustTimer("op", events=recorded.events):
        handler.async_result().get(timeout=0.02)
    assert recorded.kinds == [("op", "KazooTimeoutError")]
    with pytest.raises(KazooTimeoutError):
        handler.async_result().get_nowait()
    with pytest.raises(KazooTimeoutError):
        raise handler.timeout_exception("late")


@pytest.mark.parametrize("name", ["gevent", "gevent-fast"])
def test_a_result_is_there_in_time_and_other_time_limits_are_as_they_were(name: str) -> None:
    handler = HANDLERS[name]()
    result, refused = handler.async_result(), handler.async_result()
    gevent.spawn_later(0.01, result.set, None)
    gevent.spawn_later(0.01, refused.set_exception, NoNodeError())
    assert result.get(timeout=60) is None
    assert result.get_nowait() is None
    with pytest.raises(NoNodeError):
        refused.get()
    with pytest.raises(NoNodeError):
        refused.get(timeout=60)
    for arguments in ({}, {"timeout": 5}):
        with gevent.Timeout(0.01) as outer, pytest.raises(gevent.Timeout) as raised:
            handler.async_result().get(**arguments)
        assert raised.value is outer
