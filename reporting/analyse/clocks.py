"""Data frames of the clocks beside service time, and of what became of the operations that had no reply.

Times are seconds since the load started, at the middle of a bin of `series.bins`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from locust_extra.columns import AGGREGATED, ALL_WORKERS, CLOCK_PERCENTILES
from reporting.analyse.load_side import lateness_rows
from reporting.analyse.series import Bin, LoadSeries, bins, percentile_points, place_of
from reporting.analyse.spread import GREATEST, LEAST
from reporting.analyse.timeline import Timeline
from reporting.read.distributions import Distribution, Histogram
from reporting.read.load_files import operation_name
from reporting.read.run_folder import RunFolder
from reporting.text import natural
from zk_locust.contract.clock_names import CENSORED, CLIENT_DELAY, CLOCKS, RESPONSE, SERVICE, SLIP
from zk_locust.contract.events import NO_ARRIVAL_TIMES

NAMES: Final[Mapping[str, str]] = {
    RESPONSE: "response time",
    SERVICE: "service time",
    SLIP: "schedule slip",
    CLIENT_DELAY: "client delay",
}
"""The name of each clock for people, in the order in which they are shown."""

MAX_CELLS: Final = 4000
_MOST_COLUMNS: Final = 150
ROWS_A_DECADE: Final = 10
OFFERED_COLUMNS: Final = {"offered": "offered", "requests": "achieved", "missed": "missed", "dropped": "dropped"}


def is_recorded(run: RunFolder) -> bool:
    """Return whether the run's files tell censored operations and clocks; those of older versions do not."""
    return bool(run.stats[CENSORED].notna().any()) or any(
        getattr(line.distribution, name) is not None for line in run.distributions for name in (*CLOCKS, CENSORED)
    )


def without_arrivals(run: RunFolder) -> dict[str, str]:
    """Return the workers whose kernel gave no arrival times of replies, in order, and what each of them said."""
    found = run.events[run.events["event"] == NO_ARRIVAL_TIMES]
    told = {str(name): str(detail) for name, detail in zip(found["subject"], found["detail"], strict=True)}
    return {name: told[name] for name in sorted(told, key=natural)}


def percentile_curves(total: Distribution) -> pd.DataFrame:
    """Return `clock`, `inverse`, `percentile`, `latency_ms` of each clock of `total` that was measured."""
    rows = [
        (name, *point)
        for clock, name in NAMES.items()
        if (found := total.clock(clock)) is not None
        for point in percentile_points(found)
    ]
    return pd.DataFrame(rows, columns=["clock", "inverse", "percentile", "latency_ms"])


@dataclass(frozen=True, slots=True)
class HeatMap:
    """How many operations took how long, when.

    `cells` has `start_s`, `end_s`, `row` and `count`, one line for each cell that is not empty. A row holds latencies
    from 10 ** (row / `ROWS_A_DECADE`) µs up to the next row's.
    """

    cells: pd.DataFrame

    @property
    def most(self) -> int:
        """The largest count of a cell."""
        return int(self.cells["count"].max())


def heat_map(load: LoadSeries, clock: str) -> HeatMap | None:
    """Return the heat map of a clock over all operations, at most `MAX_CELLS` cells; None without any operation."""
    together = max(1, math.ceil(len(load.bins) / _MOST_COLUMNS))
    while True:
        found = _cells(load, clock, together)
        if len(found) <= MAX_CELLS or together >= len(load.bins):
            return HeatMap(found) if len(found) else None
        together *= 2


def _cells(load: LoadSeries, clock: str, together: int) -> pd.DataFrame:
    """The cells of columns of so many bins; a stage begins a column of its own."""
    columns: list[list[int]] = []
    for at, each in enumerate(load.bins):
        if not columns or len(columns[-1]) == together or load.bins[columns[-1][0]].stage != each.stage:
            columns.append([])
        columns[-1].append(at)
    cells = []
    for column in columns:
        found = Histogram.merged(
            distribution.histogram
            for by_bin in load.by_operation.values()
            for at in column
            if at in by_bin and (distribution := by_bin[at].clock(clock)) is not None
        )
        rows = np.floor(np.log10(np.maximum(found.values_us, 1)) * ROWS_A_DECADE + 1e-9).astype(int)
        edges = (load.bins[column[0]].start_s, load.bins[column[-1]].end_s)
        counts = np.bincount(rows, found.counts) if len(rows) else np.zeros(0)
        cells += [(*edges, int(row), int(counts[row])) for row in np.nonzero(counts)[0]]
    return pd.DataFrame(cells, columns=["start_s", "end_s", "row", "count"])


