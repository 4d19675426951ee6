"""The collector passes over what exists when a load starts, and still collects what the load leaves behind."""

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from locust.env import Environment
from locust.event import Events
from locust.runners import STATE_INIT, LocalRunner, MasterRunner, WorkerRunner

from zk_locust.load import session
from zk_locust.load.garbage import set_program_aside
from zk_locust.load.time_slice import take_short_slices


class Ring:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_exists_is_passed_over_and_what_comes_later_is_collected() -> None:
    kept = Ring()
    set_program_aside()
    assert gc.get_freeze_count() > 0
    assert not any(each is kept for each in gc.get_objects())
    later = weakref.ref(Ring())
    gc.collect()
    assert later() is None


def test_garbage_of_one_test_is_collected_when_the_next_one_starts() -> None:
    ring = Ring()
    seen = weakref.ref(ring)
    set_program_aside()
    del ring
    gc.collect()
    assert seen() is not None, "it was set aside"
    set_program_aside()
    assert seen() is None


@pytest.mark.parametrize(("kind", "expected"), [(WorkerRunner, True), (LocalRunner, True), (MasterRunner, False)])
def test_processes_with_users_are_made_ready_before_the_first_stage(
    kind: type, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_start_collectors", "Refusals"):
        monkeypatch.setattr(session, name, Mock())
    monkeypatch.setattr(session, "in_locusts_command_line", lambda: True)
    options: Any = SimpleNamespace(hosts="zk1:2181", num_users=4, spawn_rate=1)
    environment = Environment(user_classes=[], events=Events(), parsed_options=options)
    given = {"target_user_count": 0, "worker_count": 0, "worker_state": STATE_INIT, "stats": Mock()}
    session.on_init(environment, Mock(spec=kind, server=SimpleNamespace(handshakes=None), **given))
    listeners = [each.__qualname__ for each in environment.events.test_start._handlers]
    stages = ("WorkerStages.on_test_start", "LoadPlan.on_test_start")
    for ours in (set_program_aside.__qualname__, take_short_slices.__qualname__):
        assert (ours in listeners) == expected
        if expected:
            assert listeners.index(ours) < min(listeners.index(each) for each in stages if each in listeners)
