"""Faults of a scenario: what may be written, the plan that follows, and whom each fault meets."""

from collections.abc import Mapping
from typing import Any

import pytest

from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.hosts import NO_NFT, fault_problems
from zk_locust.contract.faults.lists import read_faults
from zk_locust.contract.faults.planned import PlannedFault
from zk_locust.contract.faults.targets import NoTargetError, resolved

THREE = FaultFleet(("zk1", "zk2", "zk3"), load_hosts=("load1",))
FIVE = FaultFleet(("a", "b", "c", "d", "e", "watcher"), frozenset({"watcher"}), load_hosts=("load1",))
RUN_S = 200.0


def planned(content: object, fleet: FaultFleet = THREE) -> list[PlannedFault]:
    plan, problems = read_faults(content, fleet, RUN_S)
    assert problems == []
    return list(plan)


def refused(content: object, fleet: FaultFleet = THREE) -> list[str]:
    plan, problems = read_faults(content, fleet, RUN_S)
    assert plan == ()
    assert problems
    return problems


def test_faults_are_numbered_in_the_order_of_time() -> None:
    found = planned(
        [
            {"at": "90s", "do": "partition", "target": "leader", "from": "majority", "for": "15s"},
            {"at": "30s", "do": "kill", "target": "leader"},
            {"at": 60, "do": "pause", "target": "follower", "for": "10s"},
        ]
    )
    assert [(fault.number, fault.at_s, fault.title) for fault in found] == [
        (1, 30, "kill leader"),
        (2, 60, "pause follower for 10 s"),
        (3, 90, "partition leader from majority for 15 s"),
    ]
    assert [PlannedFault.of(fault.as_dict()) for fault in found] == found


def test_what_comes_again_is_spelt_out_by_its_seed() -> None:
    entry: dict[str, Any] = {"every": "20s", "until": "3m", "do": ["kill", "pause", "restart"], "target": "any"}
    found = planned([entry | {"seed": 7}])
    assert [fault.at_s for fault in found] == [20 * place for place in range(1, 10)]
    assert {fault.do for fault in found} == {"kill", "pause", "restart"}
    assert {fault.for_s for fault in found if fault.do == "pause"} == {10.0}
    assert {fault.for_s for fault in found if fault.do != "pause"} == {0.0}
    assert planned([entry | {"seed": 7}]) == found
    assert planned([entry | {"seed": 8}]) != found


