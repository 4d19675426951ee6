"""Due times are exact: start + i/R, the inverse of the integral for ramps, and the same for any number of workers."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zk_locust.contract.arrival import Arrival, ArrivalStage
from zk_locust.load.schedule import NEVER_NS, Schedule, Turns

S = 1_000_000_000
rates = st.floats(0.5, 1e6)
lengths = st.floats(0.01, 600)


def constant(rate: float, process: str = "uniform", seed: int = 1) -> Arrival:
    return Arrival((ArrivalStage(rate, rate, None),), process, seed)


def due_times(turns: Turns, until_ns: int) -> list[int]:
    found = []
    while turns.due_ns < until_ns:
        found.append(turns.due_ns)
        turns.step()
    return found


def fleet(schedule: Schedule, workers: int, until_ns: int) -> list[int]:
    return sorted(due for w in range(workers) for due in due_times(Turns(schedule, w, workers), until_ns))


@given(rates, st.integers(0, 10**9))
def test_operation_i_is_due_at_i_over_r(rate: float, i: int) -> None:
    schedule = Schedule(constant(rate), 0, None)
    exact = Fraction(i) * S / Fraction(rate)
    assert abs(schedule.due_ns(i) - exact) <= max(Fraction(1), exact / 2**50)


@given(rates, st.integers(0, 10**6), st.floats(0, 100))
def test_a_warm_up_lies_on_one_grid_with_the_measured_stage(rate: float, i: int, warm_up_s: float) -> None:
    with_warm_up = Schedule(constant(rate), round(warm_up_s * S), None)
    assert abs(with_warm_up.due_ns(i) - Schedule(constant(rate), 0, None).due_ns(i)) <= 1 + i / rate


@given(rates, rates, lengths, st.floats(0, 1))
def test_a_ramp_is_the_inverse_of_its_integral(first: float, last: float, length_s: float, part: float) -> None:
    schedule = Schedule(Arrival((ArrivalStage(first, last, length_s),)), 0, None)
    t_s = part * length_s
    place = first * t_s + (last - first) * t_s * t_s / (2 * length_s)
    due_ns = schedule.due_ns(place)
    assert due_ns == NEVER_NS or abs(due_ns / S - t_s) <= 1e-6 * length_s
    assert schedule.place_at(round(t_s * S)) == pytest.approx(place, rel=1e-6, abs=1e-3)


@given(
    st.lists(st.tuples(st.floats(1, 2000), st.floats(1, 2000), st.floats(0.05, 1)), min_size=1, max_size=4),
    st.floats(0, 0.5),
)
def test_the_number_that_is_due_is_the_integral(stages: list[tuple[float, float, float]], warm_up_s: float) -> None:
    arrival = Arrival(tuple(ArrivalStage(*stage) for stage in stages))
    schedule = Schedule(arrival, round(warm_up_s * S), None)
    found = due_times(Turns(schedule, 0, 1), NEVER_NS)
    expected = stages[0][0] * warm_up_s + sum((a + b) / 2 * s for a, b, s in stages)
    assert abs(len(found) - expected) <= 1.001
    assert found == sorted(found)


@given(st.floats(1, 500), st.integers(1, 9), st.sampled_from(["uniform", "poisson"]), st.integers(0, 3 * S))
def test_to_skip_is_to_step(rate: float, workers: int, process: str, until_ns: int) -> None:
    schedule = Schedule(constant(rate, process), S, 1.5)
    for worker in range(workers):
        stepped, skipped = Turns(schedule, worker, workers), Turns(schedule, worker, workers)
        assert skipped.skip(until_ns) == len(due_times(stepped, until_ns))
        assert skipped.due_ns == stepped.due_ns


@given(st.floats(1, 500), st.integers(1, 9))
def test_workers_share_the_grid_of_one(rate: float, workers: int) -> None:
    schedule = Schedule(constant(rate), S // 2, 2.0)
    assert fleet(schedule, workers, NEVER_NS) == due_times(Turns(schedule, 0, 1), NEVER_NS)


def test_nothing_is_due_after_the_measured_stage() -> None:
    schedule = Schedule(constant(1000), S, 2.0)
    assert len(due_times(Turns(schedule, 0, 1), NEVER_NS)) == 3000
    assert schedule.end_ns == 3 * S
    shorter = Schedule(Arrival((ArrivalStage(1000, 1000, 1.0), ArrivalStage(10, 10, 1.0))), 0, 60.0)
    assert len(due_times(Turns(shorter, 0, 1), NEVER_NS)) == 1010


def test_a_measured_stage_that_is_planned_later_changes_nothing_before_it() -> None:
    open_end, planned = Schedule(constant(1000), None, None), Schedule(constant(1000), 2 * S, 1.0)
    turns = Turns(open_end, 3, 4)
    before = due_times(turns, S)
    turns.follow(planned)
    assert before + due_times(turns, NEVER_NS) == due_times(Turns(planned, 3, 4), NEVER_NS)


def test_poisson_has_the_rate_exponential_gaps_and_a_stream_for_each_seed_and_worker() -> None:
    schedule = Schedule(constant(20_000, "poisson"), 0, 5.0)
    due = fleet(schedule, 4, NEVER_NS)
    assert len(due) == pytest.approx(100_000, abs=4 * math.sqrt(100_000))
    gaps = [b - a for a, b in itertools.pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert deviation == pytest.approx(mean, rel=0.03)
    assert due == fleet(schedule, 4, NEVER_NS)
    assert due != fleet(Schedule(constant(20_000, "poisson", 2), 0, 5.0), 4, NEVER_NS)
    streams = [due_times(Turns(schedule, w, 4), S) for w in range(4)]
    assert len({stream[0] for stream in streams}) == 4
