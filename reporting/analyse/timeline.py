"""When things happened in a run: its intervals and stages, on the load's own clock.

The load's clock (`elapsed_s`) is the master's monotonic clock. Other sources have other clocks. They are aligned by the
median difference between their wall-clock labels and their own seconds, so that a single wrong label has no effect, and
no duration is a difference of labels. The members' polls have the master's clocks too: they are compared with the
load's labels next to them.

The samples of the machines are placed by their labels: a host may have several samplers, which start at different
moments, but it has one wall clock. Its offset from the master's was measured before the run.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from reporting.read.distributions import DistributionLine
from reporting.read.manifest import Manifest
from reporting.read.parsing import number as as_number
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP

_ORDER: Final = (WARM_UP, MEASURED, COOL_DOWN)
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
    """All intervals in order of time, their stages, and the offsets of other clocks.

    `load_start` is the wall-clock label (seconds since the epoch) of 0 s; `metrics_offset_s` is added to the
    `elapsed_s` of the members' metrics. Both are NaN if not known. `clock_offsets_s` has each host's wall clock minus
    the master's, if known.
    """

    intervals: tuple[Interval, ...]
    spans: tuple[Span, ...]
    load_start: float
    metrics_offset_s: float
    clock_offsets_s: Mapping[str, float] = field(default_factory=dict)

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
        """Seconds since the load started for a wall-clock label."""
        return timestamp - self.load_start

    def of_host_samples(self, samples: pd.DataFrame) -> pd.Series:
        """Seconds since the load started for each of the machines' samples, by their `timestamp` and `host`."""
        ahead_s = samples["host"].map(dict(self.clock_offsets_s)).astype(float).fillna(0.0)
        return samples["timestamp"] - ahead_s - self.load_start


def build(run: RunFolder) -> Timeline:
    """The timeline of a run, from either of its two files of figures."""
    ends: dict[tuple[str, int], float] = {}
    lengths: dict[tuple[str, int], float] = {}
    rows = run.stats.drop_duplicates(["stage", "interval"])
    for stage, number, end_s in zip(rows["stage"], rows["interval"], rows["elapsed_s"], strict=True):
        ends[stage, int(number)] = end_s
    for line in run.distributions:
        key = (line.stage, line.interval)
        # late figures may have a later end: the first is the interval's own
        ends[key] = min(line.elapsed_s, ends.get(key, line.elapsed_s))
        lengths[key] = max(line.interval_s, lengths.get(key, 0.0))
    intervals = _intervals(ends, lengths)
    spans = [
        Span(stage, min(i.start_s for i in found), max(i.end_s for i in found))
        for stage in sorted({i.stage for i in intervals}, key=_place)
        if (found := [i for i in intervals if i.stage == stage])
    ]
    load_start = _offset(_labels(run.stats, run.distributions))
    metrics_offset_s = _offset_between(run.metrics, _labels(run.stats, run.distributions))
    return Timeline(tuple(intervals), tuple(spans), load_start, metrics_offset_s, _clock_offsets_s(run.manifest))


def _place(stage: str) -> int:
    return _ORDER.index(stage) if stage in _ORDER else len(_ORDER)


def _labels(stats: pd.DataFrame, lines: Sequence[DistributionLine]) -> pd.DataFrame:
    if len(stats):
        return stats[["timestamp", "elapsed_s"]]
    return pd.DataFrame([(x.timestamp, x.elapsed_s) for x in lines], columns=["timestamp", "elapsed_s"], dtype=float)


def _offset(frame: pd.DataFrame) -> float:
    return float((frame["timestamp"] - frame["elapsed_s"]).median()) if len(frame) else float("nan")


def _offset_between(polls: pd.DataFrame, load: pd.DataFrame) -> float:
    """What to add to the `elapsed_s` of the polls to get the load's; NaN if not known.

    One process labels both, so a poll is compared with the load's nearest label: a step of the wall clock moves both.
    """
    load = load.dropna().sort_values("timestamp", kind="stable")
    if not len(load) or not len(polls):
        return float("nan")
    labels, label = load["timestamp"].to_numpy(), polls["timestamp"].to_numpy()
    after = np.searchsorted(labels, label).clip(max=len(labels) - 1)
    before = (after - 1).clip(min=0)
    nearest = np.where(label - labels[before] < labels[after] - label, before, after)
    load_time_s = label - labels[nearest] + load["elapsed_s"].to_numpy()[nearest]
    return float(np.nanmedian(load_time_s - polls["elapsed_s"].to_numpy()))


def _clock_offsets_s(manifest: Manifest) -> dict[str, float]:
    """Each host's clock minus the master's. The manifest has both minus the controller's, in milliseconds."""
    told = {host: as_number(known.get("clock_offset_ms")) for host, known in manifest.hosts.items()}
    known_ms = {host: offset_ms for host, offset_ms in told.items() if offset_ms is not None}
    master = next((host for host in manifest.groups.get("locust_master", []) if host in known_ms), None)
    return {host: (known_ms[host] - known_ms[master]) / 1000 for host in known_ms} if master is not None else {}


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