def test_without_until_the_last_has_ended_before_the_run() -> None:
    found = planned([{"every": "60s", "do": "pause", "target": "any", "for": "30s"}])
    assert [fault.at_s for fault in found] == [60, 120]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"do": "kil"}, "fault 1: do [kil]: there is no such action, did you mean kill?; there are: kill, pause"),
        ({"do": None}, "do [not set] must be an action, or a list of actions: kill,"),
        ({"target": "leadr"}, "target [leadr]: there is no such role or member, did you mean leader?"),
        ({"target": "zk4"}, "target [zk4]: there is no such role or member, did you mean zk"),
        ({"target": "load1", "do": "stop"}, "target [load1]: there is no such role or member"),
        ({"target": "load2"}, "target [load2]: there is no such role or member, did you mean load?"),
        ({"target": "load", "for": "5s"}, "for [5 s]: a worker that was killed is not started again; leave it out"),
        ({"target": None}, "target [not set] must be one of leader, follower, observer, any, minority"),
        ({"target": "observer"}, "target [observer]: the ensemble has no observer"),
        ({"at": "200s"}, "at [200 s] is not before the end of the measured stage, which lasts 200 s"),
        ({"at": "195s", "do": "pause"}, "for [10 s] from 195 s on is longer than the measured stage"),
        ({"do": "pause", "for": "300s"}, "for [300 s] from 30 s on is longer than the measured stage"),
        ({"do": "pause", "for": "1ms"}, "for [1ms] is too short; use at least 100ms"),
        ({"at": "soon"}, "at [soon] is not a duration; write e.g. 500ms"),
        ({"at": None}, "at [not set]: there is no time; write at: 30s, or every: 20s with until: 3m"),
        ({"every": "5s"}, "at and every: there are both"),
        ({"until": "50s"}, "until: it belongs to every; leave it out"),
        ({"at": None, "every": "100ms"}, "every [100ms] is too short; use at least 1s"),
        ({"at": None, "every": "500s"}, "every [500s]: the run ends before the first"),
        ({"do": "restart", "for": "3s"}, "for: restart takes as long as it takes; leave it out"),
        ({"do": "rolling-restart"}, "target: rolling-restart is for all members; leave it out"),
        ({"from": "follower"}, "from: only partition, loss, delay, bandwidth have two sides; leave it out"),
        ({"do": "partition", "way": "inn"}, "way [inn] must be one of both, in, out, did you mean in?"),
        ({"do": "partition", "target": "all"}, "target [all]: no member is left for the other side"),
        (
            {"percent": 20},
            "percent: only loss, drop-connections, expire-sessions, memory-pressure have it; leave it out",
        ),
        ({"do": "loss", "percent": 0}, "percent [0] must be a number from 1 to 100"),
        ({"latency": "5ms"}, "latency: only delay has it; leave it out"),
        ({"do": "delay"}, "latency [not set]: how much later do packets come? Write e.g. latency: 50ms"),
        ({"do": "delay", "latency": "soon"}, "latency [soon] is not a duration; write e.g. 500us, 50ms or 1s"),
        ({"do": "delay", "latency": "2m"}, "latency [2m] must be from 1ms to 60s"),
        ({"do": "delay", "latency": "5ms", "jitter": "6ms"}, "jitter [6ms] is more than the latency"),
        ({"do": "bandwidth"}, "rate [not set] must be from 8kbit/s to 10Gbit/s, e.g. 8Mbit/s or 512KiB/s"),
        ({"do": "bandwidth", "rate": "8 mb"}, "rate [8 mb] must be from 8kbit/s"),
        ({"do": "bandwidth", "rate": "1kbit"}, "rate [1kbit] must be from 8kbit/s"),
        ({"do": "bandwidth", "rate": 8}, "rate [8] must be from 8kbit/s"),
        ({"do": "partition", "target": ["load", "zk1"]}, "target: load and members together; make it two faults"),
        ({"do": "partition", "target": "load1", "from": "load"}, "from: the target is a load host, so the other side"),
        ({"do": "expire-sessions", "for": "3s"}, "for: expire-sessions takes as long as it takes; leave it out"),
        ({"seed": "x"}, "seed [x] must be a whole number"),
        ({"allow_no_quorum": "yes"}, "allow_no_quorum [yes] must be true or false"),
        ({"allow_no_quorum": 1}, "allow_no_quorum [1] must be true or false"),
        ({"tarket": "zk1"}, "tarket: a fault has no such key, did you mean target?; it has: at, every"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(entry: Mapping[str, object], said: str) -> None:
    sound: dict[str, object] = {"at": "30s", "do": "kill", "target": "leader", **entry}
    problems = refused([{key: value for key, value in sound.items() if value is not None}])
    assert any(said in problem for problem in problems), problems


def test_all_mistakes_are_named_at_once() -> None:
    problems = refused([{"at": "x", "do": "kil", "target": "leadr"}, 3, {"at": 1, "do": "pause", "target": "zk9"}])
    assert [problem.partition(":")[0] for problem in problems] == ["fault 1"] * 3 + ["fault 2", "fault 3"]
    assert refused({"at": 1}) == ["must be a list of faults, e.g. [{at: 30s, do: kill, target: leader}]"]


def test_what_takes_the_majority_is_named_beside_mistakes_of_others() -> None:
    majority = {"at": 1, "do": "pause", "target": "majority", "for": 3}
    wrong, lost = refused([majority, {"at": "soon", "do": "kill", "target": "leader"}])
    assert wrong.startswith("fault 2: at [soon] is not a duration")
    assert lost.startswith("pause majority for 3 s at 1 s leaves 1 of 3 voters")
    assert "allow_no_quorum" in lost


def test_a_length_that_is_no_duration_is_not_too_short_too() -> None:
    assert refused([{"at": 1, "do": "pause", "target": "leader", "for": "-3s"}]) == [
        "fault 1: for [-3s] is not a duration; write e.g. 500ms, 30s, 5m or 1h30m"
    ]


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ([{"at": 1, "do": "pause", "target": "majority", "for": 3}], 1),
        ([{"at": 1, "do": "pause", "target": ["leader", "follower"], "for": 3}], 1),
        ([{"at": 1, "do": "stop", "target": ["zk1", "zk2"], "for": 3}], 1),
        ([{"at": 1, "do": "pause", "target": "leader", "for": 9}, {"at": 5, "do": "kill", "target": "follower"}], 1),
        ([{"at": 1, "do": "kill", "target": "all"}], 0),
        ([{"at": 1, "do": "full-disk", "target": "zk1", "for": 3}, {"at": 9, "do": "kill", "target": "zk2"}], 1),
        ([{"at": 1, "do": "power-off", "target": "zk1"}, {"at": 50, "do": "pause", "target": "zk2", "for": 2}], 1),
    ],
)
def test_faults_that_leave_no_majority_must_be_wanted(entries: list[dict[str, Any]], left: int) -> None:
    (problem,) = refused(entries)
    assert f"leaves {left} of 3 voters, and 2 are a majority; leave some out, or write allow_no_quorum" in problem
    assert planned([entry | {"allow_no_quorum": True} for entry in entries])


