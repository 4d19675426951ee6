"""What happened during the load, on the load's clock: what `events.csv` tells that can make operations slow."""

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd

from reporting.analyse.timeline import Timeline
from reporting.analyse.workers import Loss
from reporting.read.run_folder import RunFolder
from zk_locust.contract.events import (
    CLOCK_STEP,
    CONNECTION_CLOSED,
    ELECTION,
    FAULT,
    GC_PAUSE,
    JVM_PAUSE,
    MEMBER_RESTART,
    SESSION_EXPIRED,
    SLOW_FSYNC,
    WORKER_LATE,
    WORKER_LOST,
)

WORDS: Final = {
    FAULT: "planned fault",
    ELECTION: "election",
    MEMBER_RESTART: "member restart",
    GC_PAUSE: "GC pause",
    JVM_PAUSE: "JVM pause",
    SLOW_FSYNC: "slow fsync",
    SESSION_EXPIRED: "session expired",
    CONNECTION_CLOSED: "connection closed",
    WORKER_LATE: "late worker",
    WORKER_LOST: "worker lost",
    CLOCK_STEP: "clock step",
}
"""Events that the charts show, in the order of their rows, and what people call them."""
COLUMNS: Final = ("start_s", "end_s", "kind", "subject", "detail")


def happenings(run: RunFolder, timeline: Timeline, losses: Iterable[Loss] = ()) -> pd.DataFrame:
    """Return `COLUMNS` of all events named in `WORDS` within the load, in order of their start.

    Times are seconds since the load started. A moment ends when it starts, an election that is not known to end with
    the load, or when its member starts again. `losses` adds workers that were lost without
    an event. Hosts' clocks that were set are from the samples.
    """
    events = run.events[run.events["event"].isin(WORDS)]
    start_s = placed(events, timeline)
    found = pd.DataFrame(
        {
            "start_s": start_s,
            "end_s": start_s + events["duration_s"].fillna(0.0).clip(lower=0.0),
            "kind": events["event"].astype(str),
            "subject": events["subject"].astype(str),
            "detail": events["detail"].astype(str),
        }
    )
    for row in found.index[(found["kind"] == ELECTION) & events["duration_s"].isna()]:
        found.loc[row, "end_s"] = _election_ends_s(found, found.loc[row], timeline.end_s)
    told = set(found.loc[found["kind"] == WORKER_LOST, "subject"])
    silent = [(loss.at_s, loss.at_s, WORKER_LOST, loss.worker, loss.detail) for loss in losses]
    silent = [row for row in silent if row[3] not in told]
    for host, clock in timeline.clocks.items():
        at_s = timeline.at(pd.Series([step.timestamp for step in clock.steps], dtype=float), host)
        steps = zip(at_s, clock.steps, strict=True)
        silent += [(at, at, CLOCK_STEP, host, f"the wall clock was set by {step.by_s:+.3f} s") for at, step in steps]
    if silent:
        more = pd.DataFrame(silent, columns=list(COLUMNS))
        found = pd.concat([found, more], ignore_index=True) if len(found) else more
    found = found[(found["end_s"] >= 0) & (found["start_s"] <= timeline.end_s)]
    return found.sort_values("start_s", kind="stable", ignore_index=True)


def placed(events: pd.DataFrame, timeline: Timeline) -> pd.Series:
    """Return when events began, seconds since the load started, by the clock that each was labelled with."""
    parts = [
        timeline.at(rows["timestamp"], str(clock)) for clock, rows in events.groupby("clock", sort=False, observed=True)
    ]
    return pd.concat(parts).reindex(events.index) if parts else pd.Series(dtype=float, index=events.index)


def _election_ends_s(found: pd.DataFrame, election: "pd.Series[Any]", load_end_s: float) -> float:
    start_s = float(election["start_s"])
    same = found["kind"].isin((ELECTION, MEMBER_RESTART)) & (found["subject"] == election["subject"])
    again = found["start_s"][same & (found["start_s"] > start_s)]
    return max(start_s, min([*map(float, again), load_end_s]))
