"""How much of a latency the load side adds itself.

A worker measures its lateness: how long after a due moment it runs, which is what an operation or a reply waits for
that worker. Lateness and latency are compared at the same percentile, and the latest worker counts.

| clock, client | what the load side adds |
|---|---|
| service time, native | nothing that this can tell: the reply's arrival is the kernel's, and the request is sent soon |
| service time, other clients | lateness: the reply waits until the worker handles it |
| response time, native | slip, at most lateness: slip beyond that is the wait for a free session |
| response time, other clients | the sum of both |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from locust_extra.columns import ALL_WORKERS, CLOCK_PERCENTILES
from reporting.read.distributions import Distribution
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import MEASURED

# A client knows the replies' arrival if it knew it of this share of the operations.
ARRIVALS_KNOWN_SHARE: Final = 0.999


@dataclass(frozen=True, slots=True)
class LoadSide:
    """The lateness of the latest worker in the measured stage, microseconds by percentile; empty if not measured.

    `away_share` is the share of the measured stage in which that worker did nothing at all for at least 5 ms on end, by
    the heartbeats that it missed; None if not measured.
    """

    lateness_us: Mapping[float, float]
    away_share: float | None = None
    unmeasured: tuple[str, ...] = ()
    """The workers with figures of the measured stage that did not measure their lateness."""

    def added_us(self, distribution: Distribution, percentile: float) -> float | None:
        """Return what the load side adds to the headline's clock at a percentile; None where it is not known."""
        lateness_us = self.lateness_us.get(percentile)
        if lateness_us is None:
            return None
        handling_us = 0.0 if knows_arrivals(distribution) else lateness_us
        if distribution.response is None:
            return handling_us
        slip_us = distribution.slip.percentiles_us([percentile])[0] if distribution.slip else None
        return handling_us + (lateness_us if slip_us is None else min(lateness_us, slip_us))


def knows_arrivals(distribution: Distribution) -> bool:
    """Return whether service time ends when the reply reached the machine."""
    delay = distribution.client_delay
    return delay is not None and delay.requests >= ARRIVALS_KNOWN_SHARE * distribution.requests


def lateness_rows(run: RunFolder) -> pd.DataFrame:
    """Return the rows of `locust-stats.csv` that have a worker's lateness in the measured stage, in order of time.

    With these columns: `stage`, `worker`, `interval`, `gc_ms`, `away_percent`, and those of lateness.
    """
    lateness = [f"lateness_{which}" for which in CLOCK_PERCENTILES]
    stats = run.stats[["stage", "worker", "interval", "gc_ms", "away_percent", *lateness]]
    rows = stats[(stats["stage"] == MEASURED) & (stats["worker"] != ALL_WORKERS)]
    return rows.dropna(subset=["lateness_p50_us"]).sort_values("interval", kind="stable")


def build(run: RunFolder) -> LoadSide:
    """Return the load side of a run."""
    last = lateness_rows(run).drop_duplicates("worker", keep="last")  # cumulative
    worst = {percentile: last[f"lateness_{which}"].max() for which, percentile in CLOCK_PERCENTILES.items()}
    away = last["away_percent"].max()
    workers = run.stats.loc[run.stats["stage"] == MEASURED, "worker"].unique()
    return LoadSide(
        {percentile: float(us) for percentile, us in worst.items() if us == us},
        None if away != away else away / 100,
        tuple(sorted(set(workers) - {ALL_WORKERS} - set(last["worker"]))),
    )