@pytest.mark.parametrize(
    ("entry", "fleet"),
    [
        ({"do": "pause", "target": "minority"}, THREE),
        ({"do": "partition", "target": "majority"}, THREE),  # the other side is the one that is lost
        ({"do": "partition", "target": "leader", "from": "load"}, THREE),
        ({"do": "loss", "target": "all", "from": "load"}, THREE),
        ({"do": "pause", "target": ["a", "b"]}, FIVE),
        ({"do": "pause", "target": ["a", "b", "watcher"]}, FIVE),
        ({"do": "rolling-restart"}, THREE),
    ],
)
def test_faults_that_leave_a_majority_are_taken(entry: dict[str, Any], fleet: FaultFleet) -> None:
    assert planned([{"at": 1} | entry], fleet)


def test_a_member_that_is_started_again_is_away_for_a_while() -> None:
    kills = [{"at": at_s, "do": "kill", "target": name} for at_s, name in ((30, "zk1"), (35, "zk2"))]
    assert len(refused(kills)) == 1
    assert len(refused([each | {"at": 30} for each in kills])) == 2
    assert planned([kills[0], kills[1] | {"at": 45}])
    assert refused([{"at": 1, "do": "rolling-restart"}], FaultFleet(("a", "b")))
    assert refused([{"at": 1, "do": "rolling-restart"}, {"at": 9, "do": "pause", "target": "any", "for": 3}])


def test_packets_are_delayed_and_slowed_down_as_the_entry_says() -> None:
    delay = {"at": 1, "do": "delay", "target": "leader", "latency": "50ms", "jitter": "5ms", "for": 3, "from": "load"}
    slow = {"at": 9, "do": "bandwidth", "target": "follower", "rate": "1.5 Mbit/s", "for": 3, "way": "out"}
    found = planned([delay, slow, {"at": 20, "do": ["bandwidth", "kill"], "target": "zk1", "rate": "512KiB", "for": 3}])
    assert [fault.title for fault in found[:2]] == [
        "delay leader from load by 50 ± 5 ms for 3 s",
        "bandwidth follower to 1.5 Mbit/s, only out for 3 s",
    ]
    assert found[0].details == {"latency_ms": 50, "jitter_ms": 5}
    assert found[1].details == {"rate_bits": 1_500_000}
    assert found[2].details == ({"rate_bits": 512 * 8192} if found[2].do == "bandwidth" else {})
    assert [PlannedFault.of(fault.as_dict()) for fault in found] == found


