"""Latency distributions: added up first, percentiles computed last.

A histogram is log-linear with 3 significant digits, as HdrHistogram lays it out from 1 µs upwards: values below
2,048 µs each have a bucket of their own; from there on every power of two is cut into 1,024 buckets, so that a
bucket is never wider than 0.1 % of its value. Percentiles follow HdrHistogram's `getValueAtPercentile`: the highest
value that is equivalent to the bucket in which the percentile falls, its rank rounded up.

Source: https://github.com/HdrHistogram/HdrHistogram, `AbstractHistogram.java`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from locust_extra.ranks import rank_at

SUB_BUCKETS: Final = 2048  # 2 * 10^3, rounded up to a power of two: 3 significant digits


def lowest_equivalent(value_us: int) -> int:
    """Lowest value, in microseconds, of the bucket that `value_us` falls into."""
    shift = max(0, value_us.bit_length() - SUB_BUCKETS.bit_length() + 1)
    return (value_us >> shift) << shift


def highest_equivalent(value_us: int) -> int:
    """Highest value, in microseconds, of the bucket that `value_us` falls into."""
    shift = max(0, value_us.bit_length() - SUB_BUCKETS.bit_length() + 1)
    return (((value_us >> shift) + 1) << shift) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of latencies: `values_us` holds each bucket's lowest value, ascending and unique, `counts` how many.

    Both are one-dimensional int64 arrays of the same length; every count is above 0.
    """

    values_us: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def from_counts(cls, counts: Mapping[int, int]) -> Self:
        """A histogram from bucket's lowest value (µs) to count. Raises ValueError for anything below 0."""
        pairs = sorted((value, count) for value, count in counts.items() if count != 0)
        if any(value < 0 or count < 0 for value, count in pairs):
            raise ValueError("a histogram holds no negative values and no negative counts")
        return cls(
            np.array([value for value, _ in pairs], dtype=np.int64),
            np.array([count for _, count in pairs], dtype=np.int64),
        )

    @classmethod
    def from_texts(cls, counts: Mapping[str, int]) -> Self:
        """The same from a JSON object, whose keys are texts; quick where they are in order, as they are written."""
        values_us = np.fromiter(map(int, counts), np.int64, len(counts))
        weights = np.fromiter(map(int, counts.values()), np.int64, len(counts))
        if len(counts) and (values_us[0] < 0 or weights.min() <= 0 or (np.diff(values_us) <= 0).any()):
            return cls.from_counts(dict(zip(values_us.tolist(), weights.tolist(), strict=True)))
        return cls(values_us, weights)

    @classmethod
    def merged(cls, histograms: Iterable[Self]) -> Self:
        """The sum of the histograms, without loss; the empty histogram for none."""
        parts = list(histograms)
        if not parts:
            return cls.from_counts({})
        if len(parts) == 1:
            return parts[0]
        values = np.concatenate([part.values_us for part in parts])
        weights = np.concatenate([part.counts for part in parts])
        unique, place = np.unique(values, return_inverse=True)
        counts = np.zeros(len(unique), dtype=np.int64)
        np.add.at(counts, place, weights)
        return cls(unique, counts)

    @property
    def total(self) -> int:
        """How many latencies it holds."""
        return int(self.counts.sum())

    def percentile_us(self, percentile: float) -> int | None:
        """The latency in microseconds below or at which `percentile` (0 to 100) of all latencies lie; None if empty."""
        return self.percentiles_us([percentile])[0]

    def percentiles_us(self, percentiles: Iterable[float]) -> list[int | None]:
        """The same for several percentiles at once, in their order."""
        wanted = list(percentiles)
        total = self.total
        if total == 0:
            return [None] * len(wanted)
        cumulative = np.cumsum(self.counts)
        found: list[int | None] = []
        for percentile in wanted:
            rank = rank_at(percentile, total)
            value = int(self.values_us[int(np.searchsorted(cumulative, rank, side="left"))])
            found.append(highest_equivalent(value) if percentile > 0 else lowest_equivalent(value))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """The latencies of the successful operations of some interval: histogram, exact sum, exact extremes.

    `requests` counts the overflows (above one hour) too, `failures` is apart. Times are microseconds; `min_us` and
    `max_us` are None without successful operations.
    """

    histogram: Histogram
    requests: int
    failures: int
    sum_us: int
    min_us: int | None
    max_us: int | None
    overflows: int

    @classmethod
    def merged(cls, distributions: Iterable[Self]) -> Self:
        """The sum of the distributions; an empty one for none."""
        parts = list(distributions)
        return cls(
            histogram=Histogram.merged([part.histogram for part in parts]),
            requests=sum(part.requests for part in parts),
            failures=sum(part.failures for part in parts),
            sum_us=sum(part.sum_us for part in parts),
            min_us=min((part.min_us for part in parts if part.min_us is not None), default=None),
            max_us=max((part.max_us for part in parts if part.max_us is not None), default=None),
            overflows=sum(part.overflows for part in parts),
        )

    @property
    def mean_us(self) -> float | None:
        """Exact mean latency in microseconds, overflows included; None without operations."""
        return self.sum_us / self.requests if self.requests else None

    def percentile_us(self, percentile: float) -> int | None:
        """As `Histogram.percentile_us`, but never above the exact maximum, which a bucket's upper end may exceed."""
        return self.percentiles_us([percentile])[0]

    def percentiles_us(self, percentiles: Iterable[float]) -> list[int | None]:
        """The same for several percentiles at once."""
        return [
            value if value is None or self.max_us is None else min(value, self.max_us)
            for value in self.histogram.percentiles_us(percentiles)
        ]


@dataclass(frozen=True, slots=True)
class DistributionLine:
    """One line of `locust-distrib.jsonl`: the latencies of one operation within one interval, over all workers."""

    timestamp: float  # end of the interval, seconds since the epoch; a label
    elapsed_s: float  # the same on the load's own clock, since the load started
    interval_s: float
    stage: str
    interval: int
    operation: str
    distribution: Distribution
