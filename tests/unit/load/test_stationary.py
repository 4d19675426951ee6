"""The rule that ends an automatic warm-up, on series that are made up."""

import itertools
import math
from collections.abc import Callable

import numpy
import pytest

from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.contract.warm_up import LEAST_S
from zk_locust.load.stationary import IN_A_ROW, WINDOWS, Stationarity, trend

SEEDS = range(30)
LIMIT_S = 60.0
Course = Callable[[float], float]


def level(value: float) -> Course:
    return lambda _: value


def histogram(random: numpy.random.Generator, count: int, scale_us: float) -> LatencyHistogram:
    """Return so many latencies whose tail is long: a p99 of about ten times the median."""
    found = LatencyHistogram()
    for value in random.lognormal(math.log(scale_us), 1.0, count):
        found.record(round(value))
    return found


def ends_at(rate_per_s: Course, scale_us: Course, *, seed: int = 1, interval_s: float = 1.0) -> float:
    """Return when the rule finds that series to be stationary, seconds; `LIMIT_S` where it does not."""
    random, rule = numpy.random.default_rng(seed), Stationarity()
    for number in range(round(LIMIT_S / interval_s)):
        now_s = number * interval_s
        rule.take(interval_s, histogram(random, random.poisson(rate_per_s(now_s) * interval_s), scale_us(now_s)))
        if rule.reached:
            return now_s + interval_s
    return LIMIT_S


def earliest(rate_per_s: Course, scale_us: Course, interval_s: float = 1.0) -> float:
    """Return the earliest end of a few series of that kind: where chance shows no trend."""
    return min(ends_at(rate_per_s, scale_us, seed=seed, interval_s=interval_s) for seed in range(5))


@pytest.mark.parametrize("rate_per_s", [4.0, 100.0, 700.0])
def test_a_stationary_load_needs_little_more_than_the_least_length(rate_per_s: float) -> None:
    ends = sorted(ends_at(level(rate_per_s), level(1000), seed=seed) for seed in SEEDS)
    assert ends[0] == LEAST_S
    assert ends[len(ends) // 2] <= LEAST_S + 3
    assert ends[-4] <= 25


def test_a_load_on_cold_jvms_is_not_stationary_before_its_latency_is() -> None:
    """Latencies fall from eleven times their final level with a time constant of 8 s, and the rate rises with it."""
    for seed in SEEDS:
        end_s = ends_at(lambda t: 700 - 150 * math.exp(-t / 8), lambda t: 1000 * (1 + 10 * math.exp(-t / 8)), seed=seed)
        assert 1 + 10 * math.exp(-(end_s - WINDOWS / 2) / 8) < 2.0, "the middle of the windows is within twice"
        assert end_s < 60


@pytest.mark.parametrize(
    ("rate_per_s", "scale_us"),
    [
        (lambda t: 500 * 1.03**t, level(1000)),
        (lambda t: 5000 * 0.98**t, level(1000)),
        (level(700), lambda t: 1000 * 1.15**t),
        (level(700), lambda t: 1e7 * 0.87**t),
    ],
    ids=["a rising rate", "a falling rate", "rising latencies", "falling latencies"],
)
def test_a_trend_is_not_stationary(rate_per_s: Course, scale_us: Course) -> None:
    assert [ends_at(rate_per_s, scale_us, seed=seed) for seed in range(5)] == [LIMIT_S] * 5


def test_a_stall_must_be_older_than_the_windows() -> None:
    assert earliest(lambda t: 0.0 if 5 <= t < 7 else 700.0, level(1000)) == 7 + LEAST_S


def test_a_step_between_two_levels_is_waited_for() -> None:
    assert earliest(lambda t: 400.0 if t < 6 else 700.0, level(1000)) == 6 + LEAST_S


def test_a_load_that_serves_nothing_is_not_stationary() -> None:
    assert ends_at(level(0), level(1000)) == LIMIT_S
    rule = Stationarity()
    for _ in range(WINDOWS):
        rule.take(1.0, LatencyHistogram())
    assert rule.why_not == "no operation succeeded in most windows"


@pytest.mark.parametrize(("interval_s", "least_s"), [(0.1, 12.0), (0.25, 12.0), (0.4, 14.4), (3.0, 36.0)])
def test_short_intervals_are_joined_and_long_ones_are_windows(interval_s: float, least_s: float) -> None:
    assert earliest(level(700), level(1000), interval_s=interval_s) == pytest.approx(least_s)


def test_it_says_why_a_load_is_not_stationary() -> None:
    def why_not(rates: list[float], scales_us: list[float]) -> str:
        rule = Stationarity()
        for rate, scale_us in zip(rates, scales_us, strict=True):
            rule.take(1.0, histogram(numpy.random.default_rng(1), round(rate), scale_us))
        return rule.why_not

    flat = [1000.0] * WINDOWS
    assert why_not(flat[:4], flat[:4]) == "only 4 of 10 windows are recorded"
    assert why_not([*flat[:-1], 300.0], flat) == "the rate of a window is 300/s, the median 1000/s"
    assert why_not([1000.0 + 20 * n for n in range(10)], flat) == "the rate changes by +17% over 10 windows"
    assert why_not(flat, [1000 - 50.0 * n for n in range(10)]).startswith("the p50 changes by -58% over")
    assert why_not(flat, [1000 - 20.0 * n for n in range(10)]).startswith("the p50 changes by -20% over")
    assert why_not(flat, flat) == "stationary for only 1 of 3 windows in a row"


def test_the_least_length_is_what_the_rule_needs() -> None:
    assert WINDOWS + IN_A_ROW - 1 == LEAST_S


def test_the_significance_is_that_of_the_exact_distribution() -> None:
    """Of all orders of ten values, 10.8 % are found to have a trend: those with |S| of 19 and more."""
    orders = {0: 1}  # by the number of inversions
    for size in range(1, WINDOWS + 1):
        grown: dict[int, int] = {}
        for (inversions, count), more in itertools.product(orders.items(), range(size)):
            grown[inversions + more] = grown.get(inversions + more, 0) + count
        orders = grown
    pairs = WINDOWS * (WINDOWS - 1) // 2
    found = sum(count for inversions, count in orders.items() if abs(pairs - 2 * inversions) >= 19)
    assert found / sum(orders.values()) == pytest.approx(0.108, abs=0.0005)
    assert trend(list(range(1, 11))) == pytest.approx(9 / 5.5)
    assert trend([6, 5, 4, 2, 3, 1, 7, 8, 9, 10]) == 0.0  # 14 inversions: S = 17
    assert trend([6, 5, 4, 1, 2, 3, 7, 8, 9, 10]) > 0  # 12: S = 21
    assert trend([6, 5, 4, 2, 1, 3, 7, 8, 9, 10]) > 0  # 13: S = 19
    assert trend([7] * 10) == 0.0


@pytest.mark.parametrize("falling", ["p50", "p99"])
def test_each_percentile_is_looked_at(falling: str) -> None:
    rule = Stationarity()
    for number in range(20):
        window = LatencyHistogram()
        for _ in range(98):
            window.record(1000 - 30 * number if falling == "p50" else 300)
        for _ in range(2):
            window.record(90_000 - 3000 * number if falling == "p99" else 90_000)
        rule.take(1.0, window)
        assert not rule.reached
    assert rule.why_not.startswith(f"the {falling} changes by -")
