"""Data frames for the charts: intervals combined to a few hundred points at most.

Times are seconds since the load started, at the middle of a bin.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from locust_extra.columns import AGGREGATED, ALL_WORKERS
from reporting.analyse.spread import GREATEST, LEAST, Intervals
from reporting.analyse.timeline import Interval, Span, Timeline
from reporting.read.distributions import Distribution, DistributionLine
from reporting.read.run_folder import RunFolder
from zk_locust.contract.clock_names import SERVICE
from zk_locust.contract.stage_names import MEASURED

MAX_BINS: Final = 300
_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
TIME_PERCENTILES: Final = (50.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True)
class Bin(Span):
    """Consecutive intervals of one stage, drawn as one point."""

    numbers: tuple[int, ...]

    @property
    def middle_s(self) -> float:
        """Where the point is drawn."""
        return (self.start_s + self.end_s) / 2


def bins(timeline: Timeline, most: int = MAX_BINS) -> list[Bin]:
    """Bins that cover every interval, at most about `most`.

    A rest at the end of a stage that is shorter than half a bin joins the bin before: its rate would be mostly noise.
    """
    step = next((s for s in _STEPS if len(timeline.intervals) <= s * most), None)
    if step is None:
        step = math.ceil(len(timeline.intervals) / most / _STEPS[-1]) * _STEPS[-1]
    by_stage: dict[str, list[Interval]] = defaultdict(list)
    for interval in timeline.intervals:
        by_stage[interval.stage].append(interval)
    found: list[Bin] = []
    for stage, intervals in by_stage.items():
        # Intervals that are combined must be in one bin, also when the first of them are missing.
        missing = intervals[0].number % timeline.together
        chunks = [intervals[max(0, i) : i + step] for i in range(-missing, len(intervals), step)]
        of_stage = [Bin(stage, c[0].start_s, c[-1].end_s, tuple(i.number for i in c)) for c in chunks]
        if len(of_stage) > 1 and of_stage[-1].length_s < of_stage[-2].length_s / 2:
            before, rest = of_stage[-2:]
            of_stage[-2:] = [Bin(stage, before.start_s, rest.end_s, before.numbers + rest.numbers)]
        found.extend(of_stage)
    return found


def typical_bin_s(found: Sequence[Bin]) -> float:
    """Median length of the bins in seconds, 0 without any."""
    return float(np.median([b.length_s for b in found])) if found else 0.0


def place_of(found: Sequence[Bin]) -> dict[tuple[str, int], int]:
    """Stage and number of each interval to the number of its bin."""
    return {(b.stage, number): i for i, b in enumerate(found) for number in b.numbers}


def _merge_by_bin(lines: Iterable[DistributionLine], found: Sequence[Bin]) -> dict[str, dict[int, Distribution]]:
    """Operation to number of the bin to the sum of its distributions."""
    place = place_of(found)
    by_operation: dict[str, dict[int, list[Distribution]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if (line.stage, line.interval) in place:
            by_operation[line.operation][place[line.stage, line.interval]].append(line.distribution)
    return {
        operation: {i: Distribution.merged(here) for i, here in by_bin.items()}
        for operation, by_bin in sorted(by_operation.items())
    }


@dataclass(frozen=True, slots=True)
class LoadSeries:
    """The load over time: bins, and the distribution of each operation in each bin that has one.

    Where a bin is several intervals, the frames below have the least and the greatest of its intervals beside a value
    (`spread`).
    """

    bins: list[Bin]
    by_operation: dict[str, dict[int, Distribution]]
    intervals: Intervals

    @property
    def operations(self) -> list[str]:
        """Names in alphabetical order."""
        return list(self.by_operation)

    def rates(self) -> pd.DataFrame:
        """`time_s`, `operation`, `rate_per_s`, `failures_per_s`: a bin without any line of an operation is a zero."""
        if not self.by_operation:
            return pd.DataFrame(columns=["time_s", "operation", "rate_per_s", "failures_per_s"])
        columns = {"rate_per_s": "requests", "failures_per_s": "failures"}
        places = [i for i, b in enumerate(self.bins) if b.length_s > 0]
        frames = []
        for operation, by_bin in self.by_operation.items():
            frame = pd.DataFrame({"time_s": [self.bins[i].middle_s for i in places], "operation": operation})
            for name, count in columns.items():
                frame[name] = [
                    (getattr(by_bin[i], count) if i in by_bin else 0) / self.bins[i].length_s for i in places
                ]
                if self.intervals.are_combined:
                    found = self.intervals.rates(operation, count).reindex(places)
                    frame[name + LEAST], frame[name + GREATEST] = found[LEAST].to_numpy(), found[GREATEST].to_numpy()
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def latencies(self, operation: str | None = None, clock: str = SERVICE) -> pd.DataFrame:
        """`time_s`, `percentile` (p50, p95, p99), `latency_ms` of one operation, or of all together, by one clock.

        NaN where no operation succeeded, so that a line has a gap there. Only p99 has the least and the greatest.
        """
        if operation is not None:
            by_bin = self.by_operation[operation]
        else:
            together: dict[int, list[Distribution]] = defaultdict(list)
            for found in self.by_operation.values():
                for i, distribution in found.items():
                    together[i].append(distribution)
            by_bin = {i: Distribution.merged(found) for i, found in together.items()}
        rows = []
        for i, b in enumerate(self.bins):
            found_here = by_bin[i].clock(clock) if i in by_bin else None
            values = found_here.percentiles_us(TIME_PERCENTILES) if found_here else [None] * len(TIME_PERCENTILES)
            for percentile, value in zip(TIME_PERCENTILES, values, strict=True):
                ms = math.nan if value is None else max(value, 1) / 1000  # 0 µs has no place on a log scale
                rows.append((b.middle_s, f"p{percentile:g}", ms))
        frame = pd.DataFrame(rows, columns=["time_s", "percentile", "latency_ms"])
        if self.intervals.are_combined:
            ends = self.intervals.values(operation or AGGREGATED, f"{clock}_p99_us").reindex(range(len(self.bins)))
            is_p99 = (frame["percentile"] == "p99").to_numpy()
            for end in (LEAST, GREATEST):
                column = np.full(len(frame), math.nan)
                column[is_p99] = ends[end].clip(lower=1) / 1000
                frame["latency_ms" + end] = column
        return frame


def load_series(run: RunFolder, timeline: Timeline, most: int = MAX_BINS) -> LoadSeries:
    """The load of a run over time, in bins, at most about `most`."""
    found = bins(timeline, most)
    intervals = Intervals(timeline, place_of(found), run.intervals)
    return LoadSeries(found, _merge_by_bin(run.distributions, found), intervals)


def percentile_curves(run: RunFolder, clock: str = SERVICE) -> pd.DataFrame:
    """`operation`, `inverse`, `percentile`, `latency_ms` of each operation over the measured stage, by one clock."""
    by_operation: dict[str, list[Distribution]] = defaultdict(list)
    for line in run.distributions:
        found = line.distribution.clock(clock)
        if line.stage == MEASURED and found is not None:
            by_operation[line.operation].append(found)
    rows = [
        (operation, *point)
        for operation, parts in sorted(by_operation.items())
        for point in percentile_points(Distribution.merged(parts))
    ]
    return pd.DataFrame(rows, columns=["operation", "inverse", "percentile", "latency_ms"])


def percentile_points(distribution: Distribution) -> Iterator[tuple[float, float, float]]:
    """Inverse, percentile and latency in milliseconds, from p50 to p99.99.

    The inverse is 1 / (1 - percentile / 100), the axis of HdrHistogram's plots: each factor of ten is one more nine.
    The points end where less than one operation lies beyond them.
    """
    last = min(10_000.0, float(distribution.histogram.total))
    if last < 2:
        return
    inverses = np.unique(np.append(np.geomspace(2, 10_000, 112), [10.0, 20.0, 100.0, 1000.0, last]))
    inverses = inverses[inverses <= last]
    # Rounded: what floating point adds to 99 must not ask for the next rank.
    percentiles = [round(100 * (1 - 1 / float(inverse)), 10) for inverse in inverses]
    for inverse, percentile, value in zip(inverses, percentiles, distribution.percentiles_us(percentiles), strict=True):
        assert value is not None  # the histogram is not empty
        yield float(inverse), percentile, max(value, 1) / 1000


def members(run: RunFolder, timeline: Timeline, metric: str) -> pd.DataFrame:
    """`time_s`, `member`, `value` of one metric of every member, see `over_polls`."""
    rows = run.metrics
    if metric not in rows:
        return over_polls(rows[:0].assign(time_s=[], value=[]), timeline)
    time_s = rows["elapsed_s"] + timeline.metrics_offset_s
    return over_polls(rows[["member", "reachable"]].assign(time_s=time_s, value=rows[metric].astype(float)), timeline)


def over_polls(polls: pd.DataFrame, timeline: Timeline) -> pd.DataFrame:
    """`time_s`, `member`, `value` of polls with these columns and `reachable`, within the load; none without any value.

    A poll that the member did not answer is NaN. Polls in one bin give their largest value, and beside it the least
    (`spread`). If the member did not answer one of them, a NaN follows, so that a line has a gap there however short
    the time was.
    """
    columns = ["time_s", "member", "value"]
    down = polls["reachable"] == 0
    frame = polls[columns].assign(value=polls["value"].mask(down), down=down)
    within = (frame["time_s"] >= 0) & (frame["time_s"] <= timeline.end_s)  # neither holds for NaN
    frame = frame[(frame["value"].notna() | down) & within].sort_values(["member", "time_s"])
    if not frame["value"].notna().any():
        return pd.DataFrame(columns=columns)
    if frame.groupby("member").size().max() > MAX_BINS:
        step_s = timeline.end_s / MAX_BINS
        frame["time_s"] = (np.floor(frame["time_s"] / step_s) + 0.5) * step_s
        by_point = frame.groupby(["member", "time_s"])
        values, unanswered = by_point["value"], by_point["down"].max()
        frame = pd.DataFrame({"value": values.max(), "value" + LEAST: values.min(), "down": unanswered}).reset_index()
        columns.append("value" + LEAST)
        gaps = frame[frame["down"] & frame["value"].notna()].assign(**{"value": math.nan, "value" + LEAST: math.nan})
        gaps["time_s"] = (gaps["time_s"] + step_s / 2).clip(upper=timeline.end_s)
        frame = pd.concat([frame, gaps]).sort_values(["member", "time_s"], kind="stable")
    return frame[columns].reset_index(drop=True)


def worker_cpu(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    """`time_s`, `worker`, `runnable_percent`, `waiting_percent` of one core, mean of each bin.

    Where a bin is several intervals, the least and the greatest of them are beside each mean (`spread`).
    `runnable_percent` is CPU used plus CPU waited for.
    """
    columns = ["time_s", "worker", "runnable_percent", "waiting_percent"]
    stats = run.stats[["stage", "worker", "interval", "cpu_percent", "cpu_wait_percent"]]
    rows = stats[stats["worker"] != ALL_WORKERS].dropna(subset=["cpu_percent", "interval"])
    found = bins(timeline)
    place = place_of(found)
    numbers = [place.get((stage, int(n)), -1) for stage, n in zip(rows["stage"], rows["interval"], strict=True)]
    waiting = rows["cpu_wait_percent"].fillna(0.0)
    frame = pd.DataFrame(
        {
            "bin": numbers,
            "worker": rows["worker"].to_numpy(),
            "runnable_percent": (rows["cpu_percent"] + waiting).to_numpy(),
            "waiting_percent": waiting.to_numpy(),
        }
    )
    frame = frame[frame["bin"] >= 0]
    if not len(frame):
        return pd.DataFrame(columns=columns)
    by_bin = frame.groupby(["worker", "bin"])
    frame = by_bin.mean().reset_index()
    frame["time_s"] = [found[i].middle_s for i in frame["bin"]]
    if len(found) < len(place):
        for name in columns[2:]:
            frame[name + LEAST], frame[name + GREATEST] = by_bin[name].min().to_numpy(), by_bin[name].max().to_numpy()
    return frame.drop(columns="bin")
