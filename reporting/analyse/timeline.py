"""When things happened in a run: its intervals and stages, on the load's own clock.

The load's clock (`elapsed_s`) is the master's monotonic clock. Other sources have other clocks. They are aligned by the
median difference between their first wall-clock labels and their own seconds, so that neither a single wrong label nor
a clock that is set later has an effect, and no duration is a difference of labels.

The samples of the machines and what members log are placed by their labels: a host may have several samplers, which
start at different moments, but it has one wall clock (`host_clocks`).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from locust_extra.columns import AGGREGATED
from reporting.analyse.host_clocks import HostClock, host_clocks, master_of
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP

_ORDER: Final = (WARM_UP, MEASURED, COOL_DOWN)
_FIRST_LABELS: Final = 11
_MOST_FILLED: Final = 10  # at most this many times the known intervals may be missing in a row


@dataclass(frozen=True, slots=True)
class Span:
    """A stage of the load, or some of its time, in seconds since the load started."""

    stage: str
    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Interval(Span):
    """One interval of a stage."""

    number: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """All intervals in order of time, their stages, and the other clocks.

    `load_start` is the wall-clock label (seconds since the epoch) of 0 s; `metrics_offset_s` is added to the
    `elapsed_s` of the members' metrics. Both are NaN if not known. `clocks` has the wall clock of each host,
    `master` is the master's host. `together` is `RunFolder.together`.
    """

    intervals: tuple[Interval, ...]
    spans: tuple[Span, ...]
    load_start: float
    metrics_offset_s: float
    clocks: Mapping[str, HostClock] = field(default_factory=dict)
    master: str = ""
    together: int = 1

    def span(self, stage: str) -> Span | None:
        """The stage of that name, if it has an interval."""
        return next((span for span in self.spans if span.stage == stage), None)

    @property
    def measured_s(self) -> float:
        """Length of the measured stage in seconds, 0 when there is none."""
        span = self.span(MEASURED)
        return span.length_s if span else 0.0

    @property
    def end_s(self) -> float:
        """End of the last interval."""
        return max((span.end_s for span in self.spans), default=0.0)

    def in_load_time(self, timestamp: float) -> float:
        """Seconds since the load started for a label of the master's wall clock."""
        return float(self.at(pd.Series([timestamp]), self.master).iloc[0])

    def at(self, timestamps: pd.Series, host: str) -> pd.Series:
        """Seconds since the load started for labels of a host's wall clock; without a host, of the master's."""
        clock = self.clocks.get(host or self.master, _SAME)
        return clock.in_load_time(timestamps, self.load_start)

    def at_steady(self, timestamps: pd.Series, hosts: pd.Series) -> pd.Series:
        """Seconds since the load started for labels that each of the `hosts` gave by a clock that was never set."""
        parts = [
            self.clocks.get(str(host), _SAME).steady_in_load_time(labels, self.load_start)
            for host, labels in timestamps.groupby(hosts, sort=False)
        ]
        return pd.concat(parts).reindex(timestamps.index) if parts else timestamps

    def clock_error_s(self, host: str) -> float | None:
        """How far what a host has labelled may be from where it is placed, seconds; None if that is not known.

        Both its clock and the master's were compared with the controller's.
        """
        if host in ("", self.master):
            return 0.0
        found, of_master = (self.clocks.get(name, _SAME).error_s for name in (host, self.master))
        return None if found is None else found + (of_master or 0.0)

    def of_host_samples(self, samples: pd.DataFrame) -> pd.Series:
        """Seconds since the load started for each of the machines' samples; a step of a host's clock moves none."""
        parts = []
        for host, rows in samples[["timestamp", "elapsed_s"]].groupby(samples["host"], sort=False, observed=True):
            clock = self.clocks.get(str(host), _SAME)
            parts.append(clock.steady_in_load_time(clock.steady(rows), self.load_start))
        return pd.concat(parts).reindex(samples.index) if parts else samples["timestamp"]


_SAME: Final = HostClock()


def build(run: RunFolder) -> Timeline:
    """The timeline of a run, from either of its two files of figures."""
    ends: dict[tuple[str, int], float] = {}
    lengths: dict[tuple[str, int], float] = {}
    rows = run.stats[["stage", "interval", "elapsed_s"]].drop_duplicates(["stage", "interval"])
    for stage, number, end_s in zip(rows["stage"], rows["interval"], rows["elapsed_s"], strict=True):
        ends[stage, int(number)] = end_s
    figures = run.intervals[run.intervals["operation"] == AGGREGATED]
    columns = (figures[name].tolist() for name in ("stage", "interval", "elapsed_s", "interval_s"))
    for stage, number, end_s, length_s in zip(*columns, strict=True):
        key = (stage, int(number))
        ends[key] = min(end_s, ends.get(key, end_s))
        lengths[key] = length_s
    intervals = _intervals(ends, lengths)
    spans = [
        Span(stage, min(i.start_s for i in found), max(i.end_s for i in found))
        for stage in sorted({i.stage for i in intervals}, key=_place)
        if (found := [i for i in intervals if i.stage == stage])
    ]
    load_start = _offset((run.stats if len(run.stats) else figures)[["timestamp", "elapsed_s"]])
    metrics_offset_s = _offset(run.metrics[["timestamp", "elapsed_s"]]) - load_start
    load_s = max((span.end_s for span in spans), default=0.0)
    clocks = host_clocks(run.manifest, run.host_metrics, load_start, load_s)
    master = master_of(run.manifest)
    return Timeline(tuple(intervals), tuple(spans), load_start, metrics_offset_s, clocks, master, run.together)


def _place(stage: str) -> int:
    return _ORDER.index(stage) if stage in _ORDER else len(_ORDER)


def _offset(frame: pd.DataFrame) -> float:
    first = frame.drop_duplicates("elapsed_s").nsmallest(_FIRST_LABELS, "elapsed_s")
    return float((first["timestamp"] - first["elapsed_s"]).median()) if len(frame) else float("nan")


def _intervals(ends: dict[tuple[str, int], float], lengths: dict[tuple[str, int], float]) -> list[Interval]:
    """Intervals in order. Missing intervals between two others are filled in, evenly."""
    by_stage: dict[str, list[int]] = defaultdict(list)
    for stage, number in ends:
        by_stage[stage].append(number)
    found: list[Interval] = []
    for stage in sorted(by_stage, key=_place):
        before: Interval | None = None
        for number in sorted(by_stage[stage]):
            end_s = ends[stage, number]
            length_s = lengths.get((stage, number))
            gap = number - before.number - 1 if before else 0
            if gap > _MOST_FILLED * (len(ends) + 1):
                gap = 0  # a damaged number, not a stall
            if length_s is not None:
                start_s = end_s - length_s
            elif before is not None:
                start_s = before.end_s + (end_s - before.end_s) * gap / (gap + 1)
            else:
                start_s = found[-1].end_s if found else 0.0
            if before is not None and gap:
                step_s = max(0.0, start_s - before.end_s) / gap
                found.extend(
                    Interval(stage, before.end_s + i * step_s, before.end_s + (i + 1) * step_s, before.number + 1 + i)
                    for i in range(gap)
                )
            before = Interval(stage, min(start_s, end_s), end_s, number)
            found.append(before)
    return found
