"""The experiments that ship with the project."""

from pathlib import Path

import pytest

from fleet.experiments.arms import arms_of, number_of_runs
from fleet.experiments.overview import lines
from fleet.experiments.specification_reading import read_file
from lab.places import PROJECT
from zk_locust.contract.inventory.names import role_variables

FILES = sorted((PROJECT / "playbooks" / "experiments").glob("*.yml"))
RUNS = {"versions": 10, "clients": 10, "noise": 20, "value-sizes": 24, "capacity": 23, "ensemble-size": 10}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_can_be_read_and_its_scenario_exists(file: Path) -> None:
    spec, problems = read_file(file, role_variables(PROJECT / "roles"))
    assert problems == []
    assert spec is not None
    assert spec.description
    assert (PROJECT / "playbooks" / "scenarios" / f"{spec.scenario}.yml").is_file()
    assert number_of_runs(spec) == RUNS[spec.name]


def test_parameters_of_a_grid_are_laid_over_those_of_all_cells() -> None:
    spec, _ = read_file(PROJECT / "playbooks/experiments/value-sizes.yml", role_variables(PROJECT / "roles"))
    assert spec is not None
    first = arms_of(spec)[0]
    assert first.variables["benchmark_parameters"] == {"min-wait": 0, "max-wait": 0, "client": "native", "val-size": 8}
    assert first.place == ("8", "8")


def test_the_list_names_all_of_them(tmp_path: Path) -> None:
    shown = "\n".join(lines(PROJECT / "playbooks" / "experiments", tmp_path))
    assert all(name in shown for name in RUNS)
    assert "No experiments in" in shown
