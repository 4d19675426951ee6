"""The sequence: its steps, which of them are chosen, and which is when."""

from types import SimpleNamespace

import pytest

from tests.unit.load.fakes import FakeZooKeeper, Recorded, locust_client
from zk_locust.contract.errors import ConfigurationError
from zk_locust.load.sequence import Schedule
from zk_locust.load.sequence_length import VALUE_SIZES, sequence_length_s
from zk_locust.load.sequence_steps import STEPS, chosen_steps


def names(include: str | None) -> list[str]:
    return [step.name for step in chosen_steps(include)]


def test_each_operation_has_its_step_with_each_size_where_sizes_matter() -> None:
    families = ("set", "get", "set_and_get", "create_and_delete", "watch")
    sized = {f"{name}_{size}" for name in families for size in VALUE_SIZES}
    others = {"connect", "exists", "exists_many", "get_children", "get_children2"}
    assert {step.name for step in STEPS} == sized | others
    assert len(STEPS) == len(sized | others)


@pytest.mark.parametrize(
    ("include", "chosen"),
    [
        ("set_512", ["set_512"]),
        ("watch", ["watch_8", "watch_512", "watch_8192"]),
        ("*_512", ["set_512", "get_512", "set_and_get_512", "create_and_delete_512", "watch_512"]),
        (" get_children2 , connect ", ["connect", "get_children2"]),
        ("set_8,set*", ["set_8", "set_512", "set_8192", "set_and_get_8", "set_and_get_512", "set_and_get_8192"]),
    ],
)
def test_steps_are_chosen_by_name_family_or_pattern_in_the_suites_order(include: str, chosen: list[str]) -> None:
    assert names(include) == chosen


@pytest.mark.parametrize("include", [None, "", " , "])
def test_without_a_pattern_all_are_chosen(include: str | None) -> None:
    assert names(include) == [step.name for step in STEPS]


def test_a_pattern_that_fits_nothing_is_an_error_also_beside_one_that_fits() -> None:
    with pytest.raises(ConfigurationError, match=r"--bench-include \[sett\]: it fits no step, did you mean set_"):
        chosen_steps("get_8,sett")


def test_the_schedule_says_which_turn_is_when() -> None:
    schedule = Schedule.of(SimpleNamespace(bench_include="get", bench_repetitions=2, bench_step_duration=1.5))
    assert [step.name for step in schedule.turns] == ["get_8", "get_512", "get_8192"] * 2
    assert schedule.total_s == 9.0
    assert [schedule.turn_at(s) for s in (-1.0, 0.0, 1.49, 1.5, 8.9, 9.0, 100.0)] == [0, 0, 0, 1, 5, 5, 5]


def test_the_schedule_has_defaults() -> None:
    assert Schedule.of(SimpleNamespace()).total_s == 10.0 * len(STEPS) == sequence_length_s()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_steps_requests_are_counted_under_its_name(step: object) -> None:
    client = locust_client(FakeZooKeeper(), Recorded())
    mix = step.operations(client)  # type: ignore[attr-defined]
    assert mix
    for operation, weight in mix:
        assert operation.label.startswith(f"{step.name}/")  # type: ignore[attr-defined]
        assert weight >= 1
