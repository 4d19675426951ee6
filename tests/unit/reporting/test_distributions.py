"""Histograms and percentiles agree with HdrHistogram, whose layout they are."""

import math
from collections import Counter
from decimal import Decimal

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.read.distributions import Distribution, Histogram
from zk_locust.contract.ranks import bucket_of, highest_equivalent

HOUR_US = 3_600_000_000
latencies = st.lists(
    st.one_of(st.integers(1, 5000), st.integers(1, 10**6), st.integers(1, HOUR_US)), min_size=1, max_size=300
)
PERCENTILES = [1.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0]


def histogram(values: list[int]) -> Histogram:
    return Histogram.from_counts(Counter(bucket_of(value) for value in values))


def distribution(values: list[int], failures: int = 0) -> Distribution:
    return Distribution(histogram(values), len(values), failures, sum(values), min(values), max(values), 0)


@settings(deadline=None, max_examples=40)  # the machine may be busy; theirs takes its time
@given(latencies)
def test_percentiles_are_those_of_a_sorted_list_and_of_hdrhistogram(values: list[int]) -> None:
    theirs = HdrHistogram(1, HOUR_US, 3)
    for value in values:
        theirs.record_value(value)
    total, in_order = len(values), sorted(values)
    ranks = [max(1, math.ceil(Decimal(str(p)) * total / 100)) for p in PERCENTILES]
    found = histogram(values).percentiles_us(PERCENTILES)
    assert found == [highest_equivalent(in_order[rank - 1]) for rank in ranks]
    # Their Python package rounds half up, so it is asked for what is at the rank.
    assert found == [theirs.get_value_at_percentile(100 * rank / total) for rank in ranks]
    assert histogram(values).percentiles_us([0])[0] == bucket_of(in_order[0]) == theirs.get_value_at_percentile(0)


def test_two_slow_operations_of_1600_are_the_highest_thousandth() -> None:
    assert distribution([1000] * 1598 + [1_000_000] * 2).percentiles_us([99, 99.9]) == [1000, 1_000_000]


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, HOUR_US))
def test_buckets_are_those_of_hdrhistogram(value: int) -> None:
    theirs = HdrHistogram(1, HOUR_US, 3)
    assert bucket_of(value) == theirs.get_lowest_equivalent_value(value)
    assert highest_equivalent(value) == theirs.get_highest_equivalent_value(value)
    assert (highest_equivalent(value) - bucket_of(value)) <= value / 1000


@settings(deadline=None)  # the machine may be busy
@given(latencies, latencies, latencies)
def test_a_sum_of_histograms_is_the_histogram_of_all(first: list[int], second: list[int], third: list[int]) -> None:
    together = Histogram.merged([histogram(first), histogram(second), histogram(third)])
    expected = histogram(first + second + third)
    assert together.values_us.tolist() == expected.values_us.tolist()
    assert together.counts.tolist() == expected.counts.tolist()


@pytest.mark.parametrize(("count", "bytes_each"), [(2**15, 2), (2**16 - 1, 2), (2**16, 4), (2**32 - 1, 4), (2**32, 8)])
def test_counts_take_as_few_bytes_as_they_need_and_no_sum_overflows(count: int, bytes_each: int) -> None:
    found = Histogram.from_counts({100: count, 200: 1})
    assert found.counts.dtype.itemsize == Histogram.from_texts({"100": count}).counts.dtype.itemsize == bytes_each
    assert found.counts.tolist() == [count, 1]
    together = Histogram.merged([found, found, Histogram.from_counts({100: 1})])
    assert together.counts.tolist() == [2 * count + 1, 2]
    assert together.total == 2 * count + 3


@settings(deadline=None)  # the machine may be busy
@given(latencies, latencies)
def test_a_sum_of_distributions_keeps_exact_sums_and_extremes(first: list[int], second: list[int]) -> None:
    together = Distribution.merged([distribution(first, 3), Distribution.merged([]), distribution(second, 4)])
    values = first + second
    assert (together.requests, together.failures, together.sum_us) == (len(values), 7, sum(values))
    assert (together.min_us, together.max_us) == (min(values), max(values))
    assert together.mean_us == pytest.approx(sum(values) / len(values))


@settings(deadline=None)  # the machine may be busy
@given(latencies)
def test_no_percentile_is_above_the_exact_maximum(values: list[int]) -> None:
    found = distribution(values)
    assert found.percentiles_us([100])[0] == max(values)
    assert all(value is not None and value <= max(values) for value in found.percentiles_us([0.0, *PERCENTILES]))


def test_an_empty_histogram_has_no_percentile() -> None:
    assert Histogram.merged([]).percentiles_us([50])[0] is None
    assert Distribution.merged([]).percentiles_us([50])[0] is None
    assert Distribution.merged([]).mean_us is None


@pytest.mark.parametrize("counts", [{-1: 1}, {5: -1}])
def test_a_negative_value_or_count_is_refused(counts: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        Histogram.from_counts(counts)
