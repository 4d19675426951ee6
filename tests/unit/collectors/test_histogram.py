"""Our histograms against those of the HdrHistogram package."""

from decimal import Decimal

import msgpack  # type: ignore[import-untyped]
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from locust_extra.columns import PERCENTILES
from zk_locust.contract.histogram import (
    HIGHEST_TRACKABLE_US,
    SIGNIFICANT_DIGITS,
    LatencyHistogram,
    to_hdr_histogram,
)
from zk_locust.contract.ranks import bucket_of, highest_equivalent, rank_at

latencies = (
    st.integers(0, 5000) | st.integers(0, HIGHEST_TRACKABLE_US) | st.sampled_from([2047, 2048, 2049, 4095, 4096])
)
overflows = st.integers(HIGHEST_TRACKABLE_US + 1, 10 * HIGHEST_TRACKABLE_US)
errors = st.sampled_from(["NoNodeError: /a", "ConnectionLossError: gone"])


def histogram_of(values: list[int], failures: list[str] | None = None) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    for failure in failures or []:
        histogram.record_failure(failure)
    return histogram


def parts_of(histogram: LatencyHistogram) -> dict[str, object]:
    return histogram.to_message()


histograms = st.builds(histogram_of, st.lists(latencies | overflows, max_size=30), st.lists(errors, max_size=5))
reference = HdrHistogram(1, HIGHEST_TRACKABLE_US, SIGNIFICANT_DIGITS)


@given(latencies)
def test_a_bucket_is_the_one_of_hdr_histogram(value: int) -> None:
    bucket = bucket_of(value)
    assert bucket == reference.get_lowest_equivalent_value(value)
    assert highest_equivalent(bucket) == reference.get_highest_equivalent_value(value)
    assert bucket <= value <= highest_equivalent(bucket)
    assert highest_equivalent(bucket) - bucket <= value / 1000, "3 significant digits"
    assert histogram_of([value]).counts == {bucket: 1}


def exact_rank(percentile: float, total: int) -> int:
    """The least rank of which no fewer than `percentile` per cent of the values are, with decimal numbers."""
    return next(rank for rank in range(1, total + 1) if Decimal(rank) * 100 >= Decimal(str(percentile)) * total)


@given(st.lists(latencies, min_size=1, max_size=60), st.floats(0, 100, exclude_min=True))
def test_percentiles_are_those_of_a_sorted_list_and_of_hdr_histogram(values: list[int], percentile: float) -> None:
    theirs = HdrHistogram(1, HIGHEST_TRACKABLE_US, SIGNIFICANT_DIGITS)
    for value in values:
        theirs.record_value(value)
    asked = PERCENTILES | {"any": percentile}
    ours = histogram_of(values).percentiles_us(asked)
    ranks = {name: exact_rank(at, len(values)) for name, at in asked.items()}
    in_order = sorted(values)
    assert ours == {
        name: min(highest_equivalent(bucket_of(in_order[rank - 1])), in_order[-1]) for name, rank in ranks.items()
    }
    # Their Python package rounds half up, so it is asked for what is at the rank.
    assert ours == {
        name: min(theirs.get_value_at_percentile(100 * rank / len(values)), in_order[-1])
        for name, rank in ranks.items()
    }


@given(st.integers(1, 100_000), st.decimals(0, 100, places=3))
def test_a_rank_is_the_exact_ceiling(total: int, percentile: Decimal) -> None:
    rank = rank_at(float(percentile), total)
    assert 1 <= rank <= total
    assert rank * 100 >= percentile * total
    assert rank == 1 or (rank - 1) * 100 < percentile * total


@pytest.mark.parametrize(
    ("percentile", "total", "rank"),
    [
        (99.9, 1000, 999), (99.9, 1001, 1000), (99.9, 1600, 1599), (99.9, 999, 999), (99.99, 10_000, 9999),
        (50, 4, 2), (50, 5, 3), (0, 5, 1), (100, 5, 5), (55, 100, 55), (99.9, 10**15, 999 * 10**12),
    ],
)  # fmt: skip
def test_ranks_that_floating_point_or_rounding_gets_wrong(percentile: float, total: int, rank: int) -> None:
    assert rank_at(percentile, total) == rank


