"""The moments of all workers on the load's own clock."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from zk_locust.contract.operation_kinds import kind_of_operation

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placed:
    """What ended when: `rows` has `start_s`, `end_s`, `kind`, `requests`, `failures`, `censored`, `above`, `max_us` and

    `waits_us`.

    Times are seconds since the load started. `cumulative` are the successes until each of `rows`, which are in order
    of their end.
    """

    rows: pd.DataFrame
    cumulative: Array

    @property
    def known(self) -> bool:
        """Whether there are any."""
        return bool(len(self.rows))

    def ends(self, kind: str) -> Array:
        """Return when operations of a kind succeeded, in order."""
        rows = self.rows
        found: Array = rows["end_s"][(rows["requests"] > 0) & (rows["kind"] == kind)].to_numpy(dtype=float)
        return found

    def successes(self, start_s: float, end_s: float) -> float:
        """Return how many operations succeeded in this time."""
        return float(self._until(np.array([end_s]))[0] - self._until(np.array([start_s]))[0])

    def rates(self, starts: Array, width_s: float) -> Array:
        """Return the successes a second in the time of this width from each start on."""
        found: Array = (self._until(starts + width_s) - self._until(starts)) / width_s
        return found

    def failures(self, start_s: float, end_s: float) -> pd.DataFrame:
        """Return the rows with failures in this time."""
        rows = self.rows
        return rows[(rows["failures"] > 0) & (rows["end_s"] > start_s) & (rows["end_s"] <= end_s)]

    def number(self, column: str, start_s: float, end_s: float) -> float | None:
        """Return the sum of a column over what ended in this time; None where it was not recorded."""
        rows = self.rows[(self.rows["end_s"] > start_s) & (self.rows["end_s"] <= end_s)]
        return float(rows[column].sum()) if self.rows[column].notna().any() else None

    def longest_s(self, start_s: float, end_s: float) -> float | None:
        """Return the longest that an operation waited, of those that ended in this time or were under way in it."""
        rows = self.rows[(self.rows["end_s"] > start_s) & (self.rows["end_s"] <= end_s)]
        longest_us = rows[["max_us", "waits_us"]].to_numpy(dtype=float)
        known = longest_us[np.isfinite(longest_us)]
        return float(known.max()) / 1e6 if len(known) else None

    def _until(self, moments: Array) -> Array:
        ends = self.rows["end_s"].to_numpy(dtype=float)
        found: Array = np.concatenate([[0.0], self.cumulative])[np.searchsorted(ends, moments, side="right")]
        return found


def placed_moments(run: RunFolder, timeline: Timeline) -> Placed:
    """Return the moments of a run on the load's clock; its files label them by clocks that are never set."""
    moments = run.moments
    kinds: dict[Any, str] = {name: kind_of_operation(str(name)) for name in moments["name"].unique()}
    rows = pd.DataFrame(
        {
            "start_s": timeline.at_steady(moments["start"], moments["host"]),
            "end_s": timeline.at_steady(moments["end"], moments["host"]),
            "kind": moments["name"].map(kinds),
            "requests": moments["requests"],
            "failures": moments["failures"],
            "censored": moments["censored"],
            "above": moments["above"],
            "max_us": moments["max_us"],
            "waits_us": moments["waits_us"],
        }
    ).sort_values("end_s", kind="stable", ignore_index=True)
    return Placed(rows, rows["requests"].to_numpy(dtype=float).cumsum())
