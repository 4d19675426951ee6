"""Buckets of latencies and ranks of percentiles: one rule for the series, the progress and the report.

Buckets are HdrHistogram's with 3 significant digits from 1 µs: 2,048 of width 1, then 1,024 for each doubling, so that
none is wider than 0.1 % of its value.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Final

UNIT_BUCKETS: Final = 2048
UNIT_BITS: Final = 11


def bucket_of(value_us: int) -> int:
    """Return the lowest value of the bucket that holds `value_us`."""
    shift = max(0, value_us.bit_length() - UNIT_BITS)
    return (value_us >> shift) << shift


def highest_equivalent(value_us: int) -> int:
    """Return the highest value of the bucket that holds `value_us`."""
    return bucket_of(value_us) + (1 << max(0, value_us.bit_length() - UNIT_BITS)) - 1


def rank_at(percentile: float, total: int) -> int:
    """Return the rank, from 1, of a percentile among `total` sorted values: `percentile` per cent of them, rounded up.

    HdrHistogram's `getValueAtPercentile` rounds up too. Its Python package rounds half up, which hides the slowest of
    1,600 operations from p99.9. The decimal number counts, not the nearest float: 99.9 % of 1,000 values are 999.
    """
    share = _share(float(percentile))
    return min(total, max(1, -(-share.numerator * total // share.denominator)))


@lru_cache(maxsize=1024)
def _share(percentile: float) -> Fraction:
    return Fraction(repr(percentile)) / 100
