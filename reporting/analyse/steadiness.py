"""Whether a figure drifts over the measured stage: the Mann-Kendall test for a trend, and how large the change is.

The test (Mann 1945, Kendall 1975) compares each value with all later ones, so outliers and the shape of the noise have
no effect. A trend of any size can be significant in a long run, so the medians of the first and the last third say how
much has changed.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from locust_extra.columns import AGGREGATED, ALL_WORKERS
from reporting.analyse.headline import TOTAL
from reporting.analyse.timeline import Timeline
from reporting.read.distributions import Distribution, Histogram
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import MEASURED

MOST_POINTS: Final = 30
LEAST_POINTS: Final = 6  # with fewer, no order of the points is significant
OPERATIONS_PER_POINT: Final = 200  # so that 2 operations lie beyond p99
LATENCY_PERCENTILES: Final = (50.0, 99.0)
_BLOCK: Final = 512


@dataclass(frozen=True, slots=True)
class Drift:
    """How a figure changes: the medians of its first and its last third, and the significance of the trend.

    `z` is the standard score of Mann-Kendall's statistic: positive for growth, above 2.58 in 1 of 200 steady series.
    `least_z` says how large it has to be where several series are judged.
    """

    first: float
    last: float
    z: float

    @property
    def factor(self) -> float:
        """By how much the figure has grown or shrunk: 2 for twice as much and for half as much."""
        low, high = sorted((self.first, self.last))
        return high / low if low > 0 else math.inf if high > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Steadiness:
    """The drifts of rate, p50 and p99 by operation (`TOTAL` for all), without those that have too few points.

    `offered` is the drift of the offered rate, None in closed loop.
    """

    rate: Mapping[str, Drift]
    latency: Mapping[tuple[str, float], Drift]
    offered: Drift | None

    @property
    def series(self) -> int:
        """How many series of the load are judged."""
        return len(self.rate) + len(self.latency)


def least_z(chance: float, series: int = 1) -> float:
    """Return the |z| that chance exceeds in any of so many steady series with this probability (Bonferroni)."""
    return NormalDist().inv_cdf(1 - chance / (2 * max(1, series)))


def build(run: RunFolder, timeline: Timeline) -> Steadiness:
    """Return the drifts in the measured stage, of response times in open loop."""
    pieces = _whole(_pieces(timeline))
    found: dict[str, dict[int, list[Distribution]]] = defaultdict(lambda: defaultdict(list))
    for line in run.distributions:
        if line.stage == MEASURED:
            for operation in (line.operation, TOTAL):
                found[operation][line.interval // timeline.together].append(line.distribution)
    rate: dict[str, Drift] = {}
    latency: dict[tuple[str, float], Drift] = {}
    for operation, by_piece in found.items():
        points = _points(pieces, by_piece)
        rates = [sum(each.requests for each in here) / seconds for seconds, here in points]
        if (drift := drift_of(rates)) is not None:
            rate[operation] = drift
        # In open loop, `TOTAL` has those that were due.
        due = any(each.response for _, here in points for each in here)
        clocks = [
            Histogram.merged(clock.histogram for each in here if (clock := each.response if due else each) is not None)
            for _, here in points
        ]
        percentiles = [clock.percentiles_us(LATENCY_PERCENTILES) for clock in clocks if clock.total]
        for at, percentile in enumerate(LATENCY_PERCENTILES):
            if (drift := drift_of([float(values[at] or 0) for values in percentiles])) is not None:
                latency[operation, percentile] = drift
    return Steadiness(rate, latency, drift_of(_offered_rates(run)))


def drift_of(values: Sequence[float]) -> Drift | None:
    """Return the drift of values in order of time; None for too few of them."""
    n = len(values)
    if n < LEAST_POINTS:
        return None
    array = np.asarray(values, dtype=float)
    s = _later_minus_earlier(array)
    ties = np.unique(array, return_counts=True)[1].astype(float)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    z = 0.0 if s == 0 or variance <= 0 else (s - math.copysign(1, s)) / math.sqrt(variance)
    third = n // 3
    return Drift(float(np.median(array[:third])), float(np.median(array[-third:])), z)


def _later_minus_earlier(array: NDArray[np.float64]) -> float:
    """Return how many pairs grow minus how many fall. A load of a day has 86,400 intervals, and squared, too many."""
    found, sorted_after = 0.0, np.zeros(0)
    for start in range((len(array) - 1) // _BLOCK * _BLOCK, -1, -_BLOCK):
        block = array[start : start + _BLOCK]
        found += float(np.triu(np.sign(block[None, :] - block[:, None])).sum())
        found += float(len(block) * len(sorted_after) - np.searchsorted(sorted_after, block, side="right").sum())
        found -= float(np.searchsorted(sorted_after, block, side="left").sum())
        sorted_after = np.sort(np.concatenate([sorted_after, block]), kind="stable")
    return found


def _pieces(timeline: Timeline) -> list[tuple[int, float]]:
    """Return number and seconds of each part of the measured stage that has distributions of its own."""
    seconds: dict[int, float] = defaultdict(float)
    for each in timeline.intervals:
        if each.stage == MEASURED:
            seconds[each.number // timeline.together] += each.length_s
    return list(seconds.items())


def _whole(pieces: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Leave out pieces of less than half the usual length: their rates are mostly noise."""
    typical_s = float(np.median([length_s for _, length_s in pieces])) if pieces else 0.0
    return [piece for piece in pieces if piece[1] > typical_s / 2]


def _points(
    pieces: Sequence[tuple[int, float]], by_piece: Mapping[int, Sequence[Distribution]]
) -> list[tuple[float, list[Distribution]]]:
    """Return the pieces combined to points of about equal length: the seconds and the distributions of each."""
    operations = sum(each.requests for number, _ in pieces for each in by_piece.get(number, ()))
    most = min(MOST_POINTS, operations // OPERATIONS_PER_POINT, len(pieces))
    if most < LEAST_POINTS:
        return []
    chunks = [pieces[i * len(pieces) // most : (i + 1) * len(pieces) // most] for i in range(most)]
    return [
        (
            sum(length_s for _, length_s in chunk),
            [each for number, _ in chunk for each in by_piece.get(number, ())],
        )
        for chunk in chunks
    ]


def _offered_rates(run: RunFolder) -> list[float]:
    """Return the offered rate of each measured interval; none in closed loop."""
    stats = run.stats
    measured = (stats["stage"] == MEASURED) & (stats["worker"] == ALL_WORKERS) & (stats["name"] == AGGREGATED)
    rows = stats.loc[measured, ["interval", "elapsed_s", "offered"]]
    rows = (
        rows.dropna(subset=["offered"]).sort_values(["elapsed_s", "offered"]).drop_duplicates("interval", keep="last")
    )
    grown, seconds = np.diff(rows["offered"].to_numpy()), np.diff(rows["elapsed_s"].to_numpy())
    return [float(count / length) for count, length in zip(grown, seconds, strict=True) if length > 0]
