"""The samples of `host-metrics.csv` on the load's clock: for the tables of the machines, and for their charts."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from host_metrics.columns import WHOLE_MACHINE
from reporting.analyse.series import MAX_BINS
from reporting.analyse.spread import LEAST
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import MEASURED

_FEW_TOGETHER: Final = 1.1  # samples in a point: single ones may come a little early
_MOST_MISSING: Final = 1  # samples in a row that may be late or missing before a line has a gap
_SHARES: Final = {f"{name}_share": f"{name}_percent" for name in ("cpu", "iowait", "steal")}


def within_load(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    """The samples from the load's start to its end in order of time.

    They have `host`, `machine`, `process` and `time_s` (end of the sample's time, seconds since the load started), and
    the index of `RunFolder.host_metrics`, which alone holds their figures: see `with_figures`.

    A machine that is several hosts of the inventory is sampled once for each. Only one of them keeps its samples of the
    machine.
    """
    time_s = timeline.of_host_samples(run.host_metrics)
    found = run.host_metrics[["host", "machine", "process"]].assign(time_s=time_s)
    found = found[(time_s > 0) & (time_s <= timeline.end_s)].sort_values("time_s", kind="stable")
    machine = found["process"] == WHOLE_MACHINE
    of_machines = one_of_each(found[machine], found["machine"][machine], "host")
    return found[~machine | found.index.isin(of_machines.index)]


def with_figures(run: RunFolder, samples: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Some of the samples within the load, with these columns of the file beside their own.

    `cpu_share`, `iowait_share` and `steal_share` are the machine's percentages of one core as percentages of all its
    cores. The samples of a day are large: a caller asks for what it needs, and keeps it no longer.
    """
    of_file = run.host_metrics

    def figure(name: str) -> pd.Series:
        return of_file[name].loc[samples.index]

    return samples.assign(
        **{name: figure(_SHARES[name]) / figure("cores") if name in _SHARES else figure(name) for name in names}
    )


def one_of_each(samples: pd.DataFrame, thing: pd.Series, source: str) -> pd.DataFrame:
    """For each `thing`, only the samples of one value of the column `source`: the one with the most samples."""
    counts = samples.groupby([thing.rename("thing"), samples[source].rename("source")]).size()
    fullest = counts.sort_values(kind="stable").reset_index().drop_duplicates("thing", keep="last")
    return samples[samples[source].isin(fullest["source"])]


def measured(samples: pd.DataFrame, timeline: Timeline) -> pd.DataFrame:
    """The samples whose time lies completely within the measured stage."""
    span = timeline.span(MEASURED)
    if span is None:
        return samples[:0]
    return samples[(samples["time_s"] - interval_s(samples) >= span.start_s) & (samples["time_s"] <= span.end_s)]


def steps_s(samples: pd.DataFrame) -> pd.DataFrame:
    """Seconds from one sample to the next: `host`, `process`, and `step_s`, their median, where one follows another."""
    host, process = samples["host"].cat, samples["process"].cat
    number = host.codes.to_numpy(np.int32) * len(process.categories) + process.codes.to_numpy()
    # Not grouped: that copies the samples, and those of a day are large.
    order = np.argsort(number, kind="stable")
    found = []
    for places in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        steps = np.diff(samples["time_s"].to_numpy()[places])
        if len(steps):
            of = host.categories[host.codes.iloc[places[0]]], process.categories[process.codes.iloc[places[0]]]
            found.append((*of, float(np.median(steps))))
    return pd.DataFrame(found, columns=["host", "process", "step_s"])


def interval_s(samples: pd.DataFrame) -> float:
    """Seconds from one sample to the next, 0 where none follows another.

    A machine may have two samplers of the same host, a process has one, so the median of all is used.
    """
    found = steps_s(samples)["step_s"]
    return float(found.median()) if len(found) else 0.0


def step_s(samples: pd.DataFrame, timeline: Timeline) -> float:
    """Seconds of one point of a chart: one sample, or more for at most `MAX_BINS` points."""
    return max(interval_s(samples), timeline.end_s / MAX_BINS)


def over_time(time_s: pd.Series, series: pd.Series, values: pd.Series, step_s: float) -> pd.DataFrame:
    """`time_s`, `series`, `value`: points `step_s` apart, at the same times for all series.

    For each sample, `time_s` is its time, `series` names its line, `values` has its value. Samples in one point give
    their largest value, and beside it the least if most points have several (`spread`). NaN stands where samples are
    missing, so that a line has a gap there.
    """
    point = np.ceil(time_s / step_s) - 1
    frame = pd.DataFrame({"series": series, "point": point, "value": values}).dropna()
    by_point = frame.groupby(["series", "point"], observed=True)["value"]
    together = len(frame) > by_point.ngroups * _FEW_TOGETHER
    frame = pd.DataFrame({"value": by_point.max()} | ({f"value{LEAST}": by_point.min()} if together else {}))
    frame = frame.reset_index()
    after_gap = frame.groupby("series")["point"].diff() > _MOST_MISSING + 1
    nothing = dict.fromkeys(frame.columns[2:], float("nan"))
    gaps = frame[after_gap].assign(point=frame.loc[after_gap, "point"] - 1, **nothing)
    frame = pd.concat([frame, gaps]).sort_values(["series", "point"], ignore_index=True)
    frame["time_s"] = (frame["point"] + 0.5) * step_s
    return frame[["time_s", "series", *frame.columns[2:-1]]]
