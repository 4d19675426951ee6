"""The search for a capacity, with servers whose capacity is known."""

import random

import pytest

from fleet.experiments.capacity import Capacity, Step, longest_search, more_load_hosts, next_rate


def search(
    capacity: float, rates: tuple[float, float, float] = (10, 100, 100_000), noise: float = 0, seed: int = 1
) -> tuple[Capacity, list[Step]]:
    """Search with a server that meets the objectives below a rate, which varies by `noise`."""
    steps: list[Step] = []
    choice = random.Random(seed)
    while not isinstance(found := next_rate(steps, *rates), Capacity):
        steps.append(Step(found, found <= capacity * (1 + choice.gauss(0, noise))))
    return found, steps


@pytest.mark.parametrize("capacity", [11, 99, 100, 101, 499, 500, 12_345, 60_000])
def test_the_answer_is_within_5_percent(capacity: float) -> None:
    found, steps = search(capacity)
    assert found.state == "confirmed"
    assert found.low_per_s is not None
    assert found.high_per_s is not None
    assert found.low_per_s <= capacity < found.high_per_s <= 1.06 * found.low_per_s
    assert len(steps) <= longest_search(10, 100, 100_000)


def test_the_answer_is_confirmed_by_three_runs_there_and_10_percent_above() -> None:
    found, steps = search(500)
    assert sum(step.rate_per_s == found.low_per_s for step in steps) == 3
    assert sum(step.rate_per_s == pytest.approx(1.1 * (found.low_per_s or 0), rel=0.01) for step in steps) == 3


def test_a_run_that_fails_by_chance_is_not_the_upper_end_of_a_confirmed_answer() -> None:
    steps: list[Step] = []
    while not isinstance(found := next_rate(steps, 10, 100, 100_000), Capacity):
        unlucky = found == 482 and not any(step.rate_per_s == found for step in steps)
        steps.append(Step(found, found <= 500 and not unlucky))
    assert 482 in {step.rate_per_s for step in steps}
    assert found.state == "confirmed"
    assert sum(step.rate_per_s == found.high_per_s for step in steps) >= 3
    assert found.low_per_s is not None
    assert found.high_per_s is not None
    assert found.low_per_s <= 500 < found.high_per_s


def test_noise_between_runs_moves_the_answer_by_little() -> None:
    for seed in range(20):
        found, _ = search(500, noise=0.03, seed=seed)
        assert found.low_per_s == pytest.approx(500, rel=0.12), (seed, found)


def test_objectives_that_fail_at_the_lowest_rate_are_said_after_three_runs() -> None:
    found, steps = search(5)
    assert found == Capacity("none", None, 10)
    assert [step.rate_per_s for step in steps] == [10, 10, 10]


def test_a_capacity_below_the_first_rate_is_bracketed_by_factors_of_1_5() -> None:
    _, steps = search(300, (10, 1000, 10_000))
    assert [step.rate_per_s for step in steps][:6] == [10, 1000, 667, 445, 297, 364]


def test_a_capacity_beyond_the_highest_rate_is_a_lower_bound() -> None:
    found, _ = search(10_000, (10, 100, 1000))
    assert found == Capacity("at least", 1000, None)


@pytest.mark.parametrize("capacity", [920, 980, 999.9, 1000, 1040])
def test_no_rate_is_above_the_highest(capacity: float) -> None:
    found, steps = search(capacity, (100, 500, 1000))
    assert max(step.rate_per_s for step in steps) <= 1000
    assert found.state == ("confirmed" if capacity < 1000 else "at least")
    assert len(steps) <= longest_search(100, 500, 1000)


def test_each_rate_is_one_that_people_would_write() -> None:
    _, steps = search(12_345)
    assert all(step.rate_per_s == float(f"{step.rate_per_s:.3g}") for step in steps)


def test_more_load_hosts_follow_from_what_they_carried() -> None:
    assert more_load_hosts(2, 3000, 2000) == 1
    assert more_load_hosts(2, 9000, 2000) == 7
    assert more_load_hosts(1, 1000, 0) == 1
