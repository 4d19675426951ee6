"""The wall clocks of the hosts: how far each was from the master's, and when it was set during the load.

An offset is measured before the load and after it. Between the two a clock drifts evenly, except where it was set: the
host's samples show that, because they have its wall clock beside its monotonic clock.

The load's clock began with the master's wall clock, and nobody sets it. So all offsets are from what the master's wall
clock would say if nobody had set it during the load.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reporting.read.manifest import Manifest
from reporting.read.parsing import number as as_number
from reporting.read.parsing import parse_time

LEAST_STEP_S: Final = 0.05
"""A clock that drifts moves by at most 0.5 ms a second; labels of samples are late by some milliseconds."""
_MOST_DRIFT: Final = 5e-4  # as clocks are slewed by default
_AROUND: Final = 3  # samples before and after a step whose medians are compared, so that one late label is no step
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """A wall clock was set: `timestamp` is the first label after it, seconds since the epoch, `by_s` how far."""

    timestamp: float
    by_s: float


@dataclass(frozen=True, slots=True)
class HostClock:
    """One host's wall clock beside the master's.

    `before_s` is its offset from the master's before the load, seconds, and `drift_s` how much greater it became in the
    `drift_over_s` seconds after the load's start, without its steps; `error_s` is how far both may be from the truth.
    `labels` (ascending) and `set_by_s`, of the same length, say by how much the clock had been set at each label of its
    samples.
    """

    before_s: float = 0.0
    drift_s: float = 0.0
    drift_over_s: float = 1.0
    error_s: float | None = None
    labels: Array = field(default_factory=lambda: np.zeros(0))
    set_by_s: Array = field(default_factory=lambda: np.zeros(0))
    steps: tuple[Step, ...] = ()

    def in_load_time(self, timestamps: pd.Series, load_start: float) -> pd.Series:
        """Return seconds since the load started for labels of this clock, by the offset at each moment."""
        return self.steady_in_load_time(timestamps - self._set_by_s(timestamps), load_start)

    def steady_in_load_time(self, timestamps: pd.Series, load_start: float) -> pd.Series:
        """Return the same for labels that the clock would have given if nobody had set it; see `steady`."""
        at_s = timestamps - self.before_s - load_start
        return at_s - self.drift_s * (at_s / self.drift_over_s).clip(0.0, 1.0)

    def steady(self, samples: pd.DataFrame) -> pd.Series:
        """Return the labels of this host's samples, in order of the file, without the steps of its clock.

        While a clock was set back, the same labels came twice: samples are placed by the monotonic seconds
        (`elapsed_s`) within the life of each sampler, which begin anew with the next.
        """
        timestamps, elapsed_s = samples["timestamp"], samples["elapsed_s"]
        if not self.steps:
            return timestamps
        life = (elapsed_s.diff() < 0).cumsum()
        began = (timestamps - elapsed_s).groupby(life).transform(lambda offsets: offsets.iloc[:_AROUND].median())
        return elapsed_s + began - self._set_by_s(timestamps.groupby(life).transform("first"))

    def _set_by_s(self, timestamps: pd.Series) -> Array | float:
        """Return by how much the clock had been set, from the sample with the nearest label."""
        if not self.steps:
            return 0.0
        wanted = timestamps.to_numpy(dtype=float)
        right = np.clip(np.searchsorted(self.labels, wanted), 1, len(self.labels) - 1)
        nearer_left = wanted - self.labels[right - 1] <= self.labels[right] - wanted
        found: Array = self.set_by_s[np.where(nearer_left, right - 1, right)]
        return found


def host_clocks(manifest: Manifest, samples: pd.DataFrame, load_start: float, load_s: float) -> dict[str, HostClock]:
    """Return the clock of each host that has one: from the manifest's offsets, and the hosts' samples."""
    before, after = (_offsets_s(manifest, name) for name in ("clock_offset_ms", "clock_offset_after_ms"))
    errors = [_errors_ms(known) for known in manifest.hosts.values()]
    error_s = {host: max(found) / 1000 for host, found in zip(manifest.hosts, errors, strict=True) if found}
    times = samples[["process", "timestamp", "elapsed_s"]]  # a group is a copy of all columns
    by_host = times.groupby(samples["host"], sort=False, observed=True)
    sampled = {str(host): _sampled(rows) for host, rows in by_host}
    nothing = np.zeros(0), np.zeros(0), ()
    master_set_s = _sum_s(sampled.get(master_of(manifest), nothing)[2])
    clocks = {}
    for host in {*before, *after, *sampled}:
        labels, set_by_s, steps = sampled.get(host, nothing)
        unset_s = after[host] + master_set_s - _sum_s(steps) if host in after else None
        offset_s = before.get(host, unset_s or 0.0)
        drift_s = unset_s - offset_s if unset_s is not None else 0.0
        over_s = max(_measured_s(manifest, host, load_start + master_set_s), load_s, 1.0)
        # No clock drifts faster: it, or the master's, was set while nothing was sampled.
        if abs(drift_s) > LEAST_STEP_S + _MOST_DRIFT * over_s + error_s.get(host, 0.0):
            drift_s = 0.0
        clocks[host] = HostClock(offset_s, drift_s, over_s, error_s.get(host), labels, set_by_s, steps)
    return clocks


def master_of(manifest: Manifest) -> str:
    """Return the host of the Locust master, empty if it is not known."""
    return next(iter(manifest.groups.get("locust_master", [])), "")


def _sum_s(steps: tuple[Step, ...]) -> float:
    return sum(step.by_s for step in steps)


def _measured_s(manifest: Manifest, host: str, load_start: float) -> float:
    """Return when a host's second offset was measured, seconds since the load started; 0 if it is not known.

    It is noted by the controller's clock. `load_start` is the load's start by the master's clock at that time.
    """
    try:
        at = parse_time(str(manifest.hosts.get(host, {}).get("clock_offset_after_at") or ""))
    except ValueError:
        return 0.0
    ahead_ms = as_number(manifest.hosts.get(master_of(manifest), {}).get("clock_offset_after_ms"))
    found_s = at + (ahead_ms or 0.0) / 1000 - load_start
    return found_s if found_s == found_s else 0.0


def _errors_ms(known: Mapping[str, Any]) -> list[float]:
    found = (as_number(known.get(name)) for name in ("clock_error_ms", "clock_error_after_ms"))
    return [error_ms for error_ms in found if error_ms is not None]


def _offsets_s(manifest: Manifest, name: str) -> dict[str, float]:
    """Each host's clock minus the master's, seconds. The manifest has both minus the controller's, milliseconds."""
    told = {host: as_number(known.get(name)) for host, known in manifest.hosts.items()}
    known_ms = {host: offset_ms for host, offset_ms in told.items() if offset_ms is not None}
    master = next((host for host in manifest.groups.get("locust_master", []) if host in known_ms), None)
    return {host: (known_ms[host] - known_ms[master]) / 1000 for host in known_ms} if master is not None else {}


