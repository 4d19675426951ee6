"""The times of one clock of an operation: kept as they come, and counted many at once.

To keep one is a single call of a C function, and to count ten thousand takes numpy 0.2 ms. docs/measured.md has what it
saves beside an index that is counted up at once.
"""

from array import array
from typing import Final

import numpy as np

from zk_locust.contract.histogram import HIGHEST_TRACKABLE_US, LatencyHistogram
from zk_locust.contract.ranks import UNIT_BITS

_FEW: Final = 256
"""So many take Python no longer than numpy where little else runs, as numpy's code is not in the caches then."""


class Times:
    """Times of one clock, nanoseconds. A negative one counts as 0.

    Somebody calls `count` now and then: until then, each time takes 8 bytes.
    """

    __slots__ = ("_counted", "_kept_ns", "_told", "_untold_ns", "add_ns")

    def __init__(self) -> None:
        self._kept_ns = array("q")
        self._counted: LatencyHistogram | None = None
        self._told = -1  # how many of those that are kept `untold` has returned; below 0, nobody has asked
        self._untold_ns = array("q")
        self.add_ns: Final = self._kept_ns.append
        """Keep one time, a whole number."""

    def count(self) -> None:
        """Count what has been kept."""
        if not self._kept_ns:
            return
        counted = _histogram_of(self._kept_ns)
        if self._told >= 0:
            self._untold_ns.extend(self._kept_ns[self._told :])
            self._told = 0
        del self._kept_ns[:]
        if self._counted is None:
            self._counted = counted
        else:
            self._counted.add(counted)

    def untold(self) -> "array[int]":
        """Return the times since the last call, nanoseconds; the first call returns those that are not counted yet.

        It takes nothing away: whoever asks for short pieces of time stands beside those who take. Once asked, somebody
        calls it as often as there may be memory for.
        """
        found, self._untold_ns = self._untold_ns, array("q")
        found.extend(self._kept_ns[max(0, self._told) :])
        self._told = len(self._kept_ns)
        return found

    def take(self) -> LatencyHistogram | None:
        """Return all times since the last call, in microseconds; None for none."""
        self.count()
        taken, self._counted = self._counted, None
        return taken


def _histogram_of(times_ns: "array[int]") -> LatencyHistogram:
    made = LatencyHistogram()
    if len(times_ns) <= _FEW:
        for time_ns in times_ns:
            made.record(max(0, (time_ns + 500) // 1000))
        return made
    times_us = np.maximum((np.array(times_ns) + 500) // 1000, 0)
    made.requests, made.sum_us = len(times_us), int(times_us.sum())
    made.min_us, made.max_us = int(times_us.min()), int(times_us.max())
    if made.max_us > HIGHEST_TRACKABLE_US:
        times_us = times_us[times_us <= HIGHEST_TRACKABLE_US]
        made.overflows = made.requests - len(times_us)
    # As `ranks.bucket_of`: of a whole number, the exponent that frexp returns is its length in bits.
    shifts = np.maximum(np.frexp(times_us)[1] - UNIT_BITS, 0)
    buckets, counts = np.unique(times_us >> shifts << shifts, return_counts=True)
    made.counts = dict(zip(buckets.tolist(), counts.tolist(), strict=True))
    return made
