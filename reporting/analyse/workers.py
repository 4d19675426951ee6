"""The workers: which delivered figures, which were lost, and the CPU of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from locust_extra.columns import ALL_WORKERS
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import MEASURED

LOST_EVENT: Final = "worker-lost"
# A worker whose rows stop this many intervals before the end of the measured stage is lost, also without an event.
# Fewer intervals may be a late report.
SILENT_INTERVALS: Final = 3
# Rows of a long run are many: only these columns of them are copied.
_COLUMNS: Final = ["stage", "worker", "interval", "elapsed_s", "cpu_percent", "cpu_wait_percent"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A worker that was lost: when, in seconds since the load started (NaN if not known), and the detail."""

    worker: str
    at_s: float
    detail: str
    after_measured: bool  # it had delivered the measured stage to its end


@dataclass(frozen=True, slots=True)
class WorkerCpu:
    """One worker's CPU over the measured intervals.

    `runnable_percent` is the mean of CPU used plus CPU waited for, `waiting_percent` of the latter, both in percent of
    one core. `short_intervals` of `intervals` reached `threshold` of runnable time.
    """

    worker: str
    runnable_percent: float
    waiting_percent: float
    short_intervals: int
    intervals: int


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers that delivered figures, those that were lost, and the CPU of each.

    `first_intervals` has the number of the first measured interval with figures of each worker that has any, of
    `intervals`.
    """

    seen: tuple[str, ...]
    losses: tuple[Loss, ...]
    cpu: tuple[WorkerCpu, ...]
    first_intervals: Mapping[str, int]
    intervals: int


def build(run: RunFolder, timeline: Timeline, short_percent: float, complete_share: float) -> Workers:
    """Return what the run folder says about its workers; `short_percent` is the threshold of `short_intervals`.

    A measured stage is complete that lasted `complete_share` of its planned length.
    """
    stats = run.stats[_COLUMNS]
    rows = stats[stats["worker"] != ALL_WORKERS]
    seen = tuple(sorted(rows["worker"].unique()))
    measured = rows[rows["stage"] == MEASURED]
    of_all = stats[(stats["worker"] == ALL_WORKERS) & (stats["stage"] == MEASURED)]
    first = measured.groupby("worker")["interval"].min()
    return Workers(
        seen,
        _losses(run, timeline, seen, complete_share),
        tuple(_cpu(measured, short_percent)),
        first_intervals={str(worker): int(number) for worker, number in first.items()},
        intervals=int(of_all["interval"].nunique()),
    )


def _losses(run: RunFolder, timeline: Timeline, seen: tuple[str, ...], complete_share: float) -> tuple[Loss, ...]:
    stats = run.stats[_COLUMNS]
    measured = stats[stats["stage"] == MEASURED]
    last_interval = measured["interval"].max() if len(measured) else float("nan")
    last_of = measured[measured["worker"] != ALL_WORKERS].groupby("worker")["interval"].max()
    span = timeline.span(MEASURED)

    losses: dict[str, Loss] = {}
    events = run.events[run.events["event"] == LOST_EVENT]  # also of workers that came back later
    for timestamp, worker, detail in zip(events["timestamp"], events["subject"], events["detail"], strict=True):
        at_s = timeline.in_load_time(timestamp)
        delivered = bool(last_of.get(worker, -1) >= last_interval) and span is not None and at_s >= span.end_s
        losses.setdefault(worker, Loss(worker, at_s, detail, after_measured=delivered))
    for worker in seen:
        last = last_of.get(worker)
        if worker in losses or last_interval != last_interval:
            continue
        if last is None or last_interval - last >= SILENT_INTERVALS:
            rows = stats[stats["worker"] == worker]
            detail = "its figures stop here" if last is not None else "it delivered no figures of the measured stage"
            losses[worker] = Loss(worker, float(rows["elapsed_s"].max()), detail, after_measured=False)
    if losses.keys() >= set(seen) and _ended_early(run, timeline, complete_share):
        # The master ends a load whose workers are all lost, so the last figures are the end of the stage.
        losses = {worker: replace(loss, after_measured=False) for worker, loss in losses.items()}
    return tuple(sorted(losses.values(), key=lambda loss: (loss.at_s != loss.at_s, loss.at_s)))


def _ended_early(run: RunFolder, timeline: Timeline, complete_share: float) -> bool:
    """Return whether the measured stage is shorter than planned, and nobody interrupted the run."""
    planned_s = run.manifest.plan.stages.get(MEASURED)
    cut = bool(planned_s) and timeline.measured_s < complete_share * (planned_s or 0.0)
    return cut and run.manifest.state != "interrupted"


def _cpu(measured: pd.DataFrame, short_percent: float) -> list[WorkerCpu]:
    rows = measured.dropna(subset=["cpu_percent"])
    waiting = rows["cpu_wait_percent"].fillna(0.0)
    runnable = rows["cpu_percent"] + waiting
    frame = pd.DataFrame({"worker": rows["worker"], "runnable": runnable, "waiting": waiting})
    return [
        WorkerCpu(
            worker=str(worker),
            runnable_percent=float(group["runnable"].mean()),
            waiting_percent=float(group["waiting"].mean()),
            short_intervals=int((group["runnable"] >= short_percent).sum()),
            intervals=len(group),
        )
        for worker, group in frame.groupby("worker")
    ]
