"""What is refused before anything is started, and what a resumed experiment must have in common with the first part."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.errors import FleetError, InputError
from fleet.experiments import manifest
from fleet.experiments.conduct import Wish, conduct
from fleet.experiments.overview import lines
from fleet.experiments.playbooks import forwarded
from fleet.experiments.runner import Outcome, Request
from lab.places import PROJECT
from tests.unit.experiments.controller import COMPARE, Controller


def test_an_experiment_says_how_many_runs_and_how_long(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    assert controller.said[0] == "experiment one: compare, 10 runs, about 4 min 50 s"
    assert len(controller.asked) == 10


def test_arms_that_the_inventory_makes_equal_are_refused(tmp_path: Path) -> None:
    arms = {"as-it-is": {}, "same": {"zookeeper_heap": "256m"}}
    said = Controller(tmp_path).refusal(COMPARE | {"arms": arms})
    assert said.startswith("arms.same: its runs would be the same as those of arms.as-it-is, because the inventory")


KILL = [{"at": "1s", "do": "kill", "target": "leader"}]
RECOVERY = COMPARE | {"kind": "recovery", "variables": COMPARE["variables"] | {"benchmark_faults": KILL}}


def test_faults_are_repeated_in_every_arm(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(RECOVERY, experiment_id="one")
    assert controller.said[0] == "experiment one: recovery, 10 runs, about 4 min 50 s"
    assert sorted(request.arm.name for request in controller.asked) == ["large"] * 5 + ["small"] * 5
    controller.conduct(resume="one", more=2)
    assert len(controller.asked) == 14


def test_an_experiment_of_recovery_without_faults_is_refused(tmp_path: Path) -> None:
    said = Controller(tmp_path).refusal(COMPARE | {"kind": "recovery"})
    assert said.startswith("arm small: its runs (quick) have no faults; let the scenario have some, or write e.g. var")
    assert "arm large: its runs (quick) have no faults" in said


def test_arms_with_different_faults_are_refused(tmp_path: Path) -> None:
    other = [KILL[0] | {"target": "follower"}]
    arms = {"leader": {"benchmark_faults": KILL}, "follower": {"benchmark_faults": other}}
    said = Controller(tmp_path).refusal(COMPARE | {"kind": "recovery", "arms": arms})
    assert said.startswith("arm follower: its faults are not those of arm leader, so that nothing can be compared")


def test_a_fault_that_is_wrong_is_refused(tmp_path: Path) -> None:
    wrong = {"variables": COMPARE["variables"] | {"benchmark_faults": [KILL[0] | {"do": "kil"}]}}
    said = Controller(tmp_path).refusal(RECOVERY | wrong)
    assert "arm small: benchmark_faults: fault 1: do [kil]: there is no such action, did you mean kill?" in said


def test_a_budget_that_is_too_short_is_refused(tmp_path: Path) -> None:
    said = Controller(tmp_path).refusal(COMPARE | {"budget": "1m"})
    assert said == (
        "budget [1 min]: 10 runs of about 29 s take about 4 min 50 s; raise it, shorten the runs, or leave out arms"
    )


def test_a_scenario_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    said = Controller(tmp_path).refusal(COMPARE | {"scenario": "quik"})
    assert "arm small: benchmark_scenario [quik]: there is no such scenario, did you mean quick?" in said


def test_a_variable_that_is_set_twice_is_refused(tmp_path: Path) -> None:
    said = Controller(tmp_path, zookeeper_heap="1g").refusal(COMPARE)
    assert said.startswith("zookeeper_heap: it is set by the experiment and with -e")


def test_fresh_data_of_an_external_ensemble_is_refused(tmp_path: Path) -> None:
    said = Controller(tmp_path, zookeeper_managed=False).refusal(COMPARE)
    assert "data [fresh]: the ensemble of arm small is external" in said


def test_an_inventory_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    arms = {"here": {}, "there": {"inventory": str(tmp_path / "none")}}
    assert "none] does not exist" in Controller(tmp_path).refusal(COMPARE | {"arms": arms})


def test_an_unknown_experiment_is_refused_with_the_nearest(tmp_path: Path) -> None:
    said = Controller(tmp_path).refusal(experiment="version")
    assert said.startswith("experiment [version]: there is no such experiment, did you mean versions?")


def test_more_pairs_need_an_experiment(tmp_path: Path) -> None:
    assert "experiment_more [5]: say which experiment" in Controller(tmp_path).refusal(COMPARE, more=5)


def test_an_id_that_exists_is_refused(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    with pytest.raises(InputError, match=r"experiment_id \[one\]: .* exists"):
        controller.conduct(COMPARE, experiment_id="one")


def test_pairs_are_added_to_an_experiment_that_has_ended(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    controller.conduct(resume="one", more=2)
    assert len(controller.asked) == 14
    content = manifest.load(controller.results / "experiments" / "one")
    assert (content["state"], len(content["plan"])) == ("finished", 14)
    shown = lines(controller.playbooks, controller.results)
    assert any("one" in line and "14 of 14" in line for line in shown)


def test_pairs_beyond_the_budget_are_not_added(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE | {"budget": "5m"}, experiment_id="one")
    folder = controller.results / "experiments" / "one"
    content = manifest.load(folder)
    manifest.save(folder, content | {"runs": [entry | {"took_s": 29.0} for entry in content["runs"]]})
    with pytest.raises(InputError, match=r"budget \[5 min\]: the runs so far took 4 min 50 s, and the 4 that are left"):
        controller.conduct(resume="one", more=2)
    assert len(manifest.load(folder)["plan"]) == 10
    controller.file.write_text(yaml.safe_dump(COMPARE | {"budget": "10m"}, sort_keys=False))
    controller.conduct(resume="one", more=2)
    assert len(controller.asked) == 14


GRID = {name: COMPARE[name] for name in ("scenario", "variables")} | {
    "kind": "matrix",
    "grid": {"zookeeper_heap": ["300m", "1g"]},
}


@pytest.mark.parametrize(
    ("content", "more", "remedy"),
    [
        (COMPARE, 1, "raise it, or add fewer pairs"),
        (GRID, 1, "raise it, or add fewer repeats"),
        (COMPARE, 0, "about 2 s; raise it"),
        (GRID, 0, "about 2 s; raise it"),
    ],
)
def test_the_remedy_for_a_budget_is_one_that_the_experiment_has(
    tmp_path: Path, content: dict[str, Any], more: int, remedy: str
) -> None:
    controller = Controller(tmp_path)
    controller.conduct(content, experiment_id="one")
    folder = controller.results / "experiments" / "one"
    kept = manifest.load(folder)
    manifest.save(folder, kept | {"runs": kept["runs"][: None if more else -2]})
    controller.file.write_text(yaml.safe_dump(content | {"budget": "3s"}, sort_keys=False))
    with pytest.raises(InputError) as caught:
        controller.conduct(resume="one", more=more)
    assert str(caught.value).endswith(remedy)


def test_only_what_an_experiment_has_can_be_left_out_for_its_budget(tmp_path: Path) -> None:
    said = Controller(tmp_path).refusal(GRID | {"budget": "1m"})
    assert said.endswith("raise it, shorten the runs, or leave out values of the grid")
    noise = {name: COMPARE[name] for name in ("scenario", "variables")} | {"kind": "noise", "budget": "1m"}
    assert Controller(tmp_path).refusal(noise).endswith("take about 4 min 50 s; raise it, or shorten the runs")


def test_pairs_that_preflight_refuses_are_not_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    monkeypatch.setattr("fleet.experiments.conduct.preflight", lambda _playbooks, arm: [f"arm {arm.name}: no host"])
    with pytest.raises(InputError, match="arm small: no host"):
        conduct(Wish(resume="one", more=2), controller.playbooks, controller.said.append)
    content = manifest.load(controller.results / "experiments" / "one")
    assert (len(content["plan"]), content["state"]) == (10, "finished")


def test_the_manifest_is_read_when_no_other_controller_can_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    load = manifest.load
    held: list[bool] = []

    def noting(folder: Path) -> dict[str, Any]:
        held.append(manifest.is_held(folder))
        return load(folder)

    monkeypatch.setattr(manifest, "load", noting)
    controller.conduct(resume="one", more=1)
    assert held
    assert all(held)


def test_an_experiment_whose_settings_have_changed_is_not_continued(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    controller.file.write_text(yaml.safe_dump(COMPARE | {"variables": {"benchmark_run_time": "3s"}}))
    with pytest.raises(InputError, match="has other settings than when the experiment began"):
        controller.conduct(resume="one", more=1)


def test_an_experiment_of_a_version_with_other_reports_is_not_continued(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    report = controller.results / "run-3" / "report.json"
    report.parent.mkdir()
    report.write_text('{"schema_version": 7}')
    expected = (
        r"experiment_resume \[one\]: the report of run run-3 has schema 7, .* writes 1, .* `fab report --run run-3`"
    )
    with pytest.raises(InputError, match=expected):
        controller.conduct(resume="one", more=1)
    (controller.results / "run-4").mkdir()
    (controller.results / "run-4" / "report.json").write_text('{"schema_version": 6}')
    with pytest.raises(InputError, match="its runs have reports of schemas 6, 7, which cannot be compared"):
        controller.conduct(resume="one", more=1)
    assert len(controller.asked) == 10


def test_an_experiment_is_not_continued_with_another_inventory(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.conduct(COMPARE, experiment_id="one")
    local = str(PROJECT / "inventory" / "local")
    assert any(line.endswith(f"continue it with -e experiment_resume=one -i {local}") for line in controller.said)
    controller.playbooks = replace(controller.playbooks, inventory=(local, local))
    with pytest.raises(InputError, match=f"may have other hosts; continue it with -e experiment_resume=one -i {local}"):
        controller.conduct(resume="one", more=1)


def test_an_experiment_is_not_continued_with_other_variables_of_the_command_line(tmp_path: Path) -> None:
    controller = Controller(tmp_path, benchmark_users=3)
    controller.conduct(COMPARE, experiment_id="one")
    other = {**controller.playbooks.variables, "benchmark_users": 4}
    controller.playbooks = replace(controller.playbooks, variables=other)
    with pytest.raises(InputError, match=r"or -e has other settings .* \(variables of -e: benchmark_results_dir, b"):
        controller.conduct(resume="one", more=1)


def test_a_secret_of_the_command_line_may_change_and_is_not_kept(tmp_path: Path) -> None:
    controller = Controller(tmp_path, ansible_password="s3cret")
    controller.conduct(COMPARE, experiment_id="one")
    assert "s3cret" not in (controller.results / "experiments" / "one" / "manifest.json").read_text()
    other = {**controller.playbooks.variables, "ansible_password": "an0ther"}
    controller.playbooks = replace(controller.playbooks, variables=other)
    controller.conduct(resume="one", more=1)
    assert len(controller.asked) == 12


def test_an_interruption_says_what_still_runs(tmp_path: Path) -> None:
    controller = Controller(tmp_path)

    def interrupted(_: Request) -> Outcome:
        raise KeyboardInterrupt("benchmark.yml still runs as process 7")

    controller.file.write_text(yaml.safe_dump(COMPARE, sort_keys=False))
    wish = Wish(experiment=str(controller.file), experiment_id="one")
    with pytest.raises(FleetError, match=r"one was interrupted; benchmark.yml still runs as process 7; continue it"):
        conduct(wish, controller.playbooks, controller.said.append, interrupted)
    content = manifest.load(controller.results / "experiments" / "one")
    assert (content["state"], content["reason"]) == ("interrupted", "benchmark.yml still runs as process 7")


def test_an_experiment_that_does_not_exist_is_not_continued(tmp_path: Path) -> None:
    assert Controller(tmp_path).refusal(resume="one").startswith("experiment_resume [one]: there is no such experiment")


@pytest.mark.parametrize("option", ["ask_pass", "become_ask_pass", "ask_vault_pass"])
def test_options_that_ask_are_refused(option: str) -> None:
    with pytest.raises(InputError, match="the runs of an experiment cannot ask"):
        forwarded({option: True})


def test_options_of_this_playbook_reach_the_benchmarks() -> None:
    given = {"vault_ids": ["a@file"], "private_key_file": "key", "forks": 7, "become": True}
    assert forwarded(given) == ("--vault-id=a@file", "--private-key=key", "--forks=7", "--become")


@pytest.mark.parametrize(("option", "value"), [("subset", "zk1"), ("tags", ("run",)), ("skip_tags", ["report"])])
def test_options_that_leave_out_parts_of_benchmarks_are_refused(option: str, value: object) -> None:
    assert forwarded({"tags": ("all",), "skip_tags": ()}) == ()
    with pytest.raises(InputError, match="needs complete benchmarks on all hosts; leave it out"):
        forwarded({option: value})


def test_check_mode_starts_nothing(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    lines = controller.conduct(COMPARE, experiment_id="one", only_check=True)
    assert lines[0] == "experiment one: compare, 10 runs, about 4 min 50 s"
    assert lines[1] == "check mode: there is no problem, and nothing was started"
    assert controller.asked == []
    assert not (controller.results / "experiments").exists()
