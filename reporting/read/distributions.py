"""Latency distributions: added up first, percentiles computed last.

`zk_locust.contract.ranks` defines the buckets. A percentile is the highest value of its bucket, as HdrHistogram's
`getValueAtPercentile` gives it (https://github.com/HdrHistogram/HdrHistogram, `AbstractHistogram.java`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from zk_locust.contract.clock_names import SERVICE
from zk_locust.contract.ranks import UNIT_BITS, UNIT_BUCKETS, bucket_of, highest_equivalent, rank_at

_HALF_BITS: Final = UNIT_BITS - 1
_USUAL_BUCKETS: Final = 23 * UNIT_BUCKETS // 2  # up to more than one hour
_COMPACT: Final = (np.uint16, np.uint32)  # types of counts, the smallest first


def buckets_of(values_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of the buckets, from 0, that hold these values: below 65,536 for any value."""
    bits = np.frexp(values_us.astype(np.float64))[1].astype(np.int64)
    shifts = np.maximum(0, bits - UNIT_BITS)
    numbers: NDArray[np.int64] = (shifts << _HALF_BITS) + (values_us >> shifts)
    return numbers


def lowest_us(buckets: NDArray[Any]) -> NDArray[np.int64]:
    """Return the lowest values of the buckets of these numbers."""
    numbers = buckets.astype(np.int64)
    shifts = np.maximum(0, (numbers >> _HALF_BITS) - 1)
    lowest: NDArray[np.int64] = (numbers - (shifts << _HALF_BITS)) << shifts
    return lowest


def highest_us(buckets: NDArray[Any]) -> NDArray[np.int64]:
    """Return the highest values of the buckets of these numbers."""
    return lowest_us(buckets.astype(np.int64) + 1) - 1


@cache
def _number_of_text() -> dict[str, int]:
    """Return the number of each usual bucket by its key in a file."""
    return {str(value): at for at, value in enumerate(lowest_us(np.arange(_USUAL_BUCKETS)).tolist())}


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of latencies: `buckets` holds each bucket's number (uint16), ascending and unique, `counts` how many.

    Both are one-dimensional arrays of the same length; every count is above 0. Counts are uint16 or uint32 if all of
    them fit, because a long run has many of them, otherwise int64.
    """

    buckets: NDArray[np.uint16]
    counts: NDArray[Any]

    @classmethod
    def from_counts(cls, counts: Mapping[int, int]) -> Self:
        """A histogram from a value of each bucket (µs) to its count. Raises ValueError for anything below 0."""
        pairs = [(value, count) for value, count in counts.items() if count != 0]
        if any(value < 0 or count < 0 for value, count in pairs):
            raise ValueError("a histogram holds no negative values and no negative counts")
        values_us = np.array([value for value, _ in pairs], dtype=np.int64)
        return cls._added(buckets_of(values_us), np.array([count for _, count in pairs], dtype=np.int64))

    @classmethod
    def from_texts(cls, counts: Mapping[str, int]) -> Self:
        """Do the same for a JSON object, whose keys are texts; fast if they are in order, as usual."""
        weights = np.fromiter(counts.values(), np.int64, len(counts))
        try:
            buckets = np.fromiter(map(_number_of_text().__getitem__, counts), np.uint16, len(counts))
        except KeyError:
            buckets = None
        if buckets is None or (len(counts) and (weights.min() <= 0 or (buckets[1:] <= buckets[:-1]).any())):
            return cls.from_counts(dict(zip(map(int, counts), weights.tolist(), strict=True)))
        return cls(buckets, _compact(weights))

    @classmethod
    def merged(cls, histograms: Iterable[Self]) -> Self:
        """The sum of the histograms, without loss; the empty histogram for none."""
        found = [each for each in histograms if len(each.buckets)]
        if len(found) == 1:
            return found[0]
        if not found:
            return cls(np.zeros(0, np.uint16), np.zeros(0, np.uint16))
        return cls._added(
            np.concatenate([each.buckets for each in found]), np.concatenate([each.counts for each in found])
        )

    @classmethod
    def _added(cls, buckets: NDArray[Any], weights: NDArray[Any]) -> Self:
        """Return the histogram of buckets in any order, whose weights add up."""
        totals = np.bincount(buckets, weights)  # float64, exact up to 2 ** 53 operations in a bucket
        found = np.flatnonzero(totals)
        return cls(found.astype(np.uint16), _compact(totals[found].astype(np.int64)))

    @property
    def values_us(self) -> NDArray[np.int64]:
        """The lowest value of each bucket, microseconds."""
        return lowest_us(self.buckets)

    @property
    def total(self) -> int:
        """How many latencies it holds."""
        return int(self.counts.sum(dtype=np.int64))

    def percentiles_us(self, percentiles: Iterable[float]) -> list[int | None]:
        """The latencies in microseconds at or below which these percentages of all latencies lie; None if empty."""
        wanted = list(percentiles)
        total = self.total
        if total == 0:
            return [None] * len(wanted)
        cumulative = np.cumsum(self.counts, dtype=np.int64)
        ranks = [rank_at(percentile, total) for percentile in wanted]
        values = lowest_us(self.buckets[np.searchsorted(cumulative, ranks, side="left")]).tolist()
        return [
            highest_equivalent(value) if percentile > 0 else bucket_of(value)
            for percentile, value in zip(wanted, values, strict=True)
        ]


def _compact(counts: NDArray[np.int64]) -> NDArray[Any]:
    most = counts.max(initial=0)
    return next((counts.astype(kind) for kind in _COMPACT if most <= np.iinfo(kind).max), counts)


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
    """The latencies of one operation over all workers: one line of `locust-distrib.jsonl`.

    Adjacent lines of a long run are combined (`combining`). A combined line has the end of the last of its intervals,
    and their length together.
    """

    timestamp: float  # end of the interval, seconds since the epoch; a label
    elapsed_s: float  # the same on the load's own clock, since the load started
    interval_s: float
    stage: str
    interval: int  # the first of its intervals
    operation: str
    distribution: Distribution
    last_interval: int  # the last of them: the same one if the line is not combined
