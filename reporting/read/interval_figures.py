"""The figures of each interval: counts, and percentiles by each clock, of each operation and of all together.

Distributions of adjacent intervals may be combined; what charts and rules need of each single interval is here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from locust_extra.columns import AGGREGATED
from reporting.read.distributions import Distribution, DistributionLine, highest_us
from reporting.read.table_format import words
from zk_locust.contract.clock_names import CLOCKS, SERVICE

PERCENTILES: Final = {"p50_us": 50, "p99_us": 99}
_LABELS: Final = ("stage", "operation")
_FIRST: Final = ("timestamp", "elapsed_s")  # figures that arrived late may have a later end: the first is its own
_SUMS: Final = ("requests", "failures")
_CLOCK_COLUMNS: Final = tuple(f"{clock}_{which}" for clock in (SERVICE, *CLOCKS) for which in PERCENTILES)
COLUMNS: Final = (*_LABELS, "interval", *_FIRST, "interval_s", *_SUMS, *_CLOCK_COLUMNS)
"""`operation` is `AGGREGATED` for all together. Percentiles are microseconds, NaN without an operation."""

CHUNK: Final = 600  # intervals: the figures of so many are computed at once
_BUCKET_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Part:
    """The figures of one operation in some intervals of a stage: an array for each column but the first two."""

    stage: str
    operation: str
    columns: Mapping[str, NDArray[Any]]


def of(lines: Iterable[DistributionLine]) -> list[Part]:
    """Return the figures of single lines, those of each stage in the order of their intervals."""
    by_chunk: dict[tuple[str, int], list[DistributionLine]] = defaultdict(list)
    for line in lines:
        by_chunk[line.stage, line.interval // CHUNK].append(line)
    return [part for place in sorted(by_chunk) for part in _of_chunk(by_chunk[place])]


def joined(parts: Sequence[Part]) -> pd.DataFrame:
    """Return the figures together, with `COLUMNS`. Those of an interval that was read in parts are put together.

    Then its percentiles are the greatest of its parts'.
    """
    lengths = [len(part.columns["interval"]) for part in parts]
    labels = {}
    for name in _LABELS:
        code_of: dict[str, int] = {}
        codes = [code_of.setdefault(getattr(part, name), len(code_of)) for part in parts]
        labels[name] = words(list(code_of), np.repeat(np.array(codes, np.int32), lengths))
    numbers = {
        name: np.concatenate([part.columns[name] for part in parts]) if parts else np.zeros(0)
        for name in COLUMNS
        if name not in _LABELS
    }
    found = pd.DataFrame(labels | numbers, copy=False)
    key = [*_LABELS, "interval"]
    if not found.duplicated(key).any():
        return found
    how = {name: "min" if name in _FIRST else "sum" if name in _SUMS else "max" for name in COLUMNS if name not in key}
    return found.groupby(key, as_index=False, sort=False, observed=True).agg(how)[list(COLUMNS)]


def _of_chunk(lines: list[DistributionLine]) -> Iterator[Part]:
    by_operation: dict[str, list[DistributionLine]] = defaultdict(list)
    for line in lines:
        by_operation[line.operation].append(line)
    for operation, found in {**by_operation, AGGREGATED: lines}.items():
        yield Part(lines[0].stage, operation, _columns(found))


def _columns(lines: Sequence[DistributionLine]) -> dict[str, NDArray[Any]]:
    numbers, places = np.unique([line.interval for line in lines], return_inverse=True)

    def gathered(values: list[float], how: Any, start: float) -> NDArray[np.float64]:
        found = np.full(len(numbers), start)
        how.at(found, places, values)
        return found

    distributions = [line.distribution for line in lines]
    return {
        "interval": numbers,
        "timestamp": gathered([line.timestamp for line in lines], np.minimum, np.inf),
        "elapsed_s": gathered([line.elapsed_s for line in lines], np.minimum, np.inf),
        "interval_s": gathered([line.interval_s for line in lines], np.maximum, 0.0),
        "requests": gathered([float(each.requests) for each in distributions], np.add, 0.0),
        "failures": gathered([float(each.failures) for each in distributions], np.add, 0.0),
        **{
            f"{clock}_{which}": values
            for clock in (SERVICE, *CLOCKS)
            for which, values in _percentiles(clock, places, distributions, len(numbers)).items()
        },
    }


def _percentiles(
    clock: str, places: NDArray[Any], distributions: Sequence[Distribution], intervals: int
) -> dict[str, NDArray[np.float64]]:
    """Return the percentiles of each interval as `Distribution.percentiles_us` has them, of many intervals at once."""
    found = [(int(at), each) for at, whole in zip(places, distributions, strict=True) if (each := whole.clock(clock))]
    result = {which: np.full(intervals, np.nan) for which in PERCENTILES}
    held = [(at, each.histogram) for at, each in found if len(each.histogram.buckets)]
    if not held:
        return result
    most = np.zeros(intervals)
    for at, each in found:
        most[at] = max(most[at], np.inf if each.max_us is None and len(each.histogram.buckets) else each.max_us or 0)
    key = np.repeat([at << _BUCKET_BITS for at, _ in held], [len(each.buckets) for _, each in held])
    key |= np.concatenate([each.buckets for _, each in held])
    order = np.argsort(key, kind="stable")
    key = key[order]
    counts = np.concatenate([each.counts for _, each in held])[order]
    cumulative = np.cumsum(counts, dtype=np.int64)
    edges = np.searchsorted(key, np.arange(intervals + 1) << _BUCKET_BITS)
    before = np.concatenate([[0], cumulative])[edges]
    totals = np.diff(before)
    filled = totals > 0
    for which, percentile in PERCENTILES.items():
        ranks = np.maximum(1, -(-percentile * totals // 100))[filled]
        at_rank = np.searchsorted(cumulative, before[:-1][filled] + ranks)
        values = highest_us(key[at_rank] & ((1 << _BUCKET_BITS) - 1))
        result[which][filled] = np.minimum(values, most[filled])
    return result