def censored(total: Distribution) -> pd.DataFrame:
    """Return `low_s`, `high_s`, `count`: the waiting times so far of the censored operations, in at most 40 bins."""
    found = total.censored
    if found is None or not found.histogram.total:
        return pd.DataFrame(columns=["low_s", "high_s", "count"])
    values_s = found.histogram.values_us / 1e6
    step_s = _round_step(float(values_s.max()) / 30)
    places = np.floor(values_s / step_s + 1e-9).astype(int)
    counts: Counter[int] = Counter()
    for at, count in zip(places.tolist(), found.histogram.counts.tolist(), strict=True):
        counts[at] += count
    rows = [(round(at * step_s, 6), round((at + 1) * step_s, 6), count) for at, count in sorted(counts.items())]
    return pd.DataFrame(rows, columns=["low_s", "high_s", "count"])


def _round_step(least: float) -> float:
    """Return the first of 1, 2, 5, 10, … times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def offered(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    """Return `time_s`, `series`, `per_s`: operations a second that were offered, achieved, missed and dropped.

    Where a bin is several intervals, the least and the greatest of them are beside it (`spread`). Achieved are
    successful operations that were due. Empty in closed loop, where nothing is due.
    """
    columns = ["time_s", "series", "per_s"]
    found = bins(timeline)
    rows = _aggregated(run, found).dropna(subset=["offered"])
    if not len(rows):
        return pd.DataFrame(columns=columns)
    on_top = _never_due(run)
    if on_top is not None:
        added = on_top.reindex(pd.MultiIndex.from_frame(rows[["stage", "interval"]]), fill_value=0.0)
        rows = rows.assign(requests=rows["requests"] - added.to_numpy())
    counts = [name for name in OFFERED_COLUMNS if rows[name].notna().any()]
    # Cumulative within the stage: the last of a bin minus the last of the bin before.
    last = rows.groupby(["stage", "bin"], sort=False)[counts].last().sort_index(level="bin")
    grown = last.groupby(level="stage", sort=False).diff().fillna(last).clip(lower=0)
    lengths = np.array([found[at].length_s for at in grown.index.get_level_values("bin")])
    times = [found[at].middle_s for at in grown.index.get_level_values("bin")]
    single = _of_single_intervals(rows, counts) if len(found) < len(timeline.intervals) else None
    frames = []
    for name in counts:
        per_s = (grown[name] / lengths).to_numpy()
        frame = pd.DataFrame({"time_s": times, "series": OFFERED_COLUMNS[name], "per_s": per_s})
        if single is not None:
            by_bin = single.groupby("bin")[name]
            at = grown.index.get_level_values("bin")
            frame["per_s" + LEAST] = by_bin.min().reindex(at).to_numpy()
            frame["per_s" + GREATEST] = by_bin.max().reindex(at).to_numpy()
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _never_due(run: RunFolder) -> pd.Series | None:
    """Return the successes since the stage began, by stage and interval, of operations that follow from others.

    None where there are none, or no distributions that tell it.
    """
    of_lines = {(line.operation, line.distribution.slip is not None) for line in run.distributions}
    names = {name for name, _ in of_lines} - {name for name, slipped in of_lines if slipped}
    if not names:
        return None
    stats = run.stats[["stage", "interval", "worker", "type", "name", "requests"]]
    rows = stats[(stats["worker"] == ALL_WORKERS) & (stats["name"] != AGGREGATED)].dropna(subset=["interval"])
    named = [operation_name(str(of), str(name)) in names for of, name in zip(rows["type"], rows["name"], strict=True)]
    by_operation = (
        rows[np.array(named, dtype=bool)]
        .groupby(["stage", "interval", "type", "name"], observed=True)["requests"]
        .max()
    )
    return by_operation.groupby(level=["stage", "interval"]).sum()


def _of_single_intervals(rows: pd.DataFrame, counts: Sequence[str]) -> pd.DataFrame:
    """The counts a second of single intervals, with their `bin`; only those of about the usual length."""
    rows = rows.sort_values(["elapsed_s", *counts], kind="stable").drop_duplicates(["stage", "interval"], keep="last")
    by_stage = rows.groupby("stage", sort=False, observed=True)
    seconds = by_stage["elapsed_s"].diff()
    grown = by_stage[list(counts)].diff().clip(lower=0).div(seconds, axis=0)
    return grown[seconds > seconds.median() / 2].assign(bin=rows["bin"])


def queued(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    """Return `time_s`, `series`, `value`: operations that were due and not sent, the most of each bin's intervals."""
    found = bins(timeline)
    rows = _aggregated(run, found).dropna(subset=["queued"])
    most = rows.groupby("bin")["queued"].max()
    return pd.DataFrame({"time_s": [found[at].middle_s for at in most.index], "series": "queued", "value": most.values})


