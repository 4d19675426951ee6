"""When something was the matter that can make operations slow, and which operations it concerns.

Spans of `events.csv` are windows as they are. A sample of a machine, of a process or of a worker is a window if it
reaches a threshold; consecutive samples are one. A member that does not answer polls was away for an unknown part of
the time from its last answer to its next one, which is the window. One that never answers tells nothing of a moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from host_metrics.columns import WHOLE_MACHINE
from locust_extra.columns import ALL_WORKERS
from reporting.analyse import machine_samples, machine_usage
from reporting.analyse.happenings import WORDS
from reporting.analyse.machine_usage import ZOOKEEPER
from reporting.analyse.slow_operations import LEADING
from reporting.analyse.timeline import Timeline
from reporting.read.run_folder import RunFolder
from zk_locust.contract.events import ELECTION, FAULT, GC_PAUSE, JVM_PAUSE, SLOW_FSYNC, WORKER_LATE
from zk_metrics.columns import REACHABLE

MEMBER: Final = "member"
MACHINE: Final = "machine"
WORKER: Final = "worker"
EVERYTHING: Final = "everything"

SPANS: Final = {
    FAULT: EVERYTHING,
    ELECTION: EVERYTHING,
    GC_PAUSE: MEMBER,
    JVM_PAUSE: MEMBER,
    SLOW_FSYNC: MEMBER,
    WORKER_LATE: WORKER,
}
"""Events that are causes, and whom they concern: all operations, or those of a member or of a worker.

An election concerns all operations if a member became leader in it, or most members took part: a member that only lost
its leader looks for it alone.
"""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A column of samples that is a cause from `least` on."""

    kind: str
    words: str
    column: str
    least: float


OF_MACHINES: Final = (
    Threshold("cpu-full", "full CPU", "cpu_share", 95.0),
    Threshold("disk-busy", "busy disk", "disk_busy_percent", 90.0),
    Threshold("steal", "stolen CPU", "steal_share", 5.0),
    Threshold("retransmits", "TCP retransmits", "tcp_retransmits_per_s", 10.0),
)
FAILED_POLLS: Final = "failed-polls"
OF_MEMBERS: Final = Threshold("member-cpu-wait", "CPU wait", "cpu_wait_percent", 50.0)
OF_WORKERS: Final = (
    Threshold("worker-cpu-wait", "CPU wait", "cpu_wait_percent", 25.0),
    Threshold("worker-gc", "Python's garbage collector", "gc_share", 10.0),
)
THRESHOLDS: Final = (*OF_MACHINES, OF_MEMBERS, *OF_WORKERS)
_WORDS: Final = (
    WORDS
    | {WORKER_LATE: "delay", FAILED_POLLS: "failed polls"}
    | {threshold.kind: threshold.words for threshold in THRESHOLDS}
)


