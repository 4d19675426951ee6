"""A workload in a scenario, in place of a locustfile."""

import json
from pathlib import Path
from typing import Any

from tests.unit.load.scenario_files import plan_of, problems_of
from zk_locust.workload.scenario_files import LOCUSTFILES

WORKLOAD: dict[str, Any] = {"operations": {"get": 1}, "nodes": 50_000, "values": 100}


def test_a_workload_stands_for_a_locustfile(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, locustfile=None, workload=WORKLOAD)
    assert plan.locustfile == str(LOCUSTFILES / "locust_workload.py")
    assert json.loads(plan.environment["ZK_LOCUST_WORKLOAD"]) == WORKLOAD
    assert plan.parameters["workload"] == plan.environment["ZK_LOCUST_WORKLOAD"]
    assert 100 < plan.preparation_s < 110, "the run's time limit knows of the tree"
    assert plan.planned_s == plan.preparation_s + 8 / 4 + 5 + 60


def test_every_mistake_of_a_workload_names_the_scenario(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, locustfile=None, workload={"operations": {"gett": 1}, "nodes": 0})
    assert len(problems) == 2
    assert problems[0].startswith(
        "workload in mine.yml: workload.operations.gett [1]: there is no such setting, did you"
    )
    assert problems[1].startswith("workload in mine.yml: workload.nodes [0]: this is not from 1")


def test_a_workload_stands_alone(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, workload=WORKLOAD)
    assert problem.startswith("locustfile [locust_set.py]: the scenario has a workload too")
    changes: dict[str, Any] = {"locustfile": None, "workload": WORKLOAD}
    (problem,) = problems_of(tmp_path, {"parameters": {"workload": '{"operations":{"get":1}}'}}, **changes)
    assert problem.startswith("parameters.workload: there is workload in mine.yml as well; leave out one of them")


def test_watches_of_a_node_are_different_users(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, locustfile=None, workload=WORKLOAD | {"watches": {"per_node": 9}})
    assert problem.startswith(
        "workload in mine.yml: workload.watches.per_node [9]: each is another user's, and there are 8"
    )
