"""Which noise a comparison quotes: that of the same base if there is one, else the nearest, with what differs."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.experiments import inventory_load
from fleet.experiments.conduct import Wish, conduct
from fleet.experiments.playbooks import Playbooks
from fleet.experiments.runner import Outcome
from fleet.inventory import Inventory
from lab.places import PROJECT
from reporting import write_experiment
from tests.unit.experiments.folders import COMPARE, experiment, noisy

NOISE: dict[str, Any] = {"kind": "noise"}
CLIENTS = {
    "kind": "compare",
    "arms": {name: {"benchmark_parameters": {"client": name}} for name in ("kazoo", "native")},
}


def noise(results: Path, number: int = 1, about: dict[str, Any] | None = None, **content: Any) -> None:
    experiment(results, NOISE | content, noisy(number), number=number, about=about)


def quote(
    results: Path, about: dict[str, Any] | None = None, arms: dict[str, Any] = COMPARE, **content: Any
) -> tuple[Any, str]:
    """What a comparison quotes, as data and as a sentence."""
    folder = experiment(results, arms | content, noisy(2), about=about)
    lines = write_experiment(folder)
    sentence = next(line for line in lines if "what this fleet resolves" in line or "this fleet can resolve" in line)
    return json.loads((folder / "experiment.json").read_text())["noise"], sentence


def differs(results: Path, about: dict[str, Any] | None = None, **content: Any) -> dict[str, tuple[str, str]]:
    found = quote(results, about, **content)[0]
    return {each["name"]: (each["noise"], each["here"]) for each in found["differs"]}


def test_noise_of_another_load_is_quoted_with_what_differs(tmp_path: Path) -> None:
    noise(tmp_path, scenario="quick")
    variables = {"benchmark_run_time": "60s"}
    found, said = quote(tmp_path, scenario="read-mostly", variables=variables)
    assert found["experiment_id"] == "noise-1"
    assert found["differs"] == [
        {"name": "benchmark_scenario", "noise": "quick", "here": "read-mostly"},
        {"name": "benchmark_run_time", "noise": "not set", "here": "60s"},
    ]
    assert said.endswith(
        " with the 5 pairs of this experiment. It was measured otherwise, with benchmark_scenario quick (here "
        "read-mostly), benchmark_run_time not set (here 60s), so the noise of this experiment may be another."
    )


def test_noise_of_the_same_base_goes_before_a_newer_one(tmp_path: Path) -> None:
    variables = {"benchmark_users": 8}
    noise(tmp_path, 1, variables=variables)
    noise(tmp_path, 2, variables=variables)
    noise(tmp_path, 3)
    found, said = quote(tmp_path, variables=variables)
    assert (found["experiment_id"], found["differs"]) == ("noise-2", [])
    assert said.endswith(", with the 5 pairs of this experiment.")


def test_the_nearest_noise_has_the_same_scenario(tmp_path: Path) -> None:
    noise(tmp_path, 1, scenario="read-mostly", variables={"benchmark_users": 8, "benchmark_run_time": "5s"})
    noise(tmp_path, 2, scenario="quick")
    found, _ = quote(tmp_path, scenario="read-mostly")
    assert found["experiment_id"] == "noise-1"


def test_noise_of_another_inventory_is_not_quoted(tmp_path: Path) -> None:
    noise(tmp_path, about={"inventory": ["other"]})
    found, said = quote(tmp_path)
    assert found is None
    assert "run an experiment of kind noise" in said


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        ({"benchmark_users": "1"}, {}, {"benchmark_users": ("1", "not set")}),
        ({}, {"benchmark_users": 1}, {"benchmark_users": ("not set", "1")}),
        ({"benchmark_users": "1"}, {"benchmark_users": 1}, {}),
        ({"ansible_user": "ada", "benchmark_results_dir": "/a"}, {"benchmark_results_dir": "/b"}, {}),
        ({"benchmark_parameters": {"kazoo-sasl-options": "a"}}, {"benchmark_parameters": {}},
         {"benchmark_parameters.kazoo-sasl-options": ("(secret)", "not set")}),
    ],
)  # fmt: skip
def test_variables_of_e_count(
    tmp_path: Path, there: dict[str, Any], here: dict[str, Any], expected: dict[str, tuple[str, str]]
) -> None:
    noise(tmp_path, about={"given": there})
    assert differs(tmp_path, {"given": here}) == expected


def test_a_variable_that_arms_differ_in_is_their_question(tmp_path: Path) -> None:
    noise(tmp_path)
    assert differs(tmp_path, arms=CLIENTS) == {}


def test_a_variable_that_arms_differ_in_has_the_value_of_one_of_them(tmp_path: Path) -> None:
    noise(tmp_path, 1, variables={"benchmark_parameters": {"client": "native"}})
    noise(tmp_path, 2, variables={"benchmark_parameters": {"client": "libzookeeper"}})
    found, _ = quote(tmp_path, arms=CLIENTS)
    assert (found["experiment_id"], found["differs"]) == ("noise-1", [])


def test_what_the_inventory_says_counts_for_both(tmp_path: Path) -> None:
    """The arms' dictionaries have those of the inventory laid under them, and noise has none."""
    load = {"benchmark_parameters": {"val-size": 64}, "benchmark_scenario": "quick"}
    noise(tmp_path, about={"inventory_load": load})
    merged = {name: {"benchmark_parameters": {"val-size": 64, "client": name}} for name in ("kazoo", "native")}
    assert differs(tmp_path, {"inventory_load": load}, arms=CLIENTS | {"arms": merged}, scenario="quick") == {}


