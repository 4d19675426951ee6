"""Plans that preflight refuses, because faults would meet, meet nobody, not end in time, or take the majority."""

from typing import Any

import pytest
import yaml

from lab.places import PROJECT
from tests.unit.load.test_faults import FIVE, RUN_S, THREE, planned, refused
from zk_locust.contract.faults.fleet import WAITS_S, FaultFleet
from zk_locust.contract.faults.lists import read_faults
from zk_locust.contract.faults.targets import clock_stepped
from zk_locust.contract.inventory.members import SYNC_LIMIT, TICK_MS
from zk_locust.contract.inventory.preflight import fault_fleet

ONE = FaultFleet(("zk1",), load_hosts=("load1",))
TWO = FaultFleet(("zk1", "zk2"), load_hosts=("load1",))
FOUR = FaultFleet(("a", "b", "c", "d"), load_hosts=("load1",))
WATCHED = FaultFleet(("zk1", "zk2", "watcher"), frozenset({"watcher"}), load_hosts=("load1",))
STEP: dict[str, Any] = {"do": "clock-step", "by": "2s", "for": 20}
RECONFIGURE: dict[str, Any] = {"do": "reconfigure", "for": 20, "allow_no_quorum": True}


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (STEP | {"target": "zk1"}, STEP | {"target": "zk1", "by": "3s"}, "step the clock of one host"),
        (STEP | {"target": "leader"}, STEP | {"target": "leader"}, "step the clock of one host"),
        (STEP | {"target": "zk1"}, STEP | {"target": "follower"}, "step the clock of one host"),
        (RECONFIGURE | {"target": "zk1"}, RECONFIGURE | {"target": "zk1"}, "reconfigure one member"),
        (RECONFIGURE | {"target": "leader"}, RECONFIGURE | {"target": "follower"}, "reconfigure one member"),
        ({"do": "pause", "target": "load", "for": 20}, {"do": "kill", "target": "load1"}, "meet one process"),
    ],
)
def test_a_host_has_one_fault_of_a_kind_at_a_time(first: dict[str, Any], second: dict[str, Any], what: str) -> None:
    (problem,) = refused([first | {"at": 10}, second | {"at": 25}])
    assert f"at 25 s may {what} while" in problem
    assert "and a host refuses the second; begin it at 31 s, or name other targets" in problem
    assert planned([first | {"at": 10}, second | {"at": 31}])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (STEP | {"target": "zk1"}, STEP | {"target": "zk2"}),
        (STEP | {"target": "leader"}, STEP | {"target": "follower"}),
        (STEP | {"target": "zk1"}, {"do": "kill", "target": "zk1"}),
        (RECONFIGURE | {"target": "zk1"}, RECONFIGURE | {"target": "zk2"}),
        (RECONFIGURE | {"target": "zk1"}, {"do": "gc", "target": "zk1"}),
        ({"do": "pause", "target": "load", "for": 20}, {"do": "kill", "target": "all", "allow_no_quorum": True}),
    ],
)
def test_other_faults_of_a_member_or_of_another_one_may_overlap(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert planned([first | {"at": 10}, second | {"at": 25}])


@pytest.mark.parametrize("rolling", [{"do": "rolling-restart"}, {"do": "rolling-upgrade", "to": "3.9.3"}])
@pytest.mark.parametrize("other", [{"do": "kill", "target": "a"}, {"do": "gc", "target": "leader"}])
def test_no_other_fault_meets_a_process_while_all_are_restarted(rolling: dict[str, Any], other: dict[str, Any]) -> None:
    (problem,) = refused([rolling | {"at": 10}, other | {"at": 30}], FIVE)
    assert problem.endswith("from 10 s on still lasts, and a host refuses the second; begin it at 70 s")  # six members
    assert planned([rolling | {"at": 10}, other | {"at": 70}], FIVE)
    assert planned([rolling | {"at": 10}, {"at": 30, "do": "kill", "target": "load1"}], FIVE)


def test_all_are_restarted_once_no_other_fault_is_in_a_process() -> None:
    pause = {"at": 10, "do": "pause", "target": "minority", "for": 20, "allow_no_quorum": True}
    (problem,) = refused([pause, {"at": 25, "do": "rolling-restart", "allow_no_quorum": True}], FIVE)
    assert problem.startswith("rolling-restart at 25 s may meet one process while pause minority for 20 s from 10 s on")
    assert problem.endswith("begin it at 31 s")
    assert planned([pause, {"at": 31, "do": "rolling-restart", "allow_no_quorum": True}], FIVE)


@pytest.mark.parametrize("entry", [{"do": "rolling-restart"}, {"do": "rolling-upgrade", "to": "3.9.3"}])
def test_all_members_can_be_restarted_before_the_stage_ends(entry: dict[str, Any]) -> None:
    (problem,) = refused([entry | {"at": 190}])
    assert problem == (
        f"fault 1: at [190 s]: {entry['do']} takes 5 s for each of 3 members at least, and the measured stage lasts"
        " 200 s, so some would be left as before; write an earlier time, or raise run_time to 205 s"
    )
    assert planned([entry | {"at": RUN_S - 15}])
    assert read_faults([entry | {"at": 190}], None, RUN_S)[1] == []


def test_what_comes_again_leaves_time_for_all_members() -> None:
    again = {"every": "95s", "do": "rolling-restart", "allow_no_quorum": True}
    assert [fault.at_s for fault in planned([again])] == [95.0]
    assert [fault.at_s for fault in planned([again], TWO)] == [95.0, 190.0]
    (problem,) = refused([again | {"until": "190s"}])
    assert problem.startswith("fault 1: until [190 s]: rolling-restart takes 5 s for each of 3 members at least")


@pytest.mark.parametrize("do", ["partition", "loss"])
@pytest.mark.parametrize(
    ("sides", "fleet"),
    [
        ({"target": "leader"}, ONE),
        ({"target": "any"}, ONE),
        ({"target": "zk1"}, ONE),
        ({"target": ["zk3", "zk1", "zk2"]}, THREE),
        ({"target": "zk1", "from": "zk1"}, THREE),
        ({"target": ["zk1", "zk2"], "from": ["zk2", "zk1"]}, THREE),
        ({"target": "leader", "from": "leader"}, THREE),
        ({"target": "all", "from": ["zk1", "follower"]}, THREE),
        ({"target": "majority"}, TWO),
        ({"target": ["leader", "follower"]}, TWO),
        ({"target": "follower", "from": "follower"}, TWO),
        ({"target": "watcher", "from": "observer"}, WATCHED),
        ({"target": "observer", "from": "watcher"}, WATCHED),
        ({"target": ["majority", "observer"]}, WATCHED),
    ],
)
def test_somebody_is_on_the_other_side(do: str, sides: dict[str, Any], fleet: FaultFleet) -> None:
    (problem,) = refused([{"at": 1, "do": do, "allow_no_quorum": True} | sides], fleet)
    assert problem.startswith("fault 1: target [")
    assert problem.endswith(
        ": no member is left for the other side; name fewer members, others in from, or write from: load"
    )
    assert "from" not in sides or ", from [" in problem
    assert planned([{"at": 1, "do": do} | sides | {"from": "load"}], fleet)


@pytest.mark.parametrize(
    ("sides", "fleet"),
    [
        ({"target": ["zk1", "zk2"]}, THREE),
        ({"target": ["zk1", "zk2", "zk3"], "from": ["zk1", "load1"]}, THREE),
        ({"target": "zk1", "from": ["zk1", "zk2"]}, THREE),
        ({"target": "follower", "from": "follower"}, THREE),
        ({"target": ["minority", "majority"]}, THREE),  # a member may be in both
        ({"target": "leader"}, TWO),
        ({"target": "zk1", "from": "leader"}, TWO),
        ({"target": "majority"}, WATCHED),
        ({"target": "observer"}, WATCHED),
        ({"target": "observer", "from": "observer"}, FaultFleet(("a", "b", "c"), frozenset({"b", "c"}))),
        ({"target": "load1"}, ONE),
    ],
)
def test_a_side_that_may_have_a_member_is_taken(sides: dict[str, Any], fleet: FaultFleet) -> None:
    assert planned([{"at": 1, "do": "partition", "allow_no_quorum": True} | sides], fleet)


CUTS: list[dict[str, Any]] = [
    {"do": "loss", "percent": 99},
    {"do": "loss"},  # 50 % by default
    {"do": "delay", "latency": "60s"},
    {"do": "delay", "latency": "4s", "jitter": "1s"},
]
HINDERS: list[dict[str, Any]] = [{"do": "loss", "percent": 49}, {"do": "delay", "latency": "4s"}]
SPLITS: list[tuple[dict[str, Any], FaultFleet]] = [
    ({"target": ["a", "b"]}, FOUR),
    ({"target": "leader"}, TWO),
    ({"target": "majority", "from": "majority"}, THREE),
    ({"target": "zk1", "from": "zk2"}, FaultFleet(("zk1", "zk2"), load_hosts=("zk1", "zk2"))),
]


@pytest.mark.parametrize("entry", CUTS)
@pytest.mark.parametrize(("sides", "fleet"), SPLITS)
def test_lost_and_late_packets_that_leave_no_majority_must_be_wanted(
    entry: dict[str, Any], sides: dict[str, Any], fleet: FaultFleet
) -> None:
    cut = {"at": 1, "for": 3} | entry | sides
    (problem,) = refused([cut], fleet)
    assert problem.endswith("are a majority; leave some out, or write allow_no_quorum: true")
    assert planned([cut | {"allow_no_quorum": True}], fleet)


@pytest.mark.parametrize("entry", CUTS)
def test_a_member_that_is_cut_off_counts_beside_one_that_is_away(entry: dict[str, Any]) -> None:
    cut = {"at": 10, "for": 20, "target": "leader"} | entry
    kill = {"at": 20, "do": "kill", "target": "follower"}
    assert planned([cut])
    assert planned([cut | {"target": "majority"}])  # the other side is the one that is lost
    (problem,) = refused([cut, kill])
    assert problem.startswith("kill follower at 20 s, with ")
    assert "leaves 1 of 3 voters, and 2 are a majority" in problem
    assert planned([cut | {"target": "load"}, kill])


@pytest.mark.parametrize("entry", HINDERS)
@pytest.mark.parametrize(("sides", "fleet"), SPLITS)
def test_packets_that_arrive_soon_enough_leave_a_majority(
    entry: dict[str, Any], sides: dict[str, Any], fleet: FaultFleet
) -> None:
    assert planned([{"at": 1, "for": 3} | entry | sides], fleet)


def test_members_that_wait_less_lose_each_other_sooner() -> None:
    groups = {"zookeeper": ["a", "b"], "locust_master": ["load1"], "locust_workers": ["load1"]}
    hostvars: dict[str, dict[str, Any]] = {name: {} for name in ("a", "b", "load1")}
    delay: dict[str, Any] = {"at": 1, "for": 3, "do": "delay", "target": "leader"}
    for properties, least_ms in (
        ({"tickTime": 500}, 1250),
        ({"tickTime": "1000", "syncLimit": 2}, 1000),
        ({"tickTime": "soon"}, 5000),
        ({}, 5000),
    ):
        hostvars["b"] = {"zookeeper_properties": properties}
        fleet = fault_fleet(groups, hostvars, managed=True)
        assert FaultFleet.of(fleet.as_dict()) == fleet
        assert refused([delay | {"latency": f"{least_ms}ms"}], fleet)
        assert planned([delay | {"latency": f"{least_ms - 1}ms"}], fleet)
    assert (
        fault_fleet(groups, hostvars | {"b": {"zookeeper_properties": {"tickTime": 1}}}, managed=False).waits_s
        == WAITS_S
    )


def test_how_long_members_wait_is_what_the_role_says() -> None:
    told = yaml.safe_load((PROJECT / "roles" / "zookeeper" / "vars" / "main.yml").read_text())
    given = told["_zookeeper_default_properties"]
    assert (given["tickTime"], given["syncLimit"], WAITS_S) == (TICK_MS, SYNC_LIMIT, TICK_MS * SYNC_LIMIT / 1000)


@pytest.mark.parametrize("target", ["load", "load1", ["load1", "load"]])
@pytest.mark.parametrize("do", ["partition", ["loss"], ["pause", "loss"]])
def test_a_load_host_is_not_cut_off_on_the_hosts_of_an_external_ensemble(do: Any, target: Any) -> None:
    entry = {"at": 1, "do": do, "target": target, "for": 3}
    for members in (("a", "b", "c"), ()):
        (problem,) = refused([entry], FaultFleet(members, load_hosts=("load1",), managed=False))
        assert problem.startswith("the ensemble is external (zookeeper_managed: false), and it is never touched unless")
        assert "(fault 1: do [" in problem
        assert "] is done on the members' hosts, also where its target is a load host)" in problem
        assert problem.endswith("leave the faults out, or set benchmark_faults_allowed: true if its owner agrees")
    if "pause" not in do:
        assert planned([entry], FaultFleet(("a", "b", "c"), load_hosts=("load1",), managed=False, allowed=True))


def test_a_load_host_is_met_itself_although_the_ensemble_is_external() -> None:
    external = FaultFleet(("a", "b", "c"), load_hosts=("load1",), managed=False)
    assert planned([{"at": 1, "do": ["pause", "kill"], "target": "load"}], external)
    assert planned([{"at": 1, "do": "memory-pressure", "target": "load1", "mib": 20}], external)


def test_clocks_are_stepped_of_whom_the_plan_names_or_of_all() -> None:
    steps = [STEP | {"at": 1, "target": "zk1"}, STEP | {"at": 2, "target": "zk3"}]
    assert clock_stepped(planned(steps), THREE) == {"zk1", "zk3"}
    assert clock_stepped(planned([STEP | {"at": 1, "target": "follower"}]), THREE) == {"zk1", "zk2", "zk3"}
    assert clock_stepped(planned([{"at": 1, "do": "kill", "target": "leader"}]), THREE) == frozenset()


def test_packets_of_load_hosts_and_their_processes_are_two_faults() -> None:
    (problem,) = refused([{"at": 1, "do": ["pause", "loss", "kill"], "target": "load1"}])
    assert problem == (
        "fault 1: do [pause, loss, kill]: target [load1]: loss is done on the members' hosts, pause, kill on the load"
        " host; make it two faults"
    )
