"""The latency distributions of all runs of an experiment, on one axis of percentiles."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from reporting.analyse.headline import TOTAL
from reporting.analyse.series import percentile_points
from reporting.read import run_distributions
from reporting.read.distributions import Distribution
from reporting.read.experiment_folder import ExperimentFolder, ExperimentRun
from zk_locust.contract.clock_names import RESPONSE

_COLUMNS: Final = ["operation", "arm", "run", "inverse", "percentile", "latency_ms"]


@dataclass(frozen=True, slots=True)
class Overlay:
    """The curves of the runs that have distributions, and how many runs that count have none.

    `curves` has `operation`, `arm`, `run` (its number), `inverse`, `percentile` and `latency_ms`, a line for each
    point. `is_response` says that they are response times; operations without due times then have no curve.
    """

    curves: pd.DataFrame
    without: int
    is_response: bool

    def operations(self) -> list[str]:
        """All operations together, then each of several: those with the most operations first."""
        found = list(dict.fromkeys(self.curves["operation"]))
        single = [operation for operation in found if operation != TOTAL]
        return [TOTAL, *(single if len(single) > 1 else [])] if found else []

    def typical(self, operation: str) -> pd.DataFrame:
        """`arm`, `inverse`, `percentile`, `latency_ms`: geometric means of an arm's runs, as far as all have one."""
        found = self.curves[self.curves["operation"] == operation]
        runs = found.groupby("arm")["run"].nunique()
        grouped = found.assign(log=np.log(found["latency_ms"])).groupby(["arm", "inverse", "percentile"])["log"]
        means = grouped.agg(["mean", "count"]).reset_index()
        means = means[means["count"] == means["arm"].map(runs)]
        return means.assign(latency_ms=np.exp(means["mean"]))[["arm", "inverse", "percentile", "latency_ms"]]


def build(experiment: ExperimentFolder) -> Overlay:
    """Read the distributions of the runs that count."""
    counted = experiment.counted
    read = {run.number: run_distributions.measured(run.path) for run in counted if run.path is not None}
    known = [run for run in counted if read.get(run.number)]
    by_response = [any(each.response is not None for each in read[run.number].values()) for run in known]
    is_response = bool(by_response) and all(by_response)
    sizes: dict[str, int] = {}
    for run in known:
        for operation, each in read[run.number].items():
            sizes[operation] = sizes.get(operation, 0) + each.requests
    order = [TOTAL, *sorted(sizes, key=lambda operation: -sizes[operation])]
    rows = [row for operation in order for run in known for row in _rows(run, operation, read[run.number], is_response)]
    return Overlay(pd.DataFrame(rows, columns=_COLUMNS), len(counted) - len(known), is_response)


def _rows(
    run: ExperimentRun, operation: str, found: dict[str, Distribution], is_response: bool
) -> Iterator[tuple[str, str, int, float, float, float]]:
    distribution = Distribution.merged(found.values()) if operation == TOTAL else found.get(operation)
    if distribution is not None:
        clock = distribution.clock(RESPONSE) if is_response else distribution
        for inverse, percentile, latency_ms in percentile_points(clock) if clock is not None else ():
            if math.isfinite(latency_ms):
                yield operation, run.arm, run.number, inverse, percentile, latency_ms