def test_an_older_manifest_takes_what_the_newer_says_of_the_same_inventory(tmp_path: Path) -> None:
    noise(tmp_path, about={"given": {"benchmark_users": 9}})
    file = tmp_path / "experiments/noise-1/manifest.json"
    content = json.loads(file.read_text())
    del content["given_values"]
    file.write_text(json.dumps(content))
    load = {"benchmark_spawn_rate": 64, "benchmark_scenario": "quick"}
    assert differs(tmp_path, {"inventory_load": load}) == {"benchmark_users": ("not known", "not set")}


def test_noise_of_the_inventory_of_one_arm_says_whose_it_is(tmp_path: Path) -> None:
    three, five = (str(tmp_path / name) for name in ("three", "five"))
    noise(tmp_path, about={"inventory": [three], "inventory_load": {"benchmark_users": 16}})
    arms = {"arms": {"three": {"inventory": three}, "five": {"inventory": five}}}
    assert differs(tmp_path, arms=COMPARE | arms) == {"inventory": (three, f"{three} or {five}")}


def test_noise_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    noise(tmp_path, 1)
    noise(tmp_path, 2)
    noise(tmp_path, 3)
    for number, change in ((2, {"schema_version": 9}), (3, {"arms": [1]})):
        file = tmp_path / f"experiments/noise-{number}/manifest.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert quote(tmp_path)[0]["experiment_id"] == "noise-1"


def test_an_experiment_keeps_what_e_and_the_inventory_say_without_secrets(tmp_path: Path) -> None:
    given = {"sasl_password": "hunter2", "benchmark_label": date(2026, 11, 28)}
    variables = given | {"benchmark_results_dir": str(tmp_path / "results")}
    playbooks = Playbooks(PROJECT / "playbooks", (str(PROJECT / "inventory/local"),), (), variables)
    (tmp_path / "mine.yml").write_text("{kind: noise, scenario: quick}")
    wish = Wish(str(tmp_path / "mine.yml"), "one")
    conduct(wish, playbooks, lambda _: None, lambda request: Outcome(f"run-{request.number}", "valid", 1.0))
    text = (tmp_path / "results/experiments/one/manifest.json").read_text()
    content = json.loads(text)
    assert "hunter2" not in text
    assert content["given_values"]["sasl_password"] == "(secret)"
    assert content["given_values"]["benchmark_label"] == "2026-11-28"
    assert content["inventory_load"]["benchmark_scenario"] == "quick"


def test_the_load_of_an_inventory_is_what_it_sets(tmp_path: Path) -> None:
    members = {"zk1": {"zookeeper_properties": {"tickTime": 500}, "ansible_host": "127.0.0.1"}}
    variables = {"benchmark_users": 16, "benchmark_parameters": {"val-size": 64, "kazoo-sasl-options": "hunter2"}}
    file = tmp_path / "hosts.yml"
    file.write_text(yaml.safe_dump({"all": {"vars": variables, "children": {"zookeeper": {"hosts": members}}}}))
    (tmp_path / "ansible.cfg").touch()
    assert inventory_load.variables_of(Inventory.load([str(file)])) == {
        "benchmark_scenario": "quick",  # the default
        "benchmark_users": 16,
        "benchmark_parameters": {"val-size": 64, "kazoo-sasl-options": "(secret)"},
        "zookeeper_properties": {"tickTime": 500},
    }
