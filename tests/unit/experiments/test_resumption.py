"""What decides the runs of an experiment, and must be the same when it is continued."""

import shutil
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.errors import InputError
from fleet.experiments import manifest
from lab.places import PROJECT
from tests.unit.experiments.controller import Controller

SCENARIO = {"locustfile": "locust_get.py", "users": 2, "spawn_rate": 2, "warmup": "1s", "run_time": "2s"}
HEAPS = {"small": {"zookeeper_heap": "300m"}, "large": {"zookeeper_heap": "1g"}}
POLICIES = {"a": {"zookeeper_properties": {"tickTime": 1000}}, "b": {"zookeeper_properties": {"tickTime": 3000}}}


class Begun(Controller):
    """An experiment with a scenario and an inventory of its own, whose runs are done."""

    def __init__(self, folder: Path, arms: dict[str, Any], **inventory: Any) -> None:
        super().__init__(folder)
        self.scenario = folder / "mine-load.yml"
        self.scenario.write_text(yaml.safe_dump(SCENARIO))
        self.inventory = folder / "inventory"
        shutil.copytree(PROJECT / "inventory" / "local", self.inventory)
        self.set_members(**inventory)
        self.playbooks = replace(self.playbooks, inventory=(str(self.inventory),))
        self.conduct({"kind": "compare", "scenario": str(self.scenario), "arms": arms}, experiment_id="one")
        assert len(self.asked) == 10

    def set_members(self, **variables: Any) -> None:
        (self.inventory / "group_vars" / "zookeeper" / "more.yml").parent.mkdir(exist_ok=True)
        (self.inventory / "group_vars" / "zookeeper" / "more.yml").write_text(yaml.safe_dump(variables))

    def resumed(self) -> int:
        self.conduct(resume="one", more=1)
        return len(self.asked)


def refusal(begun: Controller) -> str:
    with pytest.raises(InputError) as caught:
        begun.conduct(resume="one", more=1)
    assert len(begun.asked) == 10
    return str(caught.value)


def test_a_scenario_that_was_changed_is_named_with_what_differs(tmp_path: Path) -> None:
    begun = Begun(tmp_path, HEAPS)
    begun.scenario.write_text(yaml.safe_dump(SCENARIO | {"users": 3, "parameters": {"key-size": 16}}))
    said = refusal(begun)
    assert "its scenario, the inventory or -e has other settings than when the experiment began" in said
    assert "its runs would not be comparable: users of the load, first_users of the load, key-size of the load;" in said


def test_variables_of_the_members_that_were_changed_are_named(tmp_path: Path) -> None:
    begun = Begun(tmp_path, POLICIES, zookeeper_java_options=["-XX:+UseG1GC"])
    begun.set_members(zookeeper_java_options=["-XX:+UseZGC"])
    assert "not be comparable: zookeeper_java_options of the inventory; restore them" in refusal(begun)


def test_a_host_that_was_added_is_named(tmp_path: Path) -> None:
    begun = Begun(tmp_path, HEAPS)
    hosts = yaml.safe_load((begun.inventory / "hosts.yml").read_text())
    hosts["locust_workers"]["hosts"]["load2"] = None
    (begun.inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    assert "not be comparable: hosts of the inventory, " in refusal(begun)


def test_a_locustfile_that_was_changed_is_named(tmp_path: Path) -> None:
    file = tmp_path / "locust_mine.py"
    shutil.copy(PROJECT / "zk_locust" / "locustfiles" / "locust_get.py", file)
    begun = Begun(tmp_path, {name: arm | {"benchmark_locustfile": str(file)} for name, arm in HEAPS.items()})
    file.write_text(file.read_text() + "\n# another load\n")
    assert "not be comparable: locustfile of the load; restore" in refusal(begun)


def test_what_decides_no_run_may_change(tmp_path: Path) -> None:
    begun = Begun(tmp_path, HEAPS, zookeeper_super_password="s3cret", zookeeper_heap="256m")
    content = (begun.results / "experiments" / "one" / "manifest.json").read_text()
    assert "s3cret" not in content
    # A secret, a variable that each arm sets itself, and the words and the name of a scenario.
    begun.set_members(zookeeper_super_password="an0ther", zookeeper_heap="2g", other_software=1)
    begun.scenario.write_text("# A note.\n" + yaml.safe_dump(SCENARIO | {"description": "Other words."}))
    assert begun.resumed() == 12


def test_a_corrected_description_and_other_repeats_of_void_runs_are_taken(tmp_path: Path) -> None:
    begun = Begun(tmp_path, HEAPS)
    content = yaml.safe_load(begun.file.read_text())
    content |= {"description": "What it is.", "void_repeats": 7, "budget": "1h"}
    begun.file.write_text(yaml.safe_dump(content, sort_keys=False))
    assert begun.resumed() == 12
    kept = manifest.load(begun.results / "experiments" / "one")
    assert kept["description"] == "What it is."
    assert (kept["settings"]["void_repeats"], kept["settings"]["budget_s"]) == (7, 3600.0)


def test_a_version_with_a_new_parameter_says_which_version_began_the_experiment(tmp_path: Path) -> None:
    begun = Begun(tmp_path, HEAPS)
    folder = begun.results / "experiments" / "one"
    content = manifest.load(folder)
    assert content["version"] == metadata.version("zk-locust")
    del content["decided_by"]["key-size of the load"]
    manifest.save(folder, content | {"version": "0.9"})
    said = refusal(begun)
    assert (
        "would not be comparable: key-size of the load; restore them (variables of -e: benchmark_results_dir)" in said
    )
    assert said.endswith(", continue with the version of zk-locust that began it (0.9), or begin a new experiment")
    manifest.save(folder, {name: value for name, value in content.items() if name != "version"})
    assert refusal(begun).endswith(", continue with the version of zk-locust that began it, or begin a new experiment")


def test_a_variable_without_a_value_that_was_added_is_said(tmp_path: Path) -> None:
    begun = Begun(tmp_path, {"small": HEAPS["small"] | {"zookeeper_user": "zk"}, "large": HEAPS["large"]})
    content = yaml.safe_load(begun.file.read_text())
    content["arms"]["large"]["zookeeper_user"] = None
    begun.file.write_text(yaml.safe_dump(content, sort_keys=False))
    assert "not be comparable: a variable without a value; restore them" in refusal(begun)


def test_an_experiment_of_an_earlier_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    begun = Begun(tmp_path, HEAPS)
    folder = begun.results / "experiments" / "one"
    content = manifest.load(folder)
    del content["decided_by"]
    manifest.save(folder, content)
    assert refusal(begun) == (
        "experiment_resume [one]: an earlier version of zk-locust began this experiment, and did not note what decides "
        "its runs (the scenario, the hosts' variables), so that the runs might not be comparable; continue it with "
        "that version, or begin a new experiment"
    )