def test_what_a_load_host_does_not_hear_is_what_the_members_do_not_send() -> None:
    entry: dict[str, Any] = {"at": 1, "do": "partition", "target": "load", "from": "leader", "for": 3}
    (cut,) = planned([entry])
    assert (cut.targets, cut.others, cut.way) == (("leader",), ("load",), "both")
    (deaf,) = planned([entry | {"target": "load1", "way": "in"}])
    assert (deaf.targets, deaf.others, deaf.way) == (("leader",), ("load1",), "out")
    (alone,) = planned([{"at": 1, "do": "loss", "target": "load1", "for": 3, "percent": 100}])
    assert (alone.targets, alone.others) == (("all",), ("load1",))


def test_a_load_host_without_workers_may_be_cut_off_but_has_nothing_to_kill() -> None:
    fleet = FaultFleet(("zk1", "zk2", "zk3"), load_hosts=("load1", "load2"), workers=("load2",))
    entry = {"at": 1, "for": 3, "target": "load1"}
    (plan, problems) = read_faults([entry | {"do": "partition", "from": "leader"}], fleet, 60)
    assert (problems, plan[0].others) == ([], ("load1",))
    (_, problems) = read_faults([entry | {"do": "pause"}], fleet, 60)
    assert "target [load1]: there is no such role or member" in problems[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("pause", "zk1"), ("kill", "zk1")),
        (("pause", "zk1"), ("kill", "all")),
        (("pause", "leader"), ("kill", "zk1")),
        (("pause", "leader"), ("stop", "minority")),
        (("stop", "all"), ("gc", "zk2")),
        (("delay", "zk1"), ("bandwidth", "leader")),
        (("delay", "leader"), ("delay", "leader")),
    ],
)
def test_faults_that_may_meet_in_one_member_are_refused(first: tuple[str, str], second: tuple[str, str]) -> None:
    amounts: dict[str, Any] = {"delay": {"latency": "5ms"}, "bandwidth": {"rate": "1Mbit/s"}}
    entries = [
        {"do": do, "target": target, "allow_no_quorum": True} | amounts.get(do, {}) for do, target in (first, second)
    ]
    entries[0]["for"] = 20
    problems = refused([entries[0] | {"at": 10}, entries[1] | {"at": 25}])
    assert len(problems) == 1
    assert "still lasts, and a host refuses the second; begin it at 31 s" in problems[0]
    assert planned([entries[0] | {"at": 10}, entries[1] | {"at": 31}])


@pytest.mark.parametrize(
    ("first", "second", "at_s"),
    [
        (("pause", "zk1"), ("kill", "zk2"), 12),
        (("pause", "leader"), ("kill", "leader"), 25),  # who is paused does not answer, and another one leads
        (("pause", "zk1"), ("kill", "any"), 25),
        (("pause", "leader"), ("kill", "follower"), 10),
        (("partition", "zk1"), ("pause", "zk1"), 12),
    ],
)
def test_faults_of_different_members_overlap(first: tuple[str, str], second: tuple[str, str], at_s: int) -> None:
    entries = [{"do": do, "target": target, "allow_no_quorum": True} for do, target in (first, second)]
    assert planned([entries[0] | {"at": 10, "for": 20}, entries[1] | {"at": at_s}])


def test_roles_that_were_asked_before_may_still_be_those_of_a_paused_member() -> None:
    pauses = [{"at": at, "do": "pause", "target": "any", "for": 10, "allow_no_quorum": True} for at in (10, 14)]
    assert len(refused(pauses)) == 1


def test_an_external_ensemble_is_never_touched() -> None:
    entry = [{"at": 1, "do": "kill", "target": "leader"}]
    (problem,) = refused(entry, FaultFleet((), managed=False))
    assert problem.startswith("the ensemble is external (zookeeper_managed: false)")


def test_members_that_share_an_address_cannot_be_parted() -> None:
    shared = FaultFleet(("zk1", "zk2", "zk3"), shared=("zk1", "zk2", "zk3"))
    (problem,) = refused([{"at": 1, "do": ["kill", "partition"], "target": "leader"}], shared)
    assert problem.startswith("fault 1: do [partition]: zk1, zk2, zk3 share an address")
    assert planned([{"at": 1, "do": "kill", "target": "leader"}], shared)


