"""Latency distributions: added up first, percentiles computed last.

`zk_locust.contract.ranks` defines the buckets. A percentile is the highest value of its bucket, as HdrHistogram's
`getValueAtPercentile` gives it (https://github.com/HdrHistogram/HdrHistogram, `AbstractHistogram.java`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zk_locust.contract.clock_names import SERVICE
from zk_locust.contract.ranks import bucket_of, highest_equivalent, rank_at


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
        """Do the same for a JSON object, whose keys are texts; fast if they are in order, as usual."""
        values_us = np.fromiter(map(int, counts), np.int64, len(counts))
        weights = np.fromiter(map(int, counts.values()), np.int64, len(counts))
        if len(counts) and (values_us[0] < 0 or weights.min() <= 0 or (np.diff(values_us) <= 0).any()):
            return cls.from_counts(dict(zip(values_us.tolist(), weights.tolist(), strict=True)))
        return cls(values_us, weights)

    @classmethod
    def merged(cls, histograms: Iterable[Self]) -> Self:
        """The sum of the histograms, without loss; the empty histogram for none."""
        found = list(histograms) or [cls.from_counts({})]
        if len(found) == 1:
            return found[0]
        values = np.concatenate([each.values_us for each in found])
        weights = np.concatenate([each.counts for each in found])
        unique, place = np.unique(values, return_inverse=True)
        counts = np.zeros(len(unique), dtype=np.int64)
        np.add.at(counts, place, weights)
        return cls(unique, counts)

    @property
    def total(self) -> int:
        """How many latencies it holds."""
        return int(self.counts.sum())

    def percentiles_us(self, percentiles: Iterable[float]) -> list[int | None]:
        """The latencies in microseconds at or below which these percentages of all latencies lie; None if empty."""
        wanted = list(percentiles)
        total = self.total
        if total == 0:
            return [None] * len(wanted)
        cumulative = np.cumsum(self.counts)
        found: list[int | None] = []
        for percentile in wanted:
            rank = rank_at(percentile, total)
            value = int(self.values_us[int(np.searchsorted(cumulative, rank, side="left"))])
            found.append(highest_equivalent(value) if percentile > 0 else bucket_of(value))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """The service times of the successful operations of some interval: histogram, exact sum, exact extremes.

    `requests` counts the overflows (above one hour) too, `failures` and `suppressed` are apart. Times are microseconds;
    `min_us` and `max_us` are None without successful operations.

    The other clocks are distributions of their own, whose `requests` is how many operations they hold: `response`
    (due to reply), `slip` (due to sent), `client_delay` (reply's arrival to its handling), and `censored` (waiting
    times so far of operations without a reply). A clock that was not measured is None.
    """

    histogram: Histogram
    requests: int
    failures: int
    sum_us: int
    min_us: int | None
    max_us: int | None
    overflows: int
    suppressed: int = 0
    response: Self | None = None
    slip: Self | None = None
    client_delay: Self | None = None
    censored: Self | None = None

    @classmethod
    def merged(cls, distributions: Iterable[Self]) -> Self:
        """The sum of the distributions; an empty one for none."""
        found = list(distributions)
        return cls(
            histogram=Histogram.merged([each.histogram for each in found]),
            requests=sum(each.requests for each in found),
            failures=sum(each.failures for each in found),
            sum_us=sum(each.sum_us for each in found),
            min_us=min((each.min_us for each in found if each.min_us is not None), default=None),
            max_us=max((each.max_us for each in found if each.max_us is not None), default=None),
            overflows=sum(each.overflows for each in found),
            suppressed=sum(each.suppressed for each in found),
            response=cls._merged_clock(each.response for each in found),
            slip=cls._merged_clock(each.slip for each in found),
            client_delay=cls._merged_clock(each.client_delay for each in found),
            censored=cls._merged_clock(each.censored for each in found),
        )

    @classmethod
    def _merged_clock(cls, clocks: Iterable[Self | None]) -> Self | None:
        measured = [clock for clock in clocks if clock is not None]
        return cls.merged(measured) if measured else None

    def clock(self, name: str) -> Self | None:
        """The distribution by one clock, `service` for this one itself; None where it was not measured."""
        found: Self | None = self if name == SERVICE else getattr(self, name)
        return found

    @property
    def mean_us(self) -> float | None:
        """Exact mean latency in microseconds, overflows included; None without operations."""
        return self.sum_us / self.requests if self.requests else None

    def percentiles_us(self, percentiles: Iterable[float]) -> list[int | None]:
        """As `Histogram.percentiles_us`, at most the exact maximum, which the end of a bucket may exceed."""
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
