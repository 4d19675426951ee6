"""The faults of a scenario, and those that a variable adds: they are one plan, and are judged together."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.load.scenario_files import SCENARIOS, plan_of, scenario
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.workload.scenarios import resolve_plan

THREE = FaultFleet(("zk1", "zk2", "zk3"))
KILL = {"at": "10s", "do": "kill", "target": "leader"}
PAUSE = {"at": "30s", "do": "pause", "target": "follower", "for": "5s"}
ANY = {"every": "20s", "do": ["kill", "pause"], "target": "any", "for": "2s", "seed": 7, "allow_no_quorum": True}


def resolved(
    folder: Path, own: list[dict[str, Any]], **overrides: Any
) -> tuple[list[dict[str, Any]] | None, list[str]]:
    """Return the plan's faults and what is wrong, of a scenario with faults of its own."""
    given = scenario(folder, run_time="60s", **({"faults": own} if own else {}))
    plan, problems = resolve_plan(str(given), SCENARIOS, overrides, fleet=THREE)
    return (None if plan is None else plan.faults), problems


def planned(folder: Path, own: list[dict[str, Any]], **overrides: Any) -> list[tuple[int, float, str]]:
    faults, problems = resolved(folder, own, **overrides)
    assert problems == []
    return [(fault["number"], fault["at_s"], fault["do"]) for fault in faults or []]


def test_faults_are_added_to_those_of_the_scenario(tmp_path: Path) -> None:
    assert plan_of(tmp_path).faults is None
    assert planned(tmp_path, [PAUSE]) == [(1, 30, "pause")]
    assert planned(tmp_path, [], faults=[KILL]) == [(1, 10, "kill")]
    assert planned(tmp_path, [PAUSE], faults=[KILL]) == [(1, 10, "kill"), (2, 30, "pause")]
    assert planned(tmp_path, [PAUSE], faults=[]) == [(1, 30, "pause")]


@pytest.mark.parametrize("no", [False, "false", "no", 0])
def test_the_faults_of_the_scenario_can_be_left_out(tmp_path: Path, no: object) -> None:
    assert planned(tmp_path, [PAUSE], faults=[KILL], scenario_faults=no) == [(1, 10, "kill")]
    assert resolved(tmp_path, [PAUSE], scenario_faults=no) == (None, [])
    assert resolved(tmp_path, [PAUSE | {"do": "kil"}], scenario_faults=no) == (None, [])
    assert planned(tmp_path, [PAUSE], scenario_faults="yes") == [(1, 30, "pause")]


@pytest.mark.parametrize("wrong", ["maybe", "", 2, []])
def test_what_is_neither_true_nor_false_is_refused(tmp_path: Path, wrong: object) -> None:
    _, problems = resolved(tmp_path, [PAUSE], faults=[KILL], scenario_faults=wrong)
    said = f"benchmark_scenario_faults [{wrong}] must be true or false; false leaves out the scenario's faults"
    assert problems == [said]
    _, problems = resolve_plan("nothing", SCENARIOS, {"scenario_faults": wrong}, fleet=THREE)
    assert problems[1:] == [said]


def test_what_chance_decides_of_the_scenario_stays_the_same(tmp_path: Path) -> None:
    alone = planned(tmp_path, [ANY])
    both = planned(tmp_path, [ANY], faults=[KILL | {"at": "5s"}])
    assert [(at_s, do) for _, at_s, do in both[1:]] == [(at_s, do) for _, at_s, do in alone]
    # Two entries with the same seed are not the same choices.
    twice = resolved(tmp_path, [], faults=[ANY | {"until": "40s"}, ANY | {"every": "25s", "until": "50s"}])[0]
    assert resolved(tmp_path, [ANY | {"until": "40s"}], faults=[ANY | {"every": "25s", "until": "50s"}])[0] == twice


def test_a_mistake_is_said_of_the_setting_that_has_it(tmp_path: Path) -> None:
    _, problems = resolved(tmp_path, [KILL, PAUSE | {"do": "paus"}], faults=[KILL | {"target": "x"}, 3])
    said = (
        "faults in mine.yml: fault 2: do [paus]",
        "benchmark_faults: fault 1: target [x]",
        "benchmark_faults: fault 2:",
    )
    assert [problem[: len(start)] for problem, start in zip(problems, said, strict=True)] == [*said]
    _, problems = resolved(tmp_path, [], faults={})
    assert problems == ["benchmark_faults: must be a list of faults, e.g. [{at: 30s, do: kill, target: leader}]"]
    _, problems = resolve_plan("nothing", SCENARIOS, {"faults": {}}, fleet=THREE)
    assert problems[1].startswith("benchmark_faults: must be a list of faults")


def test_faults_of_both_settings_must_not_meet(tmp_path: Path) -> None:
    _, (problem,) = resolved(tmp_path, [PAUSE], faults=[PAUSE | {"at": "33s", "allow_no_quorum": True}])
    assert problem.startswith(
        "benchmark_faults: pause follower for 5 s at 33 s may meet one process while pause follower for 5 s (faults in"
        " mine.yml) from 30 s on still lasts"
    )
    named = {"at": "20s", "do": "pause", "for": "20s"}
    _, (problem,) = resolved(tmp_path, [named | {"at": "25s", "target": "zk1"}], faults=[named | {"target": "zk2"}])
    assert problem.startswith(
        "faults in mine.yml: pause zk1 for 20 s at 25 s, with pause zk2 for 20 s (benchmark_faults) from 20 s on,"
        " leaves 1 of 3 voters"
    )
    upgrade = {"at": "1s", "do": "rolling-upgrade", "to": "3.9.3"}
    _, problems = resolved(tmp_path, [upgrade], faults=[upgrade | {"at": "40s"}])
    said = "benchmark_faults: rolling-upgrade to 3.9.3 at 40 s: the members have 3.9.3 since 1 s (faults in mine.yml); "
    assert any(problem.startswith(said) for problem in problems), problems


def test_there_are_not_more_than_a_thousand_together(tmp_path: Path) -> None:
    many = [{"at": 1, "do": "snapshot", "target": "zk1"}] * 600
    assert len(planned(tmp_path, many)) == 600
    _, problems = resolved(tmp_path, many, faults=many)
    assert problems == [
        "faults in mine.yml and benchmark_faults: has more than 1000 faults, with those that come again; write a longer"
        " `every`"
    ]


def test_each_wrong_fault_is_told_though_others_are_wrong(tmp_path: Path) -> None:
    own = [KILL | {"do": "kil"}, KILL | {"at": "99s"}]
    _, problems = resolved(tmp_path, own, faults=[PAUSE | {"for": "1ms"}, KILL | {"target": "leadr"}])
    for said in (
        "fault 1: do [kil]",
        "fault 2: at [99 s] is not before the end",
        "benchmark_faults: fault 1: for [1ms] is too short",
        "benchmark_faults: fault 2: target [leadr]",
    ):
        assert [problem for problem in problems if said in problem], said