@dataclass(frozen=True, slots=True, eq=False)
class Cause:
    """Windows of one kind on one member, machine or worker; `who` is empty for an election of all.

    `hosts` are the machine's. `windows` is an array of shape (n, 2): start and end in seconds since the load started,
    in order. Windows of events may overlap one another. `sampled` ones are only as exact as the samples' interval.
    """

    kind: str
    who: str
    concerns: str
    hosts: tuple[str, ...]
    windows: NDArray[np.float64]
    sampled: bool

    @property
    def words(self) -> str:
        """What people call one window of it, such as `GC pause of zk2`."""
        return _WORDS[self.kind] + (f" of {self.who}" if self.who else "")

    @property
    def plural(self) -> str:
        """What people call all of its windows."""
        return _WORDS[self.kind] + ("" if self.sampled else "s") + (f" of {self.who}" if self.who else "")

    def concerned(self, operations: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which operations (`SlowOperations.rows`) it concerns.

        A member concerns its own sessions, and all writes while it leads. An operation of an unknown member may be of
        any, and one that waited for a free session may have waited for one of any member, whichever served it then.
        """
        if self.concerns == EVERYTHING:
            found = pd.Series(True, index=operations.index)
        elif self.concerns == WORKER:
            found = operations["worker"] == self.who
        else:
            names = self.hosts if self.concerns == MACHINE else (self.who,)
            found = operations["member"].isin(names) | (operations["member"] == "")
            found |= operations["writes"] & operations["leader"].isin(names)
            found |= operations["host"].isin(names) if self.concerns == MACHINE else operations["waited"]
        return found.to_numpy(dtype=bool)


def build(run: RunFolder, timeline: Timeline, samples: pd.DataFrame, events: pd.DataFrame) -> list[Cause]:
    """Return the causes of a run that have any window. `samples` are within the load, `events` are `happenings`."""
    return [
        *_of_events(run, events),
        *_of_machines(run, samples),
        *_of_members(run, samples),
        *_of_polls(run, timeline),
        *_of_workers(run, timeline),
    ]


def _of_events(run: RunFolder, events: pd.DataFrame) -> Iterator[Cause]:
    spans = events[events["kind"].isin(SPANS) & (events["end_s"] > events["start_s"])]
    of_all = _concern_all(spans[spans["kind"] == ELECTION], len(run.manifest.groups.get("zookeeper", [])))
    who = spans["subject"].where(~spans.index.isin(of_all), "")
    for (kind, subject), found in spans.groupby(["kind", who]):
        concerns = MEMBER if kind == ELECTION and subject else SPANS[str(kind)]
        windows = found[["start_s", "end_s"]].to_numpy(dtype=float)
        yield Cause(str(kind), str(subject), concerns, (), windows, sampled=False)


def _concern_all(elections: pd.DataFrame, members: int) -> pd.Index:
    """Return which of these concern all operations; those that overlap one another are one election."""
    together = union(elections[["start_s", "end_s"]].to_numpy(dtype=float))
    number = np.searchsorted(together[:, 0], elections["start_s"], side="right")
    all_of = [
        rows.index
        for _, rows in elections.groupby(number)
        if (rows["detail"] == LEADING).any() or 2 * rows["subject"].nunique() > members
    ]
    return elections.index[:0].append(all_of)


def _of_machines(run: RunFolder, samples: pd.DataFrame) -> Iterator[Cause]:
    hosts = machine_usage.hosts_of(run)
    steps_s = _steps_s(samples)
    machines = samples[samples["process"] == WHOLE_MACHINE]
    machines = machine_samples.with_figures(run, machines, [threshold.column for threshold in OF_MACHINES])
    for id_, found in machines.groupby("machine", observed=True):
        names, start_s = hosts[str(id_)], found["time_s"] - steps_s[str(found["host"].iloc[0])]
        for threshold in OF_MACHINES:
            windows = _windows(start_s, found["time_s"], found[threshold.column] >= threshold.least)
            if len(windows):
                yield Cause(threshold.kind, ", ".join(names), MACHINE, names, windows, sampled=True)


def _of_members(run: RunFolder, samples: pd.DataFrame) -> Iterator[Cause]:
    steps_s = _steps_s(samples)
    members = machine_samples.with_figures(run, samples[samples["process"] == ZOOKEEPER], [OF_MEMBERS.column])
    for host, found in members.groupby("host", observed=True):
        over = found[OF_MEMBERS.column] >= OF_MEMBERS.least
        windows = _windows(found["time_s"] - steps_s[str(host)], found["time_s"], over)
        if len(windows):
            yield Cause(OF_MEMBERS.kind, str(host), MEMBER, (), windows, sampled=True)


def _of_polls(run: RunFolder, timeline: Timeline) -> Iterator[Cause]:
    polls = run.metrics[["member", "elapsed_s", REACHABLE]].dropna(subset=["elapsed_s"])
    polls["at_s"] = polls["elapsed_s"] + timeline.metrics_offset_s
    for member, found in polls.sort_values("at_s", kind="stable").groupby("member", observed=True):
        answered_s = found["at_s"].where(found[REACHABLE] == 1)
        over = (found[REACHABLE] == 0) & bool(answered_s.notna().any())
        windows = _windows(
            answered_s.ffill().fillna(found["at_s"]), answered_s.bfill().fillna(found["at_s"].max()), over
        )
        if len(windows):
            yield Cause(FAILED_POLLS, str(member), MEMBER, (), windows, sampled=True)


def _of_workers(run: RunFolder, timeline: Timeline) -> Iterator[Cause]:
    starts = {(i.stage, i.number): i.start_s for i in timeline.intervals}
    # Only the columns that are needed: those of a day are large.
    columns = ["worker", "stage", "interval", "elapsed_s", "cpu_wait_percent", "gc_ms"]
    rows = run.stats.loc[run.stats["worker"] != ALL_WORKERS, columns]
    for worker, of_worker in rows.groupby("worker", observed=True):
        places = zip(of_worker["stage"], of_worker["interval"], strict=True)
        start_s = np.array([starts.get((stage, int(number)), float("nan")) for stage, number in places])
        length_s = of_worker["elapsed_s"] - start_s
        found = of_worker.assign(start_s=start_s, gc_share=0.1 * of_worker["gc_ms"] / length_s)[length_s > 0]
        for threshold in OF_WORKERS:
            over = found[threshold.column] >= threshold.least
            windows = _windows(found["start_s"], found["elapsed_s"], over)
            if len(windows):
                yield Cause(threshold.kind, str(worker), WORKER, (), windows, sampled=True)


def _steps_s(samples: pd.DataFrame) -> dict[str, float]:
    """Return the seconds from one sample to the next of each host."""
    found = machine_samples.steps_s(samples).groupby("host")["step_s"].median()
    return {str(host): float(found.get(host, 0.0)) for host in samples["host"].unique()}


def _windows(start_s: pd.Series, end_s: pd.Series, over: pd.Series) -> NDArray[np.float64]:
    return union(np.column_stack([start_s[over], end_s[over]]).astype(float))


def union(windows: NDArray[np.float64], gap_s: float = 0.0) -> NDArray[np.float64]:
    """Return the windows in order, those that overlap, or are at most `gap_s` apart, as one."""
    merged: list[list[float]] = []
    for start, end in windows[np.argsort(windows[:, 0], kind="stable")].tolist():
        if merged and start <= merged[-1][1] + gap_s:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return np.array(merged, dtype=float).reshape(-1, 2)
