"""The experiments that ship with the project."""

import re
from pathlib import Path

import pytest

from fleet.experiments.arms import arms_of, number_of_runs
from fleet.experiments.duration import Inventories, plans_of, probes
from fleet.experiments.failure_limits import too_few_operations
from fleet.experiments.overview import lines
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.specification_reading import read_file
from lab.places import PROJECT
from zk_locust.contract.durations import parse_duration_ms
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.contract.faults.lists import read_faults
from zk_locust.contract.inventory.names import role_variables

FILES = sorted((PROJECT / "playbooks" / "experiments").glob("*.yml"))
RECOVERY = {"recovery": 10, "failover": 15, "upgrade": 5}
RUNS = RECOVERY | {"versions": 10, "clients": 10, "noise": 20, "value-sizes": 24, "capacity": 23, "ensemble-size": 10}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_can_be_read_and_its_scenario_exists(file: Path) -> None:
    spec, problems = read_file(file, role_variables(PROJECT / "roles"))
    assert problems == []
    assert spec is not None
    assert spec.description
    assert (PROJECT / "playbooks" / "scenarios" / f"{spec.scenario}.yml").is_file()
    assert number_of_runs(spec) == RUNS[spec.name]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_can_meet_its_objectives_at_its_lowest_rate(file: Path) -> None:
    spec, _ = read_file(file, role_variables(PROJECT / "roles"))
    assert spec is not None
    if spec.objectives:
        playbooks = Playbooks(PROJECT / "playbooks", (str(PROJECT / "inventory" / "local"),), (), {})
        arms = probes(spec, arms_of(spec))
        assert too_few_operations(spec, arms, plans_of(playbooks, Inventories(playbooks), arms)) == []


@pytest.mark.parametrize("name", RECOVERY)
def test_the_faults_can_be_done_to_three_members(name: str) -> None:
    spec, _ = read_file(PROJECT / "playbooks" / "experiments" / f"{name}.yml", role_variables(PROJECT / "roles"))
    assert spec is not None
    run_time_s = parse_duration_ms(spec.variables["benchmark_run_time"]) / 1000
    planned, problems = read_faults(spec.variables["benchmark_faults"], FaultFleet(("zk1", "zk2", "zk3")), run_time_s)
    assert problems == []
    assert {fault.do for fault in planned} <= {"kill", "pause", "partition", "rolling-upgrade"}


def test_parameters_of_a_grid_are_laid_over_those_of_all_cells() -> None:
    spec, _ = read_file(PROJECT / "playbooks/experiments/value-sizes.yml", role_variables(PROJECT / "roles"))
    assert spec is not None
    first = arms_of(spec)[0]
    assert first.variables["benchmark_parameters"] == {"min-wait": 0, "max-wait": 0, "client": "native", "val-size": 8}
    assert first.place == ("8", "8")


def test_the_list_says_how_many_runs_each_has_and_how_long_they_take(tmp_path: Path) -> None:
    playbooks = Playbooks(PROJECT / "playbooks", (str(PROJECT / "inventory" / "local"),), (), {})
    shown = lines(playbooks, tmp_path)
    named = {line.split()[0]: line for line in shown if line.split()[:1] and line.split()[0] in RUNS}
    assert named.keys() == RUNS.keys()
    assert re.search(r"capacity +≤ 23 +≤ \d+ min", named["capacity"])
    # Ten runs of 60 s, the longest warm-up that `auto` may take, and what a run takes beside its load.
    assert re.search(r"compare +10 +28 min 13 s +Whether one release", named["versions"])
    assert re.search(r"compare +10 +What two more members", named["ensemble-size"])
    assert (
        "The time of ensemble-size is not known: inventory [inventory/three] does not exist; name a file"
        in "\n".join(shown)
    )
    assert "No experiments in" in shown[-1]


def test_an_experiment_whose_scenario_is_wrong_has_no_time_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "playbooks" / "experiments").mkdir(parents=True)
    (tmp_path / "roles").symlink_to(PROJECT / "roles")
    (tmp_path / "playbooks" / "scenarios").symlink_to(PROJECT / "playbooks" / "scenarios")
    (tmp_path / "playbooks" / "experiments" / "mine.yml").write_text("{kind: noise, scenario: quik}")
    shown = lines(Playbooks(tmp_path / "playbooks", (str(PROJECT / "inventory" / "local"),), (), {}), tmp_path)
    assert any(line.startswith("The time of mine is not known: arm first: benchmark_scenario [quik]") for line in shown)
