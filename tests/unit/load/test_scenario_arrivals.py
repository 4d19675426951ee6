"""The open loop of a scenario: its rate, stages and process."""

from pathlib import Path

from tests.unit.load.scenario_files import plan_of, problems_of
from zk_locust.contract.arrival import START_AHEAD_S, read_stages
from zk_locust.contract.run_plan import run_plan
from zk_locust.workload.scenario_plan import plan_as_json


def test_an_open_loop_is_in_the_plan_and_goes_to_locust_as_parameters(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, arrival={"rate": 1000, "process": "poisson", "seed": 3})
    assert plan.arrival is not None
    assert (plan.arrival["rate_per_s"], plan.arrival["process"], plan.arrival["seed"]) == (1000, "poisson", 3)
    assert plan.environment["ZK_LOCUST_ARRIVAL_RATE"] == "1000.0"
    assert plan.environment["ZK_LOCUST_ARRIVAL_PROCESS"] == "poisson"
    assert plan.planned_s == 8 / 4 + START_AHEAD_S + 5 + 60
    assert plan.notes[0].startswith("8 sessions carry 1,000/s only while an operation takes at most 8 ms.")
    assert not plan.warnings
    (warning,) = plan_of(tmp_path, {"arrival": 20_000}).warnings
    assert warning.startswith(
        "benchmark_arrival: 8 sessions carry 20,000/s only while an operation takes at most 400 µs."
    )
    assert warning.endswith("; raise users, or lower the rate")
    assert plan_of(tmp_path).arrival is None
    assert not plan_of(tmp_path).notes


def test_arrival_stages_say_how_long_the_measured_stage_is(tmp_path: Path) -> None:
    stages = [{"rate": 100, "for": "10s"}, {"from": 100, "to": 300, "for": "20500ms"}]
    plan = plan_of(tmp_path, run_time=None, arrival={"stages": stages})
    assert plan.run_time_s == 31
    assert plan_of(tmp_path, arrival={"stages": stages}, run_time="20s").run_time_s == 20
    assert read_stages(plan.environment["ZK_LOCUST_ARRIVAL_STAGES"])[1].length_s == 20.5


def test_the_inventory_replaces_the_arrival_of_a_scenario(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"arrival": "250"}, arrival={"stages": [{"rate": 1, "for": 1}]})
    assert plan.arrival is not None
    assert plan.arrival["rate_per_s"] == 250


def test_a_bad_arrival_is_named_with_its_source(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, arrival={"rate": 0})
    assert problem.startswith("arrival in mine.yml: arrival.rate [0]: this is not a number of operations a second")
    (problem,) = problems_of(tmp_path, {"arrival": "fast"})
    assert problem.startswith("benchmark_arrival: arrival.rate [fast]: this is not")
    (problem,) = problems_of(tmp_path, {"parameters": {"arrival-rate": 5}})
    assert problem == (
        "benchmark_parameters.arrival-rate [5.0]: the run sets this itself; "
        "set benchmark_arrival, or arrival in the scenario"
    )


def test_what_only_an_open_loop_has_is_refused_without_an_arrival(tmp_path: Path) -> None:
    said = (
        "benchmark_parameters.arrival-workers [4]: there is no arrival rate, so this is a closed loop, which does not "
        "use it; set benchmark_arrival, or arrival in the scenario, or leave this out"
    )
    assert problems_of(tmp_path, parameters={"arrival-workers": 4}) == [said]
    assert problems_of(tmp_path, {"parameters": {"arrival-workers": 4}}) == [said]
    assert plan_of(tmp_path, {"parameters": {"arrival-workers": 4}}, arrival=1000).parameters["arrival-workers"] == 4
    # A rate that is wrong is one mistake.
    assert len(problems_of(tmp_path, {"parameters": {"arrival-workers": 4}}, arrival={"rate": 0})) == 1


def test_the_manifests_plan_has_the_arrival_and_a_warm_up_in_which_users_start(tmp_path: Path) -> None:
    load = plan_as_json(plan_of(tmp_path, arrival=1000, warmup=0, parameters={"client": "native"}), [])["plan"]
    planned = run_plan(load, {"w": 2}, ["w"], ["m"])
    assert planned["arrival"] == load["arrival"]
    assert planned["stages"][0] == {"name": "warm-up", "planned_s": 0}