def clock_over_time(load: LoadSeries, clock: str) -> pd.DataFrame:
    """Return `time_s`, `percentile`, `latency_ms` of a clock over all operations; empty where it was not measured."""
    found = load.latencies(clock=clock)
    return found if found["latency_ms"].notna().any() else found.iloc[:0]


def lateness(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    """Return `time_s`, `worker`, `p99_ms`: how late each worker's heartbeat was, over the stage so far."""
    columns = ["time_s", "worker", "p99_ms"]
    found = bins(timeline)
    place = place_of(found)
    stats = run.stats[["stage", "worker", "interval", "lateness_p99_us"]]
    rows = stats[stats["worker"] != ALL_WORKERS].dropna(subset=["lateness_p99_us", "interval"])
    numbers = [place.get((stage, int(n)), -1) for stage, n in zip(rows["stage"], rows["interval"], strict=True)]
    frame = pd.DataFrame(
        {"bin": numbers, "worker": rows["worker"].to_numpy(), "p99_ms": rows["lateness_p99_us"].to_numpy() / 1000}
    )
    frame = frame[frame["bin"] >= 0].groupby(["worker", "bin"], as_index=False).last()
    frame["time_s"] = [found[at].middle_s for at in frame["bin"]]
    return frame[columns]


@dataclass(frozen=True, slots=True)
class OwnDelay:
    """One worker's own delay in the measured stage: the lateness of its heartbeat, and its garbage collector.

    `lateness_us` has the keys of `CLOCK_PERCENTILES`. `gc_share` (0 to 1) is of the measured stage.
    """

    worker: str
    lateness_us: Mapping[str, float | None]
    gc_share: float | None


def own_delays(run: RunFolder, timeline: Timeline) -> list[OwnDelay]:
    """Return the workers' own delays, by name; none where they were not measured."""
    found = []
    for worker, group in lateness_rows(run).groupby("worker"):
        last = group.iloc[-1]
        late = {name: _known(last[f"lateness_{name}"]) for name in CLOCK_PERCENTILES}
        gc_ms = _known(group["gc_ms"].sum(min_count=1))
        share = gc_ms / 1000 / timeline.measured_s if gc_ms is not None and timeline.measured_s else None
        found.append(OwnDelay(str(worker), late, share))
    return found


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _aggregated(run: RunFolder, found: Sequence[Bin]) -> pd.DataFrame:
    """The rows of all operations over all workers, in order, with the number of their `bin`."""
    place = place_of(found)
    stats = run.stats
    rows = stats[(stats["worker"] == ALL_WORKERS) & (stats["name"] == AGGREGATED)].dropna(subset=["interval"])
    rows = rows.sort_values("interval", kind="stable")
    numbers = [place.get((stage, int(n)), -1) for stage, n in zip(rows["stage"], rows["interval"], strict=True)]
    rows = rows.assign(bin=numbers)
    return rows[rows["bin"] >= 0]