ROLES = {"a": "follower", "b": "leader", "c": "follower", "d": "", "e": "follower", "watcher": "observer"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("leader", {"b"}),
        ("follower", {"a", "c", "e"}),
        ("observer", {"watcher"}),
        ("d", {"d"}),
        ("any", {*ROLES} - {"d"}),
    ],
)
def test_a_role_means_one_of_those_that_have_it_now(target: str, expected: set[str]) -> None:
    met = set()
    for seed in range(40):
        found, others = resolved(PlannedFault(1, 0, "kill", (target,), seed=seed), FIVE, ROLES)
        assert len(found) == 1
        assert others == []
        met |= {*found}
    assert met == expected


def test_groups_are_voters_and_the_other_side_is_without_the_target() -> None:
    assert len(resolved(PlannedFault(1, 0, "pause", ("minority",)), FIVE, ROLES)[0]) == 2
    assert len(resolved(PlannedFault(1, 0, "pause", ("majority",)), FIVE, ROLES)[0]) == 3
    assert resolved(PlannedFault(1, 0, "pause", ("all",)), FIVE, ROLES)[0] == list(ROLES)
    met, others = resolved(PlannedFault(1, 0, "partition", ("leader",)), FIVE, ROLES)
    assert (met, others) == (["b"], ["a", "c", "d", "e", "watcher"])
    met, others = resolved(PlannedFault(1, 0, "partition", ("leader",), others=("majority",)), FIVE, ROLES)
    assert met == ["b"]
    assert len(others) == 3
    assert "b" not in others
    assert resolved(PlannedFault(1, 0, "loss", ("leader",), others=("load",)), FIVE, ROLES) == (["b"], ["load1"])


def test_the_other_side_is_never_the_target_itself() -> None:
    for seed in range(40):
        met, others = resolved(PlannedFault(1, 0, "partition", ("a",), others=("follower",), seed=seed), FIVE, ROLES)
        assert met == ["a"]
        assert others in (["c"], ["e"])


def test_a_rolling_restart_takes_the_leader_last() -> None:
    met, _ = resolved(PlannedFault(1, 0, "rolling-restart", ("all",)), FIVE, ROLES)
    assert (met[0], met[-1]) == ("watcher", "b")
    assert "d" not in met


def test_a_role_that_nobody_has_is_said() -> None:
    with pytest.raises(NoTargetError, match="no member is leader at that moment"):
        resolved(PlannedFault(1, 0, "kill", ("leader",)), FIVE, dict.fromkeys(ROLES, "follower"))
    with pytest.raises(NoTargetError, match="no member serves"):
        resolved(PlannedFault(1, 0, "kill", ("any",)), FIVE, {})


def test_a_host_with_a_fault_or_without_a_tool_is_refused() -> None:
    assert list(fault_problems("zk1", [NO_NFT], ["kill"])) == []
    (problem,) = fault_problems("zk1", [NO_NFT], ["kill", "partition"])
    assert problem.startswith("zk1: nft cannot be used there, and the planned partition needs it; install nftables")
    (problem,) = fault_problems("zk1", ["run.1.zk1", "run.2.zk1", "../x y"], [])
    assert problem.startswith("zk1: the fault run.1.zk1, run.2.zk1 is still in it; wait until it has healed by itself")
    (problem,) = fault_problems("zk1", ["zk-locust-other zk_locust_fault_0a1b2c_3d"], [])
    assert problem.startswith(
        "zk1: another member of its host has a fault of the network (zk_locust_fault_0a1b2c_3d); wait"
    )


def test_a_host_that_cannot_do_an_action_is_refused_with_what_it_lacks() -> None:
    lacks = ["zk-locust-lacks delay Error: Specified qdisc kind is unknown.", "zk-locust-lacks drop-connections no ss"]
    delay, drop = fault_problems("zk1", lacks, ["delay", "drop-connections"])
    assert delay.startswith("zk1: the planned delay cannot be done there: Error: Specified qdisc kind is unknown.; it")
    assert "a kernel with netem, ifb and htb" in delay
    assert drop.startswith("zk1: the planned drop-connections cannot be done there: no ss; it needs root")
    (only_nft,) = fault_problems("zk1", [NO_NFT, lacks[0]], ["delay"])
    assert "nft cannot be used there" in only_nft
