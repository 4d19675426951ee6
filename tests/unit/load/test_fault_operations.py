"""Operations of administrators in a plan: what may be written, and which members can do them."""

from collections.abc import Mapping
from typing import Any

import pytest

from fleet.fault_order import enough_serve, next_member, why_not
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.lists import read_faults
from zk_locust.contract.faults.operations import host_operation_problems, release_number
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.targets import resolved

THREE = FaultFleet(("zk1", "zk2", "zk3"))
WATCHED = FaultFleet(("zk1", "watcher"), frozenset({"watcher"}))
UPGRADE = {"at": "10s", "do": "rolling-upgrade", "to": "3.9.3"}


def planned(content: list[dict[str, Any]], fleet: FaultFleet = THREE) -> list[PlannedFault]:
    plan, problems = read_faults(content, fleet, 200.0)
    assert problems == []
    return list(plan)


def test_an_upgrade_knows_its_release() -> None:
    (fault,) = planned([UPGRADE])
    assert (fault.title, fault.to, fault.for_s) == ("rolling-upgrade to 3.9.3", "3.9.3", 0.0)
    assert PlannedFault.of(fault.as_dict()) == fault
    (other,) = planned([{"at": 1, "do": "kill", "target": "leader"}])
    assert "to" not in other.as_dict()  # as older manifests


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (UPGRADE | {"to": None}, "to [not set]: rolling-upgrade needs a release; write e.g. to: 3.9.3"),
        (UPGRADE | {"to": 3.9}, "to [3.9] must be a release with three numbers"),
        (UPGRADE | {"to": "../x"}, "to [../x] must be a release with three numbers"),
        (UPGRADE | {"target": "leader"}, "target: rolling-upgrade is for all members; leave it out"),
        (UPGRADE | {"do": ["rolling-upgrade", "kill"]}, "do: rolling-upgrade is for all members, and stands alone"),
        (UPGRADE | {"at": None, "every": "20s"}, "every: members are upgraded to a release once; write at"),
        (UPGRADE | {"do": "kill", "target": "leader"}, "to: only rolling-upgrade has it; leave it out"),
        (UPGRADE | {"for": "3s"}, "for: rolling-upgrade takes as long as it takes; leave it out"),
        ({"at": 1, "do": "replace-member", "target": "minority"}, "replace-member is for one member at a time"),
        ({"at": 1, "do": "replace-member", "target": ["zk1", "zk2"]}, "replace-member is for one member at a time"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(entry: Mapping[str, object], said: str) -> None:
    _, problems = read_faults([{key: value for key, value in entry.items() if value is not None}], THREE, 200.0)
    assert any(said in problem for problem in problems), problems


def test_each_upgrade_is_to_a_newer_release() -> None:
    again = UPGRADE | {"at": "90s", "allow_no_quorum": True}
    assert len(planned([UPGRADE, again | {"to": "3.9.10"}])) == 2
    _, problems = read_faults([UPGRADE, again | {"to": "3.9.2"}], THREE, 200.0)
    assert problems == [
        "rolling-upgrade to 3.9.2 at 90 s: the members have 3.9.3 since 10 s; name a newer release",
    ]
    assert release_number("3.9.10") > release_number("3.9.9-alpha1")


def test_the_data_of_a_single_voter_is_not_removed() -> None:
    replace = {"at": "10s", "do": "replace-member"}
    _, problems = read_faults([replace | {"target": "zk1"}], WATCHED, 200.0)
    assert any("the ensemble has one voter, whose data would be lost" in problem for problem in problems)
    _, problems = read_faults([replace | {"target": "any"}], WATCHED, 200.0)
    assert any("whose data would be lost" in problem for problem in problems)
    assert planned([replace | {"target": "observer"}], WATCHED)
    assert planned([replace | {"target": "watcher"}], WATCHED)


def test_a_member_that_is_replaced_or_upgraded_is_away() -> None:
    replace = {"at": "10s", "do": "replace-member", "target": "zk1"}
    kill = {"do": "kill", "target": "zk2"}
    assert read_faults([replace, kill | {"at": "39s"}], THREE, 200.0)[1]
    assert planned([replace, kill | {"at": "41s"}])
    assert read_faults([UPGRADE, kill | {"at": "190s"}], THREE, 200.0)[1]


def test_a_change_of_the_list_is_told_and_counts_as_a_member_that_is_away() -> None:
    entry = {"at": "10s", "do": "reconfigure", "target": "follower", "for": "20s"}
    (removed,) = planned([entry])
    assert (removed.title, removed.change) == ("reconfigure (remove) follower for 20 s", "remove")
    (changed,) = planned([entry | {"change": "role"}])
    assert changed.change == "role"
    assert PlannedFault.of(changed.as_dict()) == changed
    assert planned([{"at": "10s", "do": "reconfigure", "target": "zk1"}])[0].for_s == 10.0
    assert read_faults([entry, {"at": "15s", "do": "kill", "target": "leader"}], THREE, 200.0)[1]
    for wrong, said in (
        ({"change": "rmove"}, "change [rmove] must be one of remove, role, did you mean remove?"),
        ({"do": "kill", "change": "role"}, "change: only reconfigure has it; leave it out"),
        ({"target": "minority"}, "reconfigure is for one member at a time"),
    ):
        _, problems = read_faults([{**entry, **wrong}], THREE, 200.0)
        assert any(said in problem for problem in problems), problems
    _, problems = read_faults([entry | {"target": "any"}], FaultFleet(("a", "b")), 200.0)
    assert any("of 2 voters, none can be taken out" in problem for problem in problems)


def test_a_member_that_cannot_be_reconfigured_says_why() -> None:
    change = of({"at": 1, "do": "reconfigure", "target": "leader"})
    enabled = {"reconfigEnabled": "true"}
    assert list(host_operation_problems("zk1", change, "3.8.0", enabled, [], True)) == []
    (problem,) = host_operation_problems("zk1", change, "3.4.13", enabled, [], True)
    assert problem.startswith("zk1: ZooKeeper 3.4.13 knows no reconfig, and the planned reconfigure needs 3.5")
    problems = list(host_operation_problems("zk1", change, "", {}, [], False))
    assert [problem.partition(":")[2].strip().partition(" [")[0] for problem in problems] == [
        "zookeeper_properties.reconfigEnabled",
        "zookeeper_super_password",
    ]


def of(*faults: Mapping[str, object]) -> list[dict[str, Any]]:
    return [fault.as_dict() for fault in planned([dict(fault) for fault in faults])]


def test_a_host_refuses_an_upgrade_to_what_it_has() -> None:
    assert list(host_operation_problems("zk1", of(UPGRADE), "3.8.0", {}, [])) == []
    assert list(host_operation_problems("zk1", of(UPGRADE), "", {}, [])) == []
    for release in ("3.9.3", "3.9.6"):
        (problem,) = host_operation_problems("zk1", of(UPGRADE), release, {}, [])
        assert problem.startswith(f"zk1: rolling-upgrade to 3.9.3: the member has {release}; name a newer release")


def test_properties_are_those_of_the_new_release_too() -> None:
    (problem,) = host_operation_problems("zk1", of(UPGRADE | {"to": "3.7.1"}), "3.6.0", {"fips-mode": False}, [])
    assert "is known from ZooKeeper 3.8 on" in problem
    assert problem.endswith("(for the planned rolling-upgrade to 3.7.1)")


def test_a_release_that_writes_no_snapshot_says_so() -> None:
    snapshot = of({"at": 1, "do": "snapshot", "target": "leader"})
    enabled = {"admin.snapshot.enabled": True}
    assert list(host_operation_problems("zk1", snapshot, "3.9.3", enabled, [])) == []
    assert list(host_operation_problems("zk1", snapshot, "", enabled, [])) == []
    for release in ("3.4.13", "3.8.0"):
        (problem,) = host_operation_problems("zk1", snapshot, release, enabled, [])
        assert problem.startswith(f"zk1: ZooKeeper {release} writes no snapshot on demand")
    (problem,) = host_operation_problems("zk1", snapshot, "3.9.3", {}, [])
    assert "zookeeper_properties.admin.snapshot.enabled [false]: the planned snapshot needs true" in problem
    off = enabled | {"serializeLastProcessedZxid.enabled": False}
    (problem,) = host_operation_problems("zk1", snapshot, "3.9.3", off, [])
    assert "serializeLastProcessedZxid.enabled [false]" in problem


def test_the_leader_comes_last_whoever_leads_now() -> None:
    assert next_member(["a", "b", "c"], {"a": "leader", "b": "follower", "c": "follower"}) == "b"
    assert next_member(["a", "c"], {"a": "follower", "b": "follower", "c": "leader"}) == "a"
    assert next_member(["a"], {"a": "leader"}) == "a"
    met, _ = resolved(PlannedFault(1, 0, "rolling-upgrade", ("all",)), THREE, {"zk1": "leader", "zk2": "follower"})
    assert met == ["zk2", "zk1"]


def test_a_member_is_stopped_while_a_majority_serves_without_it() -> None:
    serve = dict.fromkeys(("zk1", "zk2", "zk3"), "follower")
    assert enough_serve("zk1", THREE, serve)
    assert enough_serve("zk1", THREE, serve | {"zk1": ""})
    assert not enough_serve("zk1", THREE, serve | {"zk2": ""})
    assert enough_serve("a", FaultFleet(("a", "b")), {"b": "leader"})
    assert not enough_serve("a", FaultFleet(("a", "b")), {"a": "leader"})
    assert enough_serve("a", FaultFleet(("a",)), {})
    assert enough_serve("watcher", WATCHED, {})


def test_data_is_removed_only_while_all_other_voters_serve() -> None:
    fault = PlannedFault(1, 0, "replace-member", ("zk1",))
    roles = {"zk1": "follower", "zk2": "leader", "zk3": "follower"}
    assert why_not(fault, ["zk1"], THREE, roles) == ""
    assert why_not(fault, ["zk1"], THREE, roles | {"zk1": ""}) == ""
    said = why_not(fault, ["zk1"], THREE, roles | {"zk3": ""})
    assert said.startswith("zk3 does not serve, and only zk1 may have some of the data")
    assert why_not(PlannedFault(1, 0, "gc", ("zk1",)), ["zk1"], THREE, roles | {"zk3": ""}) == ""
