"""How much of the measured stage the samples of each machine cover: a sampler may die, or start late."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from host_metrics.columns import WHOLE_MACHINE
from reporting.analyse.timeline import Span, Timeline
from reporting.read.run_folder import RunFolder
from reporting.text import natural
from zk_locust.contract.stage_names import MEASURED

_Seconds = npt.NDArray[np.float64]

_MOST_INTERVALS: Final = 2.0  # that one sample covers: one that is late or missing makes no gap


@dataclass(frozen=True, slots=True)
class Coverage:
    """A host, and the seconds of the measured stage that the samples of its machine cover."""

    host: str
    covered_s: float
    measured_s: float
    interval_s: float

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.covered_s / self.measured_s

    def is_short(self, share: float) -> bool:
        """Whether it is below `share` by more than one sample: the last one is missing when the sampler ends.

        Never in a measured stage that is shorter than two intervals.
        """
        missing_s = self.measured_s - self.covered_s
        return self.share < share and missing_s > self.interval_s and self.measured_s >= 2 * self.interval_s


def build(run: RunFolder, timeline: Timeline) -> list[Coverage]:
    """All hosts that have samples, and those that should, in the order of their names.

    Nothing when there are no samples at all; hosts of which the manifest says why they have none are left out.
    """
    samples = run.host_metrics
    of_machines = (samples["process"] == WHOLE_MACHINE) & (samples["host"] != "")
    rows = samples.loc[of_machines, ["host", "timestamp", "elapsed_s"]]  # all columns of a day are large
    span = timeline.span(MEASURED)
    if not len(rows) or span is None or span.length_s <= 0:
        return []
    # Each sampler counts from its own start; its first sample is of all the time since then.
    steps_s = rows.groupby("host", sort=False)["elapsed_s"].diff()
    length_s = steps_s.where(steps_s > 0, rows["elapsed_s"])
    typical_s = length_s.groupby(rows["host"]).median()
    longest_s = rows["host"].map(typical_s).astype(float) * _MOST_INTERVALS
    end_s = timeline.of_host_samples(rows)
    start_s = end_s - length_s.clip(upper=longest_s)
    covered_s = {
        str(host): _covered_s(start_s.to_numpy()[places], end_s.to_numpy()[places], span)
        for host, places in rows.groupby("host").indices.items()
    }
    hosts = {*covered_s, *run.manifest.plan.sampled_hosts} - set(run.manifest.not_sampled)
    of_others_s = float(typical_s.median())
    return [
        Coverage(host, covered_s.get(host, 0.0), span.length_s, float(typical_s.get(host, of_others_s)))
        for host in sorted(hosts, key=natural)
    ]


def _covered_s(start_s: _Seconds, end_s: _Seconds, span: Span) -> float:
    """Seconds of the span that lie between a start and its end; what two samplers of a host cover counts once."""
    known = np.flatnonzero(~np.isnan(start_s) & ~np.isnan(end_s))
    order = known[np.argsort(start_s[known])]
    start_s, end_s = (np.clip(found[order], span.start_s, span.end_s) for found in (start_s, end_s))
    before_s = np.maximum.accumulate(np.concatenate(([span.start_s], end_s)))[:-1]
    return float(np.clip(end_s - np.maximum(start_s, before_s), 0.0, None).sum())
