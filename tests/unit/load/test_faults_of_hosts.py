"""Faults of hosts: how much of what may be written, and what the fleet allows."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.load.test_faults import planned, refused
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.targets import resolved
from zk_locust.contract.inventory.preflight import together


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"mib": 20}, "mib: only memory-pressure has it; leave it out"),
        ({"do": "memory-pressure"}, "mib, percent: there is neither; say how much memory is taken"),
        ({"do": "memory-pressure", "mib": 5, "percent": 5}, "mib, percent: there are both; say how much"),
        ({"do": "memory-pressure", "percent": 99}, "percent [99]: with more than 95 a host has no room for itself"),
        ({"do": "memory-pressure", "mib": "5"}, "mib [5] must be a whole number from 1 to 16777216"),
        ({"do": "slow-disk", "write_kib_per_s": 1}, "write_kib_per_s [1] must be a whole number from 4 to"),
        ({"do": "full-disk", "allow_shared_disk": "yes"}, "allow_shared_disk [yes] must be true or false"),
        ({"do": "full-disk", "leave_mib": True}, "leave_mib [True] must be a whole number"),
        ({"do": "power-off", "for": "5s"}, "for [5 s]: zk1, zk2, zk3 reboots and comes back by itself; leave it out"),
        ({"do": "clock-step"}, "by [not set]: how far is the clock stepped? Write e.g. by: 500ms, or by: -2s"),
        ({"do": "clock-step", "by": "soon"}, "by [soon] is not a duration; write e.g. 500ms, or -2s"),
        ({"do": "clock-step", "by": "2h"}, "by [2h] must be from 1ms to 1h, or back by as much"),
        ({"by": "1s"}, "by: only clock-step has it; leave it out"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(entry: Mapping[str, object], said: str) -> None:
    problems = refused([{"at": "30s", "do": "kill", "target": "leader", **entry}])
    assert any(said in problem for problem in problems), problems


def test_how_much_is_done_has_defaults_and_is_told() -> None:
    entries: list[dict[str, Any]] = [
        {"do": "slow-disk", "target": "leader"},
        {"do": "slow-disk", "target": "leader", "write_kib_per_s": 64},
        {"do": "slow-disk", "target": "leader", "write_kib_per_s": 64, "writes_per_s": 5},
        {"do": "full-disk", "target": "leader", "leave_mib": 3, "allow_shared_disk": True},
        {"do": "memory-pressure", "target": "load", "mib": 300},
        {"do": "memory-pressure", "target": "load1", "percent": 30},
        {"do": "clock-step", "target": "leader", "by": "-500ms"},
    ]
    found = planned([{"at": 20 * place, "for": 5} | entry for place, entry in enumerate(entries)])
    assert [(fault.title, fault.amounts) for fault in found] == [
        ("slow-disk 10 writes/s leader for 5 s", {"writes_per_s": 10}),
        ("slow-disk 64 KiB/s leader for 5 s", {"write_kib_per_s": 64}),
        ("slow-disk 5 writes/s and 64 KiB/s leader for 5 s", {"write_kib_per_s": 64, "writes_per_s": 5}),
        ("full-disk leader for 5 s", {"leave_mib": 3, "allow_shared_disk": True}),
        ("memory-pressure 300 MiB load for 5 s", {"mib": 300}),
        ("memory-pressure 30% load1 for 5 s", {"percent": 30}),
        ("clock-step -0.5 s leader for 5 s", {"by_ms": -500.0}),
    ]
    assert [PlannedFault.of(fault.as_dict()) for fault in found] == found


def test_a_host_is_switched_off_where_it_is_the_members_alone() -> None:
    entry = [{"at": 1, "do": "power-off", "target": "zk1", "for": 5}]
    alone = FaultFleet(("zk1", "zk2", "zk3"), powered=frozenset({"zk1"}), together=frozenset({"zk2", "zk3"}))
    assert planned(entry, alone)
    assert FaultFleet.of(alone.as_dict()) == alone
    (problem,) = refused([{"at": 1, "do": "power-off", "target": "any"}], alone)
    assert problem.startswith("fault 1: do [power-off]: zk2, zk3 shares the machine with the controller, a load host")


def test_a_member_that_is_a_load_host_too_has_no_machine_to_itself() -> None:
    groups = {"zookeeper": ["a", "b"], "locust_master": ["m"], "locust_workers": ["b", "m"]}
    assert together(groups, {name: {} for name in ("a", "b", "m")}) == {"b"}


def test_load_hosts_are_met_where_they_have_workers() -> None:
    fleet = FaultFleet(("a", "b", "c"), load_hosts=("m", "w1", "w2"), workers=("w1", "w2"))
    assert resolved(PlannedFault(1, 0, "pause", ("load",)), fleet, {}) == (["w1", "w2"], [])
    assert resolved(PlannedFault(1, 0, "kill", ("w2",)), fleet, {}) == (["w2"], [])
    assert planned([{"at": 1, "do": "partition", "target": "a", "from": "m"}], fleet)
    (problem,) = refused([{"at": 1, "do": "pause", "target": "m"}], fleet)
    assert "target [m]: there is no such role or member" in problem
    both = FaultFleet(("a", "b", "c"), load_hosts=("a", "m"))
    (problem,) = refused([{"at": 1, "do": "pause", "target": "load"}], both)
    assert problem.startswith("fault 1: target [load]: a is a member too, and its name means the member")


def test_an_external_ensemble_is_touched_only_where_that_is_allowed() -> None:
    external = FaultFleet(("a", "b", "c"), load_hosts=("load1",), managed=False)
    allowed = FaultFleet(("a", "b", "c"), load_hosts=("load1",), managed=False, allowed=True)
    pause: dict[str, Any] = {"at": 1, "do": "pause", "target": ["a", "load1"], "for": 3}
    (problem,) = refused([pause], external)
    assert problem.endswith("leave the faults out, or set benchmark_faults_allowed: true if its owner agrees")
    assert planned([pause | {"target": "load"}], external), "load hosts are ours"
    assert planned([pause], allowed)
    (problem,) = refused([pause | {"do": ["pause", "stop"], "target": "a"}], allowed)
    assert problem.endswith("use one of pause, gc, partition, loss, memory-pressure")
    nobody = FaultFleet((), load_hosts=("load1",), managed=False, allowed=True)
    (problem,) = refused([pause | {"target": "leader"}], nobody)
    assert "the group zookeeper names no member" in problem
    wrong: list[Any]
    for wrong in ([3], [{"target": [{}]}], [{"target": None}]):
        assert refused(wrong, external)
    assert FaultFleet.of(allowed.as_dict()) == allowed