def test_two_slow_operations_of_1600_are_the_highest_thousandth() -> None:
    found = histogram_of([1000] * 1598 + [1_000_000] * 2).percentiles_us(PERCENTILES)
    assert (found["p99_us"], found["p99.9_us"]) == (1000, 1_000_000)


@given(st.lists(latencies | overflows, max_size=60))
def test_count_sum_least_and_greatest_are_exact(values: list[int]) -> None:
    histogram = histogram_of(values)
    assert (histogram.requests, histogram.sum_us) == (len(values), sum(values))
    assert (histogram.min_us, histogram.max_us) == (min(values, default=None), max(values, default=None))
    assert histogram.requests == sum(histogram.counts.values()) + histogram.overflows


@given(st.lists(latencies, min_size=1), st.lists(overflows, min_size=1))
def test_an_overflow_is_counted_and_enters_no_percentile(values: list[int], above: list[int]) -> None:
    histogram = histogram_of(values + above)
    assert histogram.overflows == len(above)
    assert sum(histogram.counts.values()) == len(values)
    highest = min(highest_equivalent(bucket_of(max(values))), max(above))
    assert histogram.percentiles_us({"p100": 100.0})["p100"] == highest
    assert histogram_of(above).percentiles_us(PERCENTILES) == dict.fromkeys(PERCENTILES)


@given(histograms, histograms, histograms)
def test_merging_is_associative_and_commutative(a: LatencyHistogram, b: LatencyHistogram, c: LatencyHistogram) -> None:
    def merged(*parts: LatencyHistogram) -> LatencyHistogram:
        result = LatencyHistogram()
        for part in parts:
            result.add(part)
        return result

    assert parts_of(merged(merged(a, b), c)) == parts_of(merged(a, merged(b, c))) == parts_of(merged(c, b, a))
    assert parts_of(merged(a, LatencyHistogram())) == parts_of(a)


@given(st.lists(latencies | overflows), st.lists(latencies | overflows), st.lists(errors), st.lists(errors))
def test_merging_loses_nothing(a: list[int], b: list[int], failed_a: list[str], failed_b: list[str]) -> None:
    merged = histogram_of(a, failed_a)
    merged.add(histogram_of(b, failed_b))
    assert parts_of(merged) == parts_of(histogram_of(a + b, failed_a + failed_b))


@given(histograms)
def test_a_message_travels(histogram: LatencyHistogram) -> None:
    packed = msgpack.packb(histogram.to_message(), use_bin_type=True)
    arrived = LatencyHistogram.from_message(msgpack.unpackb(packed, raw=False, strict_map_key=False))
    assert parts_of(arrived) == parts_of(histogram)


@given(st.lists(latencies, min_size=1))
def test_the_packages_own_histogram_has_the_same_counts(values: list[int]) -> None:
    ours = histogram_of(values)
    theirs = to_hdr_histogram(ours.counts)
    assert theirs.get_total_count() == len(values)
    assert all(theirs.get_count_at_value(bucket) == count for bucket, count in ours.counts.items())
    recorded = HdrHistogram(1, HIGHEST_TRACKABLE_US, 3)
    for bucket, count in ours.counts.items():
        recorded.record_value(bucket, count)
    assert theirs.encode() == recorded.encode()
    assert (theirs.min_value, theirs.max_value) == (recorded.min_value, recorded.max_value)


def test_a_failure_is_counted_by_its_name_and_enters_no_distribution() -> None:
    histogram = histogram_of([5], ["a", "b", "a"])
    assert (histogram.requests, histogram.failures, histogram.errors) == (1, 3, {"a": 2, "b": 1})
    assert histogram.counts == {5: 1}


def test_nothing_recorded_has_no_percentile() -> None:
    assert LatencyHistogram().percentiles_us({"p50": 50.0}) == {"p50": None}


def test_one_hour_itself_is_no_overflow() -> None:
    assert histogram_of([HIGHEST_TRACKABLE_US]).overflows == 0
    assert histogram_of([HIGHEST_TRACKABLE_US + 1]).overflows == 1


@pytest.mark.parametrize("value", [2500, 1_000_000, 3_599_999_999])
def test_a_percentile_is_never_above_what_was_seen(value: int) -> None:
    assert set(histogram_of([value] * 3).percentiles_us(PERCENTILES).values()) == {value}
