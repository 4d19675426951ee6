"""How operations arrive, as scenarios and parameters say it: what is taken, and what is refused with which words."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.load.fakes import options
from zk_locust.contract.arrival import (
    DEFAULT_QUEUE,
    Arrival,
    ArrivalStage,
    carries,
    read_arrival,
    read_stages,
)
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.level_stages import MAX_LENGTH_S
from zk_locust.contract.parameters import parameter_of
from zk_locust.load.schedule import Schedule
from zk_locust.load.settings_check import check_arrival


def arrival(content: object) -> Arrival:
    found, problems = read_arrival(content)
    assert problems == []
    assert found is not None
    return found


def test_a_rate_is_one_stage_without_end() -> None:
    for content in (1000, "1000", {"rate": 1000}):
        assert arrival(content) == Arrival((ArrivalStage(1000, 1000, None),), "uniform", 1, DEFAULT_QUEUE)
    assert arrival(1000).length_s is None
    assert arrival(1000).as_plan()["rate_per_s"] == 1000


def test_stages_are_constant_ramps_and_staircases() -> None:
    content = {
        "stages": [
            {"rate": 1000, "for": "30s"},
            {"from": 1000, "to": 5000, "for": "1m"},
            {"from": 1000, "to": 3000, "steps": 3, "for": 6},
        ],
        "process": "poisson", "seed": 7, "queue": 10,
    }  # fmt: skip
    found = arrival(content)
    assert found == Arrival(
        (
            ArrivalStage(1000, 1000, 30),
            ArrivalStage(1000, 5000, 60),
            *(ArrivalStage(rate, rate, 2) for rate in (1000, 2000, 3000)),
        ),
        "poisson", 7, 10,
    )  # fmt: skip
    assert (found.length_s, found.most_per_s, found.first_per_s) == (96, 5000, 1000)
    plan = found.as_plan()
    assert plan["rate_per_s"] is None
    assert plan["stages"][1] == {"from_per_s": 1000, "to_per_s": 5000, "planned_s": 60}


BAD: list[tuple[Any, str]] = [
    *[({"rate": rate}, f"arrival.rate [{rate}]: this is not a number of operations a second above 0; write e.g. 1000")
      for rate in (0, -5, "fast", float("nan"), float("inf"), True, None, [1])],
    ({"rate": 1e12}, "arrival.rate [1000000000000.0]: this is more than"),
    ({}, "arrival: neither a rate nor stages are given; write {rate: 1000}, or"),
    ({"rate": 1, "stages": []}, "arrival: rate and stages are both given; write"),
    ({"rate": 1, "proces": "uniform"}, "arrival.proces [uniform]: there is no such setting, did you mean process?"),
    ({"rate": 1, "process": "poison"}, "arrival.process [poison]: there is no such process, did you mean poisson?"),
    ({"rate": 1, "queue": 0}, "arrival.queue [0]: this is not a whole number from 1 to"),
    ({"rate": 1, "seed": 1.5}, "arrival.seed [1.5]: this is not a whole number from 0 to"),
    ({"stages": {}}, "arrival.stages [{}]: this is not a list of stages; write e.g. [{rate"),
    ({"stages": []}, "arrival.stages [[]]: this is not a list of stages"),
    ({"stages": ["fast"]}, "arrival.stages[1] [fast]: this is not a stage; write e.g. {rate: 1000, for: 30s}"),
    ({"stages": [{"rate": 5}]}, "arrival.stages[1] [{'rate': 5}]: the stage has no length; add for: 30s"),
    ({"stages": [{"rate": 5, "for": 0}]}, "arrival.stages[1].for [0]: this is no time; write e.g. 30s"),
    ({"stages": [{"rate": 5, "for": "soon"}]}, "arrival.stages[1].for [soon]: this is not a duration; write e.g."),
    *[({"stages": [{"rate": 5, "for": length}]}, f"arrival.stages[1].for [{length}]: this is more than 366 days; write")
      for length in (1e300, "1e300s", "8785h")],
    *[({"rate": rate}, f"arrival.rate [{rate}]: this is less than one operation in 366 days; write")
      for rate in (1e-300, "3e-8")],
    ({"stages": [{"rate": 0, "for": 1}]}, "arrival.stages[1].rate [0]: this is not a number of operations"),
    ({"stages": [{"form": 1, "to": 2, "for": 1}]}, "arrival.stages[1].form [1]: there is no such setting, did"),
    ({"stages": [{"from": 1, "for": 1}]}, "a stage has a rate, or from and to; write {rate: 1000, for: 30s}"),
    ({"stages": [{"from": 1, "to": 2, "steps": 1, "for": 1}]}, "steps [1]: this is not a whole number from 2 to"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "said"), BAD, ids=lambda value: str(value)[:40])
def test_each_mistake_is_named_with_its_value_and_remedy(content: object, said: str) -> None:
    found, problems = read_arrival(content)
    assert found is None
    assert any(problem.startswith(said) or said in problem for problem in problems), problems


def test_the_slowest_rate_and_the_longest_stage_have_a_schedule() -> None:
    found = arrival({"stages": [{"rate": 3.2e-8, "for": "8784h"}] * 2})
    assert found.length_s == 2 * MAX_LENGTH_S
    schedule = Schedule(found, 0, None)
    assert 0 < schedule.due_ns(1) < schedule.end_ns


def test_all_mistakes_are_named_at_once() -> None:
    _, problems = read_arrival({"rate": 0, "process": "x", "queue": -1})
    assert len(problems) == 3


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("arrival-rate", "0", "[0] is not a number of operations a second above 0; write e.g. 1000"),
        ("arrival-rate", "nan", "[nan] is not a number"),
        ("arrival-stages", "[{", "[[{] cannot be used: stages [[{]: this is not a list of stages"),
        ("arrival-stages", '[{"rate": 1}]', "the stage has no length"),
        ("arrival-process", "unifrom", "did you mean uniform?"),
        ("arrival-queue", "0", "[0] is not a whole number from 1"),
        ("arrival-seed", "-1", "[-1] is not a whole number from 0"),
        (
            "stats-collect",
            "99ms",
            "[99ms] is too short: workers report ten times a second at most; write 100ms",
        ),
        ("stats-collect", "1", "[1] is too short"),
    ],
)
def test_parameters_are_refused_with_the_same_words(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is what is tested
        parameter_of(name).value_of(text)
    assert said in str(refused.value)


@pytest.mark.parametrize("rates", [(0.0, 1.0), (1.0, -5.0), (math.nan, 1.0)])
def test_a_stage_without_a_rate_above_0_is_a_mistake_of_the_program(rates: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="a rate is above 0"):
        ArrivalStage(*rates, None)


def test_options_have_the_open_loop_or_none() -> None:
    assert options().arrival is None
    assert options(arrival_rate="500", arrival_queue="9").arrival == Arrival((ArrivalStage(500, 500, None),), queue=9)
    text = '[{"rate": 5, "for": "2s"}]'
    assert options(arrival_stages=text).arrival == Arrival(tuple(read_stages(text)))
    with pytest.raises(ConfigurationError, match=r"--arrival-rate \[5\]: --arrival-stages is given as well; leave out"):
        options(arrival_rate=5.0, arrival_stages=text)


def test_a_rate_that_no_worker_can_count_is_refused() -> None:
    check_arrival(SimpleNamespace(arrival_rate=2e6, expect_workers=2))
    with pytest.raises(ConfigurationError, match=r"--arrival-rate \[2e\+06/s\]: a worker counts 1,000,000/s at most"):
        check_arrival(SimpleNamespace(arrival_rate=2e6, expect_workers=1))


@pytest.mark.parametrize(
    ("name", "value"),
    [("arrival-process", "poisson"), ("arrival-seed", 7), ("arrival-queue", 100), ("arrival-workers", 4)],
)
def test_what_only_an_open_loop_has_is_refused_without_a_rate(name: str, value: object) -> None:
    destination = parameter_of(name).destination
    for given in (value, str(value)):  # Locust's page hands on text
        check_arrival(SimpleNamespace(arrival_rate=5.0, **{destination: given}))
        check_arrival(SimpleNamespace(arrival_stages='[{"rate": 5, "for": "2s"}]', **{destination: given}))
        with pytest.raises(ConfigurationError) as refused:
            check_arrival(SimpleNamespace(**{destination: given}))
        assert str(refused.value) == (
            f"--{name} [{value}]: there is no arrival rate, so this is a closed loop, which does not use it; "
            "add --arrival-rate or --arrival-stages, or leave this out"
        )


def test_a_default_is_no_mistake_without_a_rate() -> None:
    check_arrival(SimpleNamespace())
    check_arrival(SimpleNamespace(arrival_process="uniform", arrival_seed=1, arrival_queue=DEFAULT_QUEUE))
    check_arrival(SimpleNamespace(arrival_process="", arrival_seed="", arrival_queue=None, arrival_workers=None))


def test_what_the_sessions_carry_is_said_by_littles_law() -> None:
    text = carries(32, 10_000, 10)
    assert text.startswith("32 sessions carry 10,000/s only while an operation takes at most 3.2 ms.")
    assert text.endswith("With operations as long as their time limit, 10 s, the sessions carry 3.2/s")
