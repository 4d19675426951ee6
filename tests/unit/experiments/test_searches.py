"""Searches for a capacity: what is refused before they start, and how they end and are continued."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.errors import FleetError, InputError
from fleet.experiments import manifest
from fleet.experiments.conduct import Wish, conduct
from fleet.experiments.runner import Outcome, Request
from tests.unit.experiments.controller import Controller


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        (
            "p99 of gett < 5ms",
            "objectives [p99 of gett < 5ms]: the load of arm ensemble (read-mostly) has no operation gett, did you "
            "mean get?; it has: exists, get, set",
        ),
        ("failures of lock_acquire < 1%", "has no operation lock_acquire"),
    ],
)
def test_an_objective_for_an_operation_that_the_scenario_has_not_is_refused(
    tmp_path: Path, objective: str, said: str
) -> None:
    content = {"kind": "capacity", "scenario": "read-mostly", "objectives": ["p99 < 1s", objective]}
    assert said in Controller(tmp_path).refusal(content)


def test_an_objective_for_an_operation_of_the_scenario_is_none(tmp_path: Path) -> None:
    objectives = ["p99 of get < 1s", "failures of exists < 1%", "p99 of all operations < 1s"]
    # 9 % of the load are exists: so few that a lower rate could not show that less than 1 % of them fail.
    rates = {"lowest": 300}
    content = {"kind": "capacity", "scenario": "read-mostly", "objectives": objectives, "rates": rates}
    assert "no problem" in Controller(tmp_path).conduct(content, only_check=True)[-1]


FEW_FAILURES = {"kind": "capacity", "scenario": "read-mostly", "objectives": ["failures < 0.1%"]}


def test_failures_that_the_lowest_rate_cannot_show_to_be_few_are_refused(tmp_path: Path) -> None:
    # 3,838 operations without a failure suffice for 0.1 % (Wilson). Their number varies: with a Poisson process, a run
    # that is to have so many has fewer about every second time.
    few = FEW_FAILURES | {"variables": {"benchmark_run_time": "10s"}, "rates": {"lowest": 383.8}}
    assert Controller(tmp_path).refusal(few) == (
        "objectives [failures < 0.1%]: to show this, a run without failures takes 3,838 such operations, and 20 % "
        "more because their number varies; at the lowest rate, 383.8/s, a run of arm ensemble has about 3,838 in 10 s; "
        "set rates.lowest to 461 or benchmark_run_time to 12 s, or more, or raise the limit"
    )
    assert "a run of arm ensemble has about 4,600 in 10 s" in Controller(tmp_path).refusal(
        few | {"rates": {"lowest": 460}}
    )
    enough = few | {"rates": {"lowest": 461}}
    assert "no problem" in Controller(tmp_path).conduct(enough, only_check=True)[-1]


def test_failures_of_an_operation_count_by_its_weight(tmp_path: Path) -> None:
    few = FEW_FAILURES | {"objectives": ["failures of set < 0.1%"], "rates": {"lowest": 1000}}
    said = Controller(tmp_path).refusal(few)  # 1 % of the load
    assert "at the lowest rate, 1,000/s, a run of arm ensemble has about 200 in 20 s" in said
    assert "set rates.lowest to 23,028" in said


SEARCH = {
    "kind": "capacity",
    "scenario": "read-mostly",
    "objectives": ["p99 < 1s", "p50 < 2s"],
    "rates": {"lowest": 20, "first": 100, "highest": 1000},
}


class Search(Controller):
    """Conducts searches with an ensemble that meets the objectives up to a rate."""

    limit_per_s = 50.0
    carried_per_s = 1000.0
    """What the load side carries."""

    def benchmark(self, request: Request) -> Outcome:
        self.asked.append(request)
        rate = request.rate_per_s or 0
        carried = min(rate, self.carried_per_s)
        step = {"objectives": [], "load_hosts": 1, "rate_per_s": carried}
        passed = rate <= self.limit_per_s and rate == carried
        return Outcome(f"run-{request.number}", "valid", 1.0, (), passed, rate > carried, step)


def test_a_search_whose_lowest_rate_fails_has_no_success_and_says_what_to_do(tmp_path: Path) -> None:
    controller = Search(tmp_path)
    controller.limit_per_s = 10
    controller.file.write_text(yaml.safe_dump(SEARCH))
    with pytest.raises(FleetError) as caught:
        controller.conduct(experiment=str(controller.file), experiment_id="one")
    assert str(caught.value) == (
        "objectives [p99 < 1s, p50 < 2s]: ensemble does not meet them at the lowest rate of experiment one, 20/s, so "
        "no capacity is known; lower rates.lowest or raise the limits, and begin a new experiment"
    )
    assert any(line.startswith("Experiment one: ensemble does not meet") for line in controller.said)
    folder = controller.results / "experiments" / "one"
    assert (folder / "experiment.html").exists()
    assert manifest.load(folder)["state"] == "finished"


def failure(controller: Search, content: dict[str, Any]) -> str:
    controller.file.write_text(yaml.safe_dump(content))
    with pytest.raises(FleetError) as caught:
        controller.conduct(experiment=str(controller.file), experiment_id="one")
    assert manifest.load(controller.results / "experiments" / "one")["state"] == "finished"
    return str(caught.value)


def test_a_search_whose_lowest_rate_the_load_side_limits_has_no_success_either(tmp_path: Path) -> None:
    controller = Search(tmp_path)
    controller.carried_per_s = 8
    assert failure(controller, SEARCH) == (
        "the load side of ensemble was the limit at the lowest rate of experiment one, 20/s, so no capacity is known; "
        "add at least 2 load hosts, or users if operations were dropped, or lower rates.lowest, and begin a new "
        "experiment"
    )
    assert any(line.startswith("Experiment one: At 20/s, the load side was the limit") for line in controller.said)
    assert (controller.results / "experiments" / "one" / "experiment.html").exists()


def test_each_arm_without_a_capacity_is_named_with_its_own_reason(tmp_path: Path) -> None:
    class Mixed(Search):
        def benchmark(self, request: Request) -> Outcome:
            self.limit_per_s = 10.0 if request.arm.name in ("a", "b") else 1000.0
            self.carried_per_s = 8.0 if request.arm.name == "c" else 1000.0
            return super().benchmark(request)

    arms = {name: {"zookeeper_heap": f"{heap}m"} for heap, name in enumerate("abcd", 300)}
    said = failure(Mixed(tmp_path), SEARCH | {"arms": arms})
    assert "objectives [p99 < 1s, p50 < 2s]: a, b do not meet them at the lowest rate" in said
    assert "\nthe load side of c was the limit at the lowest rate of experiment one, 20/s" in said


def test_a_search_that_the_load_side_limits_above_its_lowest_rate_has_an_answer(tmp_path: Path) -> None:
    controller = Search(tmp_path)
    controller.carried_per_s = controller.limit_per_s = 30
    controller.conduct(SEARCH, experiment_id="one")
    found = manifest.load(controller.results / "experiments" / "one")["capacity"]["ensemble"]
    assert (found["state"], found["low_per_s"]) == ("load side", 20)


def test_a_search_that_finds_a_capacity_returns_its_answer(tmp_path: Path) -> None:
    assert Search(tmp_path).conduct(SEARCH, experiment_id="one")[0].startswith("Experiment one: ensemble carries")


def test_a_search_that_is_longer_than_expected_is_checked_when_it_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = Search(tmp_path)
    controller.conduct(SEARCH, experiment_id="one")
    folder = controller.results / "experiments" / "one"
    content = manifest.load(folder)
    content |= {"state": "interrupted", "capacity": {}, "most_runs": 3, "runs": content["runs"][:5]}
    manifest.save(folder, content)
    monkeypatch.setattr("fleet.experiments.conduct.Benchmarks", None)  # nothing is started without a preflight
    monkeypatch.setattr("fleet.experiments.conduct.preflight", lambda _playbooks, arm: [f"arm {arm.name}: no host"])
    with pytest.raises(InputError, match="arm ensemble: no host"):
        conduct(Wish(resume="one"), controller.playbooks, controller.said.append)
    assert "experiment one: 1 run left, about 1 s" in controller.said
