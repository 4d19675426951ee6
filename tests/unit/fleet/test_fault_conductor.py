"""The planned faults of a run, done at their times, and what becomes of the hosts' notes of them."""

import json
import math
import re
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fleet import fault_clock, fault_conductor, fault_hosts
from fleet.endpoints import endpoint
from fleet.errors import HostError
from fleet.fault_clock import FaultClock, offsets_of
from fleet.fault_conductor import Conductor
from fleet.fault_hosts import FaultHosts, Place
from fleet.fault_notes import event_rows, titles_of, told_faults
from fleet.fault_power import PowerSwitch
from fleet.fault_task import become_of, laid_over
from fleet.inventory import HostVariables
from tests import waiting
from zk_locust.contract.events import EVENT_COLUMNS
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault

FLEET = FaultFleet(("zk1", "zk2", "zk3"), load_hosts=("load1",))
SIDES = {
    name: {"address": f"192.0.2.{place}", "ports": [2888, 3888] if place < 4 else [], "client": 2181}
    for place, name in enumerate(("zk1", "zk2", "zk3", "load1"), 1)
}
LONG_S = 1000.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for seconds is not late."""
    for name in ("_LATE_LIMIT_S", "MOST_LATE_S"):
        monkeypatch.setattr(fault_conductor, name, 60.0)


class Hosts:
    """Members that answer at once; `broken` says why a fault is not done to one of them."""

    def __init__(self, broken: Mapping[str, str] | None = None) -> None:
        self.now = {"zk1": "follower", "zk2": "leader", "zk3": "follower"}
        self.done: list[dict[str, Any]] = []
        self.moments: list[dict[str, float]] = []
        self.broken = broken or {}
        self.ended = threading.Event()
        self.looks = 0

    def roles(self, names: Iterable[str] | None = None, limit_s: float = 5.0) -> dict[str, str]:
        self.looks += 1
        return {name: role for name, role in self.now.items() if limit_s and (names is None or name in names)}

    def do(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
        fault = dict(told)
        if name in self.broken:
            raise HostError(self.broken[name])
        self.moments.append({key: fault.pop(key) for key in ("in_s", "at") if key in fault})
        self.done.append(fault)
        return {}

    def end(self) -> None:
        self.ended.set()


def conducted(
    plan: list[PlannedFault],
    hosts: Hosts,
    *,
    done: int = 0,
    said: int = 0,
    left_s: float = 100.0,
    serves_limit_s: float = 60.0,
    fleet: FaultFleet | None = None,
) -> tuple[list[str], list[str]]:
    """Conduct a plan until so many faults were done and lines were shown; return what the conductor says at the end."""
    shown: list[str] = []
    clock = FaultClock(100.0)
    conductor = Conductor("run", plan, fleet or FLEET, SIDES, clock, hosts, shown.append, None, serves_limit_s)
    conductor.see({"stage": "warm-up", "time_left_s": 130.0})
    conductor.see({"stage": "measured", "time_left_s": left_s})
    waiting.until(lambda: len(hosts.done) >= done and len(shown) >= said, limit_s=60)
    return conductor.end(), shown


def test_a_fault_meets_who_has_the_role_now() -> None:
    hosts = Hosts()
    problems, shown = conducted([PlannedFault(1, 0.0, "pause", ("leader",), 3.0)], hosts, done=1)
    assert problems == []
    assert hosts.done == [
        {
            "id": "run.1.zk2",
            "run_id": "run",
            "number": 1,
            "member": "zk2",
            "do": "pause",
            "for_s": 3.0,
            "percent": 100.0,
            "client_port": 2181,
        }
    ]
    assert shown == ["  fault 1: pause leader for 3 s: zk2"]
    assert hosts.ended.is_set()


def test_a_plan_begins_with_the_measured_stage() -> None:
    hosts = Hosts()
    conductor = Conductor(
        "run", [PlannedFault(1, 0.0, "kill", ("zk1",))], FLEET, SIDES, FaultClock(100.0), hosts, print
    )
    conductor.see(None)
    conductor.see({"stage": "warm-up", "time_left_s": 110.0})
    time.sleep(0.2)
    assert hosts.done == []
    assert conductor.end() == ["fault 1 (kill zk1): the load ended before it"]
    assert hosts.done == []


def test_what_lies_behind_is_not_done_and_what_lies_ahead_not_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_conductor, "MOST_LATE_S", 5.0)
    monkeypatch.setattr(fault_clock, "_SLACK_S", LONG_S)  # the controller has looked long before
    hosts = Hosts()
    plan = [PlannedFault(1, 30.0, "kill", ("zk1",)), PlannedFault(2, 40.0, "rolling-restart", ("all",))]
    problems, _ = conducted([*plan, PlannedFault(3, LONG_S, "kill", ("zk3",))], hosts, said=2, left_s=50.0)
    assert hosts.done == []
    assert re.fullmatch(r"fault 1 \(kill zk1\): its moment was 2\d\.\d s ago, so it is not done", sorted(problems)[0])
    assert re.fullmatch(r"fault 2 \(rolling-restart\): its moment was 1\d\.\d s ago.*", sorted(problems)[1])
    assert sorted(problems)[2] == "fault 3 (kill zk3): the load ended before it"


def test_a_host_is_told_the_moment_by_its_own_clock_before_it_comes() -> None:
    now = {"wall": 5000.0, "monotonic": 70.0}
    clock = FaultClock(100.0, "load1", {"load1": 30.0, "zk1": -2.0}, lambda: now["wall"], lambda: now["monotonic"])
    # The progress was written a second ago by a clock that is 30 s ahead: the stage began 4 s ago.
    assert clock.see({"stage": "measured", "time_left_s": 97.0, "now_s": 5029.0})
    assert clock.due(10.0) == 76.0
    now |= {"wall": 5001.0, "monotonic": 71.0}
    assert clock.on_host("zk1", 10.0) == {"in_s": 5.0, "at": 5004.0}
    assert clock.on_host("zk2", 10.0) == {"in_s": 5.0}
    assert clock.on_host("zk1", 1.0) == {"in_s": -4.0, "at": 4995.0}


def test_a_clock_that_says_what_cannot_be_does_not_count() -> None:
    for written in (4900.0, 5100.0, "now", None, True, math.nan, 10**400):
        clock = FaultClock(100.0, "load1", {"load1": 0.0}, lambda: 5000.0, lambda: 70.0)
        assert clock.see({"stage": "measured", "time_left_s": 97.0, "now_s": written})
        assert clock.due(10.0) == 77.0
    assert offsets_of(
        {"a": {"offset_ms": 1500.0}, "b": {"offset_ms": None}, "c": None, "d": {}, "e": {"offset_ms": math.nan}}
    ) == {"a": 1.5}


def test_a_partition_knows_the_ports_of_both_sides() -> None:
    hosts = Hosts()
    conducted([PlannedFault(1, 0.0, "partition", ("leader",), 3.0, others=("zk1", "load1"))], hosts, done=1)
    (told,) = hosts.done
    assert told["ports"] == [2888, 3888, 2181]
    assert told["peers"] == [{"address": "192.0.2.1", "ports": [2888, 3888]}, {"address": "192.0.2.4", "ports": []}]
    assert (told["way"], told["percent"]) == ("both", 100.0)


def test_all_members_are_restarted_one_by_one() -> None:
    hosts = Hosts()
    conducted([PlannedFault(1, 0.0, "rolling-restart", ("all",))], hosts, done=3)
    assert [(fault["member"], fault["do"]) for fault in hosts.done][-1] == ("zk2", "restart")
    assert len({fault["id"] for fault in hosts.done}) == 3


def test_a_host_is_switched_off_at_its_time_and_on_again(tmp_path: Path) -> None:
    said = tmp_path / "said"
    power = PowerSwitch({"zk1": (f"sleep 0.5; echo off >>{said}", f"echo on >>{said}; exit 1")}, again_s=0.01)
    hosts, plan = Hosts(), [PlannedFault(1, 0.0, "power-off", ("zk1",)), PlannedFault(2, 0.0, "power-off", ("zk3",))]
    conductor = Conductor("run", plan, FLEET, SIDES, FaultClock(100.0), hosts, print, power)
    conductor.see({"stage": "measured", "time_left_s": 100.0})
    waiting.until(lambda: conductor._problems and len(hosts.done) == 2, limit_s=60)
    assert said.read_text().split()[:2] == ["off", "on"]
    assert conductor.end() == ["fault 1 (power-off zk1): zk1: zookeeper_power_on_command failed: exit code 1"]
    assert {fault["member"]: fault["by"] for fault in hosts.done} == {"zk1": "command", "zk3": "reboot"}


def test_an_upgrade_ends_with_the_first_member_that_does_not_serve() -> None:
    hosts = Hosts()
    upgrade = PlannedFault(1, 0.0, "rolling-upgrade", ("all",), to="3.9.3")
    conducted([upgrade], hosts, done=3)
    assert [(fault["member"], fault["do"], fault["to"]) for fault in hosts.done] == [
        (name, "rolling-upgrade", "3.9.3") for name in ("zk1", "zk3", "zk2")
    ]
    hosts = Hosts({"zk3": "with 3.9.3 it does not serve within 60 s"})
    (problems, _) = conducted([upgrade], hosts, said=3)
    assert [fault["member"] for fault in hosts.done] == ["zk1"]
    assert problems == [
        "fault 1 (rolling-upgrade to 3.9.3): zk3: with 3.9.3 it does not serve within 60 s",
        "fault 1 (rolling-upgrade to 3.9.3): zk2: left as before",
    ]


def test_no_member_is_stopped_while_too_few_others_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_conductor, "_LATE_LIMIT_S", 0.2)
    for do in ("rolling-restart", "rolling-upgrade"):
        hosts = Hosts()
        hosts.now["zk3"] = ""
        (problems, _) = conducted([PlannedFault(1, 0.0, do, ("all",), to="3.9.3")], hosts, said=3, serves_limit_s=0.0)
        assert hosts.done == []
        assert problems[1].endswith(": zk1, zk2: left as before, too few of the others serve")


class Observed(Hosts):
    """A member, zk3, that has no vote, and answers from a certain look on."""

    def __init__(self, from_look: int) -> None:
        super().__init__()
        self.now["zk3"] = "observer"
        self._from_look = from_look

    def roles(self, names: Iterable[str] | None = None, limit_s: float = 5.0) -> dict[str, str]:
        found = super().roles(names, limit_s)
        return found if self.looks >= self._from_look else {name: role for name, role in found.items() if name != "zk3"}


@pytest.mark.parametrize("do", ["rolling-restart", "rolling-upgrade"])
def test_a_member_that_does_not_answer_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch, do: str) -> None:
    monkeypatch.setattr(fault_conductor, "_LATE_LIMIT_S", 0.2)
    plan = [PlannedFault(1, 0.0, do, ("all",), to="3.9.3" if do == "rolling-upgrade" else "")]
    fleet = FaultFleet(("zk1", "zk2", "zk3"), frozenset({"zk3"}))
    problems, shown = conducted(plan, hosts := Observed(10**6), done=2, fleet=fleet)
    said = f"fault 1 ({plan[0].title}): zk3: left out, because no answer came when asked for the role"
    assert problems == [said]
    assert f"  {said}" in shown
    assert [fault["member"] for fault in hosts.done] == ["zk1", "zk2"]


def test_a_member_that_answers_a_little_later_is_not_left_out() -> None:
    fleet = FaultFleet(("zk1", "zk2", "zk3"), frozenset({"zk3"}))
    hosts = Observed(6)
    problems, _ = conducted([PlannedFault(1, 0.0, "rolling-restart", ("all",))], hosts, done=3, fleet=fleet)
    assert problems == []
    assert [fault["member"] for fault in hosts.done] == ["zk3", "zk1", "zk2"]


def test_the_events_of_what_goes_through_all_name_those_that_it_was_not_done_to() -> None:
    told: dict[str, list[Mapping[str, Any]]] = {
        name: [{"number": 1, "began": began}] for name, began in (("zk1", "now"), ("zk2", None))
    }
    plan = [PlannedFault(1, 0.0, "rolling-restart", ("all",)), PlannedFault(2, 9.0, "kill", ("zk1",))]
    assert titles_of(plan, told, ("zk1", "zk2", "zk3")) == {1: "rolling-restart, not done to zk2, zk3", 2: "kill zk1"}
    assert titles_of(plan, told, ("zk1",)) == {1: "rolling-restart", 2: "kill zk1"}


def test_a_change_of_the_list_knows_the_member_in_it() -> None:
    hosts, sides = Hosts(), {name: dict(side, reconfigure={"server_id": 2}) for name, side in SIDES.items()}
    plan = [PlannedFault(1, 0.0, "reconfigure", ("leader",), 3.0, change="remove")]
    conductor = Conductor("run", plan, FLEET, sides, FaultClock(100.0), hosts, print)
    conductor.see({"stage": "measured", "time_left_s": 100.0})
    waiting.until(lambda: hosts.done, limit_s=60)
    assert conductor.end() == []
    assert hosts.done[0] | {"member": "zk2", "change": "remove", "server_id": 2} == hosts.done[0]


def test_no_data_is_removed_while_another_voter_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_conductor, "_LATE_LIMIT_S", 0.2)
    hosts = Hosts()
    hosts.now["zk3"] = ""
    ((problem,), _) = conducted([PlannedFault(1, 0.0, "replace-member", ("zk1",))], hosts, said=1)
    assert "zk3 does not serve, and only zk1 may have some of the data" in problem
    assert hosts.done == []


def test_a_host_that_is_away_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_hosts, "ROLE_LIMIT_S", LONG_S)
    for name, script in (("zk1", """echo '{"role": "leader"}'"""), ("zk2", "exec sleep 600"), ("load1", "exit 9")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    places = {name: Place(str(tmp_path / name), "127.0.0.1", 2181) for name in ("zk1", "zk2")}
    places["load1"] = Place(str(tmp_path / "load1"))
    hosts = FaultHosts(places, {name: HostVariables(name, {"ansible_connection": "local"}) for name in places})
    try:
        assert hosts.roles(["zk1"]) == {"zk1": "leader"}
        assert hosts.roles(["zk2", "load1"], 0.2) == {"zk2": ""}
    finally:
        hosts.end()


@pytest.mark.parametrize(
    ("fault", "silent", "says", "met"),
    [
        pytest.param(
            PlannedFault(1, 0.0, "kill", ("leader",), allow_no_quorum=True),
            "zk2",
            {"zk3": "leader"},
            "zk3",
            id="a role",
        ),
        pytest.param(
            PlannedFault(1, 0.0, "replace-member", ("zk1",)), "zk3", {"zk3": "follower"}, "zk1", id="the others"
        ),
    ],
)
def test_a_fault_waits_a_while_for_members_that_do_not_say_their_role(
    fault: PlannedFault, silent: str, says: dict[str, str], met: str
) -> None:
    hosts = Hosts()
    hosts.now[silent] = ""
    conductor = Conductor("run", [fault], FLEET, SIDES, FaultClock(100.0), hosts, print)
    conductor.see({"stage": "measured", "time_left_s": 100.0})
    waiting.until(lambda: hosts.looks > 3, limit_s=60)  # two of them before the load
    assert hosts.done == []
    hosts.now |= says
    waiting.until(lambda: hosts.done, limit_s=60)
    assert conductor.end() == []
    assert [done["member"] for done in hosts.done] == [met]


def test_what_was_not_done_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as brief:
        brief.setattr(fault_conductor, "_LATE_LIMIT_S", 0.2)
        ((problem,), _) = conducted([PlannedFault(1, 0.0, "kill", ("observer",))], Hosts(), said=1)
    assert problem == "fault 1 (kill observer): no member is observer at that moment"
    ((problem,), shown) = conducted([PlannedFault(1, 0.0, "kill", ("leader",))], Hosts({"zk2": "timed out"}), said=2)
    assert problem == "fault 1 (kill leader): zk2: timed out"
    assert shown == ["  fault 1: kill leader: zk2", f"  {problem}"]


NOTE: dict[str, Any] = {
    "id": "run.1.zk1", "run_id": "run", "number": 1, "member": "zk9", "do": "pause", "for_s": 2.0, "state": "healed",
    "began": 1_795_786_000.25, "ended": 1_795_786_002.25, "lasted_s": 2.0, "late_s": 0.002, "met": None, "error": "",
}  # fmt: skip


def test_notes_become_faults_of_the_member_that_was_asked() -> None:
    faults, problem = told_faults(json.dumps({"faults": [NOTE]}), "zk1", "run")
    assert problem == ""
    assert faults == [
        {"number": 1, "member": "zk1", "do": "pause", "state": "healed", "began": "2026-11-27T13:26:40.250000+00:00",
         "ended": "2026-11-27T13:26:42.250000+00:00", "lasted_s": 2.0, "late_s": 0.002, "met": None,
         "by_process": False, "error": ""}
    ]  # fmt: skip
    (row,) = event_rows({"zk1": list(faults)}, {1: "pause leader for 2 s"})
    assert dict(zip(EVENT_COLUMNS, row, strict=True)) == {
        "timestamp": "2026-11-27T13:26:40.250000+00:00",
        "source": "zk1",
        "event": "fault",
        "subject": "zk1",
        "detail": "fault 1: pause leader for 2 s",
        "duration_s": "2.000000",
        "clock": "zk1",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0}, {"number": True}, {"number": 10**9}, {"do": "rm"}, {"state": "?"}, {"run_id": "other"},
    ],
)  # fmt: skip
def test_a_note_of_another_shape_is_left_out_and_said(change: dict[str, Any]) -> None:
    faults, problem = told_faults(json.dumps({"faults": [NOTE | change]}), "zk1", "run")
    assert faults == []
    assert problem == "zk1: 1 notes of faults on its host are not what they should be"


def test_an_upgraded_member_is_told_with_both_releases() -> None:
    note = NOTE | {"do": "rolling-upgrade", "release_before": "3.8.0", "release": "3.9.3\x1b[2J" + "x" * 99}
    faults, _ = told_faults(json.dumps({"faults": [note]}), "zk1", "run")
    assert faults[0]["release_before"] == "3.8.0"
    assert len(faults[0]["release"]) <= 40
    assert "\x1b" not in faults[0]["release"]
    faults[0]["release"] = "3.9.3"
    (row,) = event_rows({"zk1": list(faults)}, {1: "rolling-upgrade to 3.9.3"})
    assert row[4] == "fault 1: rolling-upgrade to 3.9.3, from 3.8.0 to 3.9.3"


@pytest.mark.parametrize("began", [1e300, -1, "now", None, float("inf"), True])
def test_an_absurd_time_is_none(began: Any) -> None:
    faults, _ = told_faults(json.dumps({"faults": [NOTE | {"began": began, "error": "x\x1b[2J\ny"}]}), "zk1", "run")
    assert faults[0]["began"] is None
    assert "\x1b" not in faults[0]["error"]
    assert event_rows({"zk1": list(faults)}, {}) == []


@pytest.mark.parametrize(("told", "met"), [(1234, 1234), (0, 0), (-1, None), (True, None), ("x", None), (1e30, None)])
def test_how_many_packets_a_fault_has_met_is_said(told: Any, met: int | None) -> None:
    faults, _ = told_faults(json.dumps({"faults": [NOTE | {"do": "loss", "met": told}]}), "zk1", "run")
    assert faults[0]["met"] == met
    ((_, _, _, _, detail, _, _),) = event_rows({"zk1": list(faults)}, {1: "loss leader"})
    assert detail == "fault 1: loss leader" + ("" if met is None else f" (met {met} packets)")


def test_a_delay_by_a_process_is_said() -> None:
    faults, _ = told_faults(
        json.dumps({"faults": [NOTE | {"do": "delay", "met": 7, "by_process": True}]}), "zk1", "run"
    )
    ((_, _, _, _, detail, _, _),) = event_rows({"zk1": list(faults)}, {1: "delay leader by 5 ms"})
    assert detail == "fault 1: delay leader by 5 ms (met 7 packets, delayed by a process)"


def test_a_command_line_that_becomes_root_is_laid_under_a_host_of_its_own_mind() -> None:
    assert become_of({"become": False, "become_method": None, "become_user": None}, "") == {}
    given = become_of({"become": True, "become_method": "sudo", "become_user": None}, "secret")
    assert given == {
        "ansible_become": True,
        "ansible_become_method": "sudo",
        "ansible_become_password": "secret",
    }
    local: dict[str, Any] = {"ansible_connection": "local"}
    assert endpoint(HostVariables("zk1", laid_over(given, local))).become_user == "root"
    own = local | {"ansible_become": False}
    assert endpoint(HostVariables("zk1", laid_over(given, own))).become_user is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"faults": 3}', "x" * 70_000, "[" * 60_000])
def test_an_answer_that_cannot_be_read_is_said(text: str) -> None:
    assert told_faults(text, "zk1", "run") == ([], "zk1: what its host says of faults cannot be read")