def _sampled(rows: pd.DataFrame) -> tuple[Array, Array, tuple[Step, ...]]:
    """Return labels, how far the clock had been set at each, and its steps, from the sampler with the most samples.

    A host may have several samplers, each with a monotonic clock of its own; a process has one.
    """
    nothing: tuple[Array, Array, tuple[Step, ...]] = (np.zeros(0), np.zeros(0), ())
    sizes = rows.groupby("process", observed=True).size().drop("", errors="ignore")
    if not len(sizes):
        return nothing
    found = rows[rows["process"] == sizes.idxmax()][["timestamp", "elapsed_s"]].dropna().sort_values("elapsed_s")
    labels = found["timestamp"].to_numpy(dtype=float)
    if len(labels) < 2 * _AROUND:
        return nothing
    offsets = labels - found["elapsed_s"].to_numpy(dtype=float)
    steps, set_by_s = [], np.zeros(len(labels))
    for first, last in _moves(offsets):
        before_s = float(np.median(offsets[max(0, first - _AROUND) : first]))
        by_s = float(np.median(offsets[last : last + _AROUND])) - before_s
        if abs(by_s) >= LEAST_STEP_S:
            largest = first + int(np.abs(np.diff(offsets[first - 1 : last + 1])).argmax())
            steps.append(Step(float(labels[largest]), by_s))
            so_far_s = set_by_s[first]
            set_by_s[first:last] += offsets[first:last] - before_s
            set_by_s[last:] = so_far_s + by_s
    order = np.argsort(labels, kind="stable")
    return labels[order], set_by_s[order], tuple(steps)


def _moves(offsets: Array) -> list[tuple[int, int]]:
    """Return where the clock may have been moved: the first and the last sample that it is away from the one before.

    A late label beside a step, or a clock that is slewed fast, moves it several times: that is one move.
    """
    found: list[tuple[int, int]] = []
    for at in (np.nonzero(np.abs(np.diff(offsets)) >= LEAST_STEP_S)[0] + 1).tolist():
        if found and at - found[-1][1] < _AROUND:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return found
