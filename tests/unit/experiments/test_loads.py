"""What makes a load another one."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from fleet.experiments.loads import load_of
from lab.places import PROJECT
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.inventory.names import OVERRIDES
from zk_locust.workload.scenario_plan import plan_as_json
from zk_locust.workload.scenarios import resolve_plan

THREE = FaultFleet(("zk1", "zk2", "zk3"), managed=True)
PROGRAM = {"parameters": {"zk-dispatch-program": "disable_leader\nsleep 1000\nenable_all"}}
OTHER: dict[str, dict[str, Any]] = {
    **{"locustfile": {"locustfile": "locust_get.py"}, "users": {"users": 3}, "spawn_rate": {"spawn_rate": 3}},
    **{"warmup": {"warmup": "3s"}, "run_time": {"run_time": "30s"}},
    "user_stages": {"user_stages": [{"users": 3, "for": "5s"}]},
    "arrival": {"arrival": {"rate": 100}},
    "faults": {"faults": [{"at": "5s", "do": "pause", "target": "leader", "for": "1s"}]},
    "dispatch": {**PROGRAM, "dispatch": {"for": "2s"}},
    "parameters": {"parameters": {"val-size": 3}},
    "scenario_faults": {"scenario_faults": False},
}
"""For each override, a value that is not that of the scenario `quick`."""


def load(scenario: str = "quick", **overrides: Any) -> dict[str, Any]:
    plan, problems = resolve_plan(scenario, PROJECT / "playbooks" / "scenarios", overrides, fleet=THREE)
    assert problems == []
    return load_of(plan_as_json(plan, [])["plan"])


@pytest.mark.parametrize("name", OVERRIDES)
def test_whatever_a_variable_overrides_makes_another_load(name: str, tmp_path: Path) -> None:
    quick = (PROJECT / "playbooks" / "scenarios" / "quick.yml").read_text()
    faulted = tmp_path / "quick.yml"
    faulted.write_text(f"{quick}faults: [{{at: 9s, do: kill, target: leader}}]\n")
    scenario = str(faulted) if name == "scenario_faults" else "quick"
    assert load(scenario, **OTHER[name]) != load(scenario, **(PROGRAM if name == "dispatch" else {}))


def test_the_place_of_a_locustfile_makes_no_other_load(tmp_path: Path) -> None:
    copy = tmp_path / "locust_set_and_get.py"
    shutil.copy(PROJECT / "zk_locust" / "locustfiles" / copy.name, copy)
    assert load(locustfile=str(copy)) == load()
