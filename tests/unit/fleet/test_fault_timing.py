"""When planned faults are done, and when not any more: what is late, what the ensemble is like by then, who waits."""

import json
import math
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fleet import fault_conductor
from fleet.fault_clock import FaultClock
from fleet.fault_conductor import Conductor
from fleet.fault_hosts import ROLE_LIMIT_S, FaultHosts, Place
from fleet.fault_power import PowerSwitch
from fleet.inventory import HostVariables
from tests import waiting
from tests.unit.fleet.test_fault_conductor import FLEET, SIDES, Hosts, conducted, patient
from zk_locust.contract.faults.planned import PlannedFault

__all__ = ["patient"]  # a fixture


@pytest.mark.parametrize("left_s", [math.nan, math.inf, True, 0.0, 10.0, -5.0, "99", 10**400])
def test_a_load_host_that_says_what_cannot_be_does_not_decide_when_faults_begin(left_s: Any) -> None:
    clock = FaultClock(100.0, monotonic=lambda: 70.0)
    assert clock.see({"stage": "measured", "time_left_s": left_s})
    assert clock.due(10.0) == 80.0


@pytest.mark.parametrize(("waited_s", "began"), [(60.0, 150.0), (10.0, 200.0)])
def test_a_controller_that_stood_still_believes_what_can_be(waited_s: float, began: float) -> None:
    now = [200.0 - waited_s]
    clock = FaultClock(100.0, monotonic=lambda: now[0])
    assert not clock.see({"stage": "warm-up", "time_left_s": 110.0})
    now[0] = 200.0
    assert not clock.see(None)
    assert clock.see({"stage": "measured", "time_left_s": 50.0})
    assert clock.began == began


def test_nobody_waits_for_others_that_last_long() -> None:
    """More than a few faults at the same time: each is done at its moment."""
    number = 12
    together = threading.Barrier(number)

    class Busy(Hosts):
        def do(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
            together.wait(60)
            return super().do(name, told)

    hosts = Busy()
    problems, _ = conducted([PlannedFault(each, 0.0, "gc", ("zk1",)) for each in range(number)], hosts, done=number)
    assert problems == []


def test_a_member_is_neither_killed_nor_cut_off_once_another_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_conductor, "_LATE_LIMIT_S", 0.2)
    hosts = Hosts()
    hosts.now["zk3"] = ""
    ((problem,), _) = conducted([PlannedFault(1, 0.0, "kill", ("leader",))], hosts, said=1)
    assert problem == (
        "fault 1 (kill leader): 1 of the other voters serve (zk1), and 2 are a majority; leave more time after the"
        " fault before, or write allow_no_quorum: true"
    )
    for fault in (
        PlannedFault(1, 0.0, "partition", ("leader",), 3.0),
        PlannedFault(1, 0.0, "loss", ("leader",), 3.0, percent=60.0),
        PlannedFault(1, 0.0, "delay", ("leader",), 3.0, latency_ms=4000.0, jitter_ms=1000.0),
    ):
        ((problem,), _) = conducted([fault], hosts, said=1)
        assert "and 2 are a majority" in problem
    assert hosts.done == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(PlannedFault(1, 0.0, "kill", ("leader",), allow_no_quorum=True), id="allowed"),
        pytest.param(PlannedFault(1, 0.0, "kill", ("zk3",)), id="the one that is away"),
        pytest.param(PlannedFault(1, 0.0, "loss", ("leader",), 3.0, percent=20.0), id="it stops nobody"),
        pytest.param(PlannedFault(1, 0.0, "delay", ("leader",), 3.0, latency_ms=4999.0), id="it parts nobody"),
        pytest.param(PlannedFault(1, 0.0, "partition", ("zk1", "zk2"), 3.0, ("zk3",)), id="the smaller side"),
        pytest.param(PlannedFault(1, 0.0, "partition", ("leader",), 3.0, ("load1",)), id="from a load host"),
    ],
)
def test_what_leaves_the_majority_is_done_while_another_is_away(fault: PlannedFault) -> None:
    hosts = Hosts()
    hosts.now["zk3"] = ""
    problems, _ = conducted([fault], hosts, done=1)
    assert problems == []


def test_members_that_answer_slowly_count_once_they_have_answered() -> None:
    class Slow(Hosts):
        def roles(self, names: Iterable[str] | None = None, limit_s: float = ROLE_LIMIT_S) -> dict[str, str]:
            return super().roles(names, limit_s) | ({"zk3": ""} if limit_s < ROLE_LIMIT_S else {})

    problems, _ = conducted([PlannedFault(1, 0.0, "kill", ("leader",))], Slow(), done=1)
    assert problems == []


