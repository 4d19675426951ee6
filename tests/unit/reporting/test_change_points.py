"""Where a series changes: what is planted is found, and noise is not divided."""

import itertools
import random

import numpy as np
import pytest

from reporting.analyse import change_points


def noise(count: int, seed: int, level: float = 0.0) -> list[float]:
    choice = random.Random(seed)
    return [level + choice.gauss(0, 1) for _ in range(count)]


def test_a_planted_change_is_found_at_its_place() -> None:
    assert change_points.find(noise(20, 1) + noise(15, 2, 6.0)) == [20]


@pytest.mark.parametrize("between", [5, 12])
def test_a_change_that_is_taken_back_is_found(between: int) -> None:
    assert change_points.find(noise(12, 1) + noise(between, 2, 8.0) + noise(12, 3)) == [12, 12 + between]


def test_noise_is_hardly_ever_divided() -> None:
    assert sum(bool(change_points.find(noise(25, seed))) for seed in range(60)) <= 3


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 30, [1.0, 1.0, 1.0, 9.0, 9.0, 9.0], [5.0] * 20 + [50.0]])
def test_what_cannot_be_told_from_chance_is_no_change(values: list[float]) -> None:
    assert change_points.find(values) == []


def test_twelve_runs_are_enough_for_a_clear_change() -> None:
    assert change_points.find(noise(6, 1) + noise(6, 2, 20.0)) == [6]


def test_the_same_series_has_the_same_answer() -> None:
    values = noise(10, 35) + noise(10, 135, 1.6)  # with other permutations, half of the answers are other ones
    assert len({tuple(change_points.find(values)) for _ in range(12)}) == 1


def test_the_divergence_is_that_of_the_paper() -> None:
    values = np.array(noise(11, 9))
    expected = {}
    for place in range(3, 9):
        before, after = values[:place], values[place:]
        between = np.mean([abs(a - b) for a in before for b in after])
        within = [np.mean([abs(a - b) for a, b in itertools.combinations(side, 2)]) for side in (before, after)]
        expected[place] = (2 * between - sum(within)) * len(before) * len(after) / len(values)
    place, greatest = change_points._best(np.abs(values[:, None] - values[None, :]))
    assert place == max(expected, key=lambda at: expected[at])
    assert greatest == pytest.approx(max(expected.values()))
