"""Latency histograms with 3 significant digits from 1 µs to 1 h, in HdrHistogram's own bucket layout.

A histogram is a dict from the lowest value of a bucket (microseconds) to its count. Two histograms merge without loss
by adding counts.
"""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, Final

from hdrh.histogram import HdrHistogram

from zk_locust.contract.ranks import UNIT_BITS, bucket_of, highest_equivalent, rank_at

HIGHEST_TRACKABLE_US: Final = 3_600_000_000
SIGNIFICANT_DIGITS: Final = 3


class LatencyHistogram:
    """Counts by bucket, with the exact least, greatest and summed value, and failures beside them.

    `overflows` are latencies above one hour: counted, and in no bucket. All values are microseconds. `clocks` holds
    histograms of other times of the same operations, by name: response time, schedule slip, client delay, and how long
    censored operations had waited (`locust_extra.columns`).
    """

    __slots__ = (
        "clocks", "counts", "errors", "failures", "max_us", "min_us", "overflows", "requests", "sum_us", "suppressed",
    )  # fmt: skip

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.requests = 0
        self.failures = 0
        self.suppressed = 0
        self.overflows = 0
        self.sum_us = 0
        self.min_us: int | None = None
        self.max_us: int | None = None
        self.errors: dict[str, int] = {}
        self.clocks: dict[str, LatencyHistogram] = {}

    def record(self, value_us: int) -> None:
        """Count one successful operation."""
        self.requests += 1
        self.sum_us += value_us
        if self.min_us is None or value_us < self.min_us:
            self.min_us = value_us
        if self.max_us is None or value_us > self.max_us:
            self.max_us = value_us
        if value_us > HIGHEST_TRACKABLE_US:
            self.overflows += 1
            return
        bucket = bucket_of(value_us)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1

    def record_failure(self, error: str) -> None:
        """Count one failed operation. Its time enters no distribution."""
        self.failures += 1
        self.errors[error] = self.errors.get(error, 0) + 1

    def clock(self, name: str) -> "LatencyHistogram":
        """Return the histogram of another time of these operations."""
        found = self.clocks.get(name)
        if found is None:
            found = self.clocks[name] = LatencyHistogram()
        return found

    def add(self, other: "LatencyHistogram") -> None:
        """Add what another histogram has recorded."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        for error, count in other.errors.items():
            self.errors[error] = self.errors.get(error, 0) + count
        for name, clock in other.clocks.items():
            self.clock(name).add(clock)
        self.requests += other.requests
        self.failures += other.failures
        self.suppressed += other.suppressed
        self.overflows += other.overflows
        self.sum_us += other.sum_us
        for value in (other.min_us, other.max_us):
            if value is not None:
                self.min_us = value if self.min_us is None else min(self.min_us, value)
                self.max_us = value if self.max_us is None else max(self.max_us, value)

    def percentiles_us(self, percentiles: Mapping[str, float]) -> dict[str, int | None]:
        """Return the value at each percentile: the highest of its bucket, at most the exact maximum; None for none."""
        buckets = sorted(self.counts)
        seen = list(accumulate(map(self.counts.__getitem__, buckets)))
        result: dict[str, int | None] = {}
        for name, percentile in percentiles.items():
            if not seen:
                result[name] = None
                continue
            highest = highest_equivalent(buckets[bisect_left(seen, rank_at(percentile, seen[-1]))])
            result[name] = highest if self.max_us is None else min(highest, self.max_us)
        return result

    def to_message(self) -> dict[str, object]:
        """Return the histogram as plain values, for msgpack."""
        message: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        message["clocks"] = {name: clock.to_message() for name, clock in self.clocks.items()}
        return message

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> "LatencyHistogram":
        """Return the histogram that `to_message` took apart."""
        histogram = cls()
        for name in cls.__slots__:
            setattr(histogram, name, message[name])
        histogram.clocks = {name: cls.from_message(clock) for name, clock in message["clocks"].items()}
        return histogram


def to_hdr_histogram(counts: Mapping[int, int]) -> HdrHistogram:
    """Return the counts as an object of the HdrHistogram package, for its encodings."""
    histogram = HdrHistogram(1, HIGHEST_TRACKABLE_US, SIGNIFICANT_DIGITS)
    if counts:
        # As its `record_value`, which takes ten times as long.
        at_index = histogram.counts
        for bucket, count in counts.items():
            shift = max(0, bucket.bit_length() - UNIT_BITS)
            at_index[(shift << UNIT_BITS - 1) + (bucket >> shift)] += count
        histogram.total_count = sum(counts.values())
        histogram.min_value, histogram.max_value = min(counts), max(counts)
    return histogram
