"""Statistics of comparisons: against known values, and by simulation with a fixed seed."""

import math

import numpy as np
import pytest

from reporting.analyse.comparison import (
    CHANGED,
    EQUIVALENT,
    UNDECIDED,
    Answer,
    Comparison,
    compare_pairs,
    holm,
    judge,
    resolution,
)

TRIALS = 4000


def test_comparison_of_known_pairs() -> None:
    # Sleep data of Student (1908), as logarithms: t = 4.0621, p = 0.002833, interval 0.70 to 2.46 (R's t.test).
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = compare_pairs([(math.exp(a), math.exp(b)) for a, b in zip(first, second, strict=True)])
    assert found.p_value == pytest.approx(0.002833, abs=1e-6)
    assert math.log(found.ratio) == pytest.approx(1.58)
    assert math.log(found.low) == pytest.approx(0.7001142, abs=1e-6)
    assert math.log(found.high) == pytest.approx(2.4598858, abs=1e-6)
    assert found.pairs == 10


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(1.0, 2.0)], "at least two pairs of runs, not \\[1\\]"),
        ([(1.0, 2.0), (0.0, 1.0)], "\\[0.0\\] of a comparison must be finite and above 0"),
        ([(1.0, 2.0), (1.0, math.nan)], "\\[nan\\]"),
        ([(1.0, 2.0), (1.0, math.inf)], "\\[inf\\]"),
    ],
)
def test_values_without_a_ratio_are_refused(pairs: list[tuple[float, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_pairs(pairs)


def test_confidence_and_equivalence_are_shares() -> None:
    with pytest.raises(ValueError, match=r"confidence \[95\]"):
        compare_pairs([(1.0, 1.0), (1.0, 1.1)], confidence=95)
    with pytest.raises(ValueError, match=r"equivalence \[0\]"):
        compare_pairs([(1.0, 1.0), (1.0, 1.1)], equivalence=0)


def test_power_of_a_resolution_is_a_share() -> None:
    for power in (0.4, 1.0):
        with pytest.raises(ValueError, match=r"power \[.*\] must be from 0.5"):
            resolution([(1.0, 1.0), (1.0, 1.1)], power=power)


def test_pairs_without_any_spread() -> None:
    assert compare_pairs([(2.0, 2.0)] * 3).p_value == 1
    assert compare_pairs([(2.0, 4.0)] * 3).p_value == 0
    assert judge({"p99": compare_pairs([(2.0, 4.0)] * 3)}) == {"p99": Answer(CHANGED)}


def test_holm_of_known_values() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert list(holm({"z": 0.9, "a": 0.8})) == ["z", "a"]
    assert holm({"z": 0.9, "a": 0.8}) == {"z": 1.0, "a": 1.0}


def _found(ratio: float, half: float, p_value: float, spread: float = 0.03) -> Comparison:
    return Comparison(ratio, ratio / (1 + half), ratio * (1 + half), p_value, 5, spread, 0.95, 0.05)


def test_answers() -> None:
    answers = judge(
        {
            "changed": _found(1.3, 0.05, 0.0001),
            "equivalent": _found(1.01, 0.02, 0.2),
            "equivalent though different": _found(1.02, 0.01, 0.00001),
            "undecided": _found(1.0, 0.2, 0.9, spread=0.16),
        }
    )
    assert {name: answer.word for name, answer in answers.items()} == {
        "changed": CHANGED,
        "equivalent": EQUIVALENT,
        "equivalent though different": EQUIVALENT,
        "undecided": UNDECIDED,
    }
    assert answers["changed"].more_pairs is None
    assert answers["undecided"].more_pairs is not None


def test_a_change_that_holds_alone_is_undecided_among_many_figures() -> None:
    one = _found(1.1, 0.06, 0.02)
    assert judge({"p99": one})["p99"].word == CHANGED
    others = {f"other {number}": _found(1.0, 0.2, 0.9) for number in range(4)}
    assert judge({"p99": one, **others})["p99"].word == UNDECIDED


Pairs = list[tuple[float, float]]


def _with_more(pairs: Pairs, more: int) -> Pairs:
    """More pairs with the same ratio, and the same spread of ratios."""
    logs = np.log([candidate / baseline for baseline, candidate in pairs])
    count = len(pairs) + more
    signs = np.array([*([0.0] * (count % 2)), *np.resize([-1.0, 1.0], count - count % 2)])
    found = np.exp(logs.mean() + signs * (np.std(logs, ddof=1) / np.std(signs, ddof=1)))
    return [(1.0, float(value)) for value in found]


@pytest.mark.parametrize(
    "figures",
    [
        {"p99": [(1.0, 1.0), (1.0, 1.2), (1.0, 0.95)], "rate": [(1.0, 1.3), (1.0, 0.8), (1.0, 1.4)]},
        {"p99": [(1.0, 1.0), (1.0, 1.2), (1.0, 1.1)], "rate": [(1.0, 1.1), (1.0, 1.4), (1.0, 1.3)]},
        {"p99": [(1.0, 1.01), (1.0, 1.09)], "rate": [(1.0, 2.0), (1.0, 2.1)], "p50": [(1.0, 1.02), (1.0, 0.98)]},
    ],
)
def test_the_pairs_that_were_missing_decide(figures: dict[str, Pairs]) -> None:
    answers = judge({name: compare_pairs(pairs) for name, pairs in figures.items()})
    assert UNDECIDED in {answer.word for answer in answers.values()}
    for name, answer in answers.items():
        if answer.word == UNDECIDED:
            assert answer.more_pairs is not None
            for more, decides in ((answer.more_pairs - 1, False), (answer.more_pairs, True)):
                later = judge({other: compare_pairs(_with_more(pairs, more)) for other, pairs in figures.items()})
                assert (later[name].word != UNDECIDED) == decides


def test_no_number_of_pairs_is_promised_where_200_are_too_few() -> None:
    wide = compare_pairs([(1.0, 3.0), (1.0, 0.35), (1.0, 1.0)])
    assert judge({"p99": wide}) == {"p99": Answer(UNDECIDED, None)}


def _trials(ratio: float, pairs: int = 5, noise: float = 0.03, seed: int = 20261127) -> list[Comparison]:
    """Comparisons of runs that have independent noise, and in each pair a common one, such as of a slow hour."""
    random = np.random.default_rng(seed)
    hours = random.normal(0, 0.1, (TRIALS, pairs, 1))
    runs = np.exp(hours + random.normal(0, noise, (TRIALS, pairs, 2)))
    runs[:, :, 1] *= ratio
    return [compare_pairs([(float(a), float(b)) for a, b in trial]) for trial in runs]


def _share(found: list[bool]) -> float:
    return sum(found) / len(found)


def test_false_alarms_are_as_rare_as_the_confidence_says() -> None:
    # 4 standard errors of 4000 trials are 1.4 percentage points.
    assert _share([each.p_value < 0.05 for each in _trials(1.0)]) == pytest.approx(0.05, abs=0.014)


@pytest.mark.parametrize(("ratio", "pairs"), [(1.0, 5), (1.1, 5), (0.5, 3)])
def test_intervals_cover_the_true_ratio(ratio: float, pairs: int) -> None:
    covered = [each.low <= ratio <= each.high for each in _trials(ratio, pairs)]
    assert _share(covered) == pytest.approx(0.95, abs=0.014)


def test_a_difference_of_ten_percent_is_found() -> None:
    assert _share([judge({"p99": each})["p99"].word == CHANGED for each in _trials(1.1)]) > 0.9


def test_false_alarms_of_many_equal_figures_stay_below_five_percent() -> None:
    figures = [dict(zip("abcdef", trial, strict=True)) for trial in zip(*map(_seeded, range(6)), strict=True)]
    adjusted = [holm({name: found.p_value for name, found in each.items()}) for each in figures]
    assert _share([min(each.values()) < 0.05 for each in adjusted]) == pytest.approx(0.05, abs=0.014)
    # Some of them are within the equivalence.
    assert _share([any(answer.word == CHANGED for answer in judge(each).values()) for each in figures]) < 0.05


def _seeded(seed: int) -> list[Comparison]:
    return _trials(1.0, seed=seed)


def test_a_difference_of_the_resolution_is_found_with_its_power() -> None:
    noise = 0.03
    spread = noise * math.sqrt(2)
    # The standard deviation of these five values is exactly the spread.
    exact = [(1.0, math.exp(spread * value)) for value in (-1.0, 1.0, -1.0, 1.0, 0.0)]
    difference = resolution(exact)
    found = _share([each.p_value < 0.05 for each in _trials(1 + difference, noise=noise)])
    assert found == pytest.approx(0.8, abs=0.05)
