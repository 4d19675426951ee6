"""The open loop of one process: which loads have one, and a local load from its start to its end."""

import itertools
import time
from typing import Any

import gevent
import pytest

from tests.unit.load.fakes import Recorded, environment
from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP
from zk_locust.load.arrivals import arrivals_for_user, arrivals_of, expect_open_loop, open_loop
from zk_locust.load.open_loop import LeadingOpenLoop

NOT_A_RUNNER: Any = None


def test_a_user_has_no_open_loop_where_nothing_starts_it() -> None:
    load = environment(Recorded())
    assert arrivals_for_user(load, 10) is None, "a program that runs one user in a debugger"
    expect_open_loop(load)
    assert arrivals_for_user(load, None) is None
    assert arrivals_for_user(load, 10) is not None


def test_each_load_of_a_process_has_arrivals_of_its_own() -> None:
    load = environment(Recorded())
    expect_open_loop(load)
    of_early_user = arrivals_for_user(load, 10)
    first = open_loop(load, 10)
    assert first is of_early_user, "a user that was made before the process had learned of the load"
    assert first is not None
    first.begin_stage(WARM_UP)
    second = open_loop(load, 10)
    assert second is not first
    assert arrivals_of(load) is second
    assert open_loop(load, None) is None
    assert arrivals_of(load) is None, "a closed loop follows"


def test_a_local_load_has_its_warm_up_and_its_measured_stage_on_one_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zk_locust.load.open_loop.START_AHEAD_S", 0.05)
    load = environment(Recorded(), arrival_rate=1000.0, num_users=1)
    loop = LeadingOpenLoop(load, NOT_A_RUNNER, is_master=False)
    assert loop.offered(MEASURED, 0, ends=False) == {}
    assert loop.prepare() is not None
    loop.begin_stage(WARM_UP)
    arrivals = arrivals_of(load)
    assert arrivals is not None
    taken: list[int] = []

    def work() -> None:
        while True:
            taken.append(arrivals.take())

    session = gevent.spawn(work)
    start_s = loop.start(None, None)
    gevent.sleep(0.1)
    measured_s = start_s + 0.2
    loop.plan_measured_stage(measured_s, 0.1)
    loop.wait_for_boundary(5)
    assert time.perf_counter() >= measured_s
    loop.begin_stage(MEASURED)
    gevent.sleep(measured_s + 0.2 - time.perf_counter())
    loop.begin_stage(COOL_DOWN)
    session.kill()
    assert len(taken) == 300
    assert {round((after - before) / 1e6) for before, after in itertools.pairwise(taken)} == {1}
    (of_warm_up,) = loop.offered(WARM_UP, measured_s, ends=True).values()
    (measured,) = loop.offered(MEASURED, measured_s + 0.2, ends=True).values()
    assert (of_warm_up.sent, measured.sent) == (200, 100)