def test_questions_to_a_slow_host_do_not_pile_up(tmp_path: Path) -> None:
    asked, go = tmp_path / "asked", tmp_path / "go"
    script = f"""echo one >>{asked}; until [ -e {go} ]; do sleep 0.05; done; echo '{{"role": "leader"}}'"""
    (tmp_path / "zk1").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "zk1").chmod(0o755)
    hosts = FaultHosts(
        {"zk1": Place(str(tmp_path / "zk1"), "127.0.0.1", 2181)},
        {"zk1": HostVariables("zk1", {"ansible_connection": "local"})},
    )
    try:
        assert [hosts.roles(limit_s=0.01) for _ in range(20)] == [{"zk1": ""}] * 20
        go.touch()
        assert hosts.roles(limit_s=60.0) == {"zk1": "leader"}
        assert len(asked.read_text().splitlines()) == 1
    finally:
        hosts.end()


def test_members_that_never_say_their_role_are_met_by_name() -> None:
    """As where the client port speaks TLS only."""
    hosts = Hosts()
    hosts.now = dict.fromkeys(hosts.now, "")
    problems, _ = conducted([PlannedFault(1, 0.0, "kill", ("zk1",))], hosts, done=1)
    assert problems == []


def test_a_host_is_not_switched_off_where_it_learned_of_it_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Hosts):
        def do(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
            monkeypatch.setattr(fault_conductor, "MOST_LATE_S", -1.0)
            return super().do(name, told)

    power = PowerSwitch({"zk1": ("exit 9", "exit 9")})
    hosts = Slow()
    conductor = Conductor(
        "run", [PlannedFault(1, 0.0, "power-off", ("zk1",))], FLEET, SIDES, FaultClock(100.0), hosts, print, power
    )
    conductor.see({"stage": "measured", "time_left_s": 100.0})
    waiting.until(lambda: conductor._problems, limit_s=60)
    (problem,) = conductor.end()
    assert problem.startswith("fault 1 (power-off zk1): zk1: it was told ")
    assert problem.endswith("s after the moment, so it is not switched off")


@pytest.fixture
def member(tmp_path: Path) -> Iterator[FaultHosts]:
    """Return the hosts of a member whose host keeps what it is told, and waits while there is a file `wait`."""
    launcher = tmp_path / "run"
    launcher.write_text(
        f"#!/bin/sh\ncat >>{tmp_path}/told; echo >>{tmp_path}/told\n"
        f"while [ -e {tmp_path}/wait ]; do sleep 0.05; done\necho '{{\"started\": true}}'\n"
    )
    launcher.chmod(0o755)
    places = {"zk1": Place(str(launcher), "127.0.0.1", 2181)}
    hosts = FaultHosts(places, {"zk1": HostVariables("zk1", {"ansible_connection": "local"})})
    yield hosts
    hosts.end()


def test_what_waits_for_another_fault_of_its_host_knows_how_late_it_is(member: FaultHosts, tmp_path: Path) -> None:
    told, wait = tmp_path / "told", tmp_path / "wait"
    wait.touch()
    both = [
        threading.Thread(target=member.do, args=("zk1", {"number": number, "in_s": 1000.0}), daemon=True)
        for number in (1, 2)
    ]
    both[0].start()
    waiting.until(lambda: told.exists() and told.read_text().endswith("\n"), limit_s=60)
    both[1].start()
    threading.Event().wait(0.5)
    wait.unlink()
    for each in both:
        each.join(60)
    first, second = (json.loads(line)["in_s"] for line in told.read_text().splitlines())
    assert 999.0 <= first <= 1000.0
    assert second <= 999.8


def test_what_a_host_does_may_take_as_long_as_its_member_to_stop_and_start() -> None:
    assert Place("run").limit_s == 200.0
    assert Place("run", start_timeout_s=300.0, stop_timeout_s=120.0).limit_s == 860.0


def test_a_member_that_does_not_serve_again_ends_a_rolling_restart_after_its_limit() -> None:
    class Gone(Hosts):
        def do(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
            self.now[name] = ""
            return super().do(name, told)

    problems, _ = conducted([PlannedFault(1, 0.0, "rolling-restart", ("all",))], Gone(), said=3, serves_limit_s=0.25)
    assert problems == [
        "fault 1 (rolling-restart): zk1 did not serve again within 0.25 s; the others are left as before",
        "fault 1 (rolling-restart): zk3, zk2: left as before",
    ]
