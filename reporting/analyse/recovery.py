"""How the load recovered from each fault that was done on purpose. Times are seconds since the load started, or since
the fault began (`after_`). They are known to within 50 ms, and those of p99 to within an interval of the series.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from reporting.analyse.happenings import placed
from reporting.analyse.moments import Placed, placed_moments
from reporting.analyse.recovery_times import (
    LEAST_BEFORE_S,
    Window,
    first_failure,
    has,
    longest_gap,
    p99_back,
    rate_back,
    rate_before,
)
from reporting.analyse.session_fates import Fate, fate, placed_sessions
from reporting.analyse.timeline import Timeline
from reporting.read.faults import DoneFault
from reporting.read.run_folder import RunFolder
from zk_locust.contract.events import CONNECTION_CLOSED, ELECTION, SESSION_EXPIRED
from zk_locust.contract.faults.actions import ROLLING
from zk_locust.contract.operation_kinds import READ, WRITE
from zk_locust.contract.stage_names import MEASURED

BEFORE_S: Final = 5.0
_SETTLES_S: Final = 2.0
_LATE_FAILURE_S: Final = 12.0
"""Operations have a time limit of 10 s unless the load sets another."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One fault: what was done to whom, and what it took until the load was as before.

    `start_s` and `end_s` are the fault's own, `until_s` is where its window ends: with the next fault, or the stage.
    `met` is how many packets, connections or sessions it has met; None where that is not counted, or not known.
    `settled_s` is when its effects are over, as far as is known: what fails until then counts as its. Of the `after_…`,
    0 is "not interrupted" or "not below", and None "not within the window", or not known.

    `failures` and `above` (slower than the objective) are those beyond what was usual before, `censored` are all.
    `silence_s` is the longest that an operation waited, and `session_silence_s` the longest silence of a session, which
    has ended within the window if `session_answered`. `moved` and `lost` are sessions (see `session_fates`), `expired`
    those that members gave up. None is not known.

    `write_gap_s` and `read_gap_s` are how long the longest gap was, whose end `after_write_s` and `after_read_s` are. A
    `rolling` operation went through all members, and `start_s` is that of the first: only the gaps tell the waiting.
    """

    number: int
    title: str
    members: tuple[str, ...]
    error: str
    start_s: float
    end_s: float
    until_s: float
    settled_s: float
    rate_before_per_s: float | None
    p99_before_us: float | None
    after_first_failure_s: float | None
    after_leader_s: float | None
    after_write_s: float | None
    after_read_s: float | None
    after_rate_s: float | None
    after_p99_s: float | None
    writes: bool  # whether there were writes before it
    reads: bool
    failures: int
    silence_s: float | None
    expired: int
    closed: int
    do: str = ""
    met: int | None = None
    censored: int | None = None
    above: int | None = None
    session_silence_s: float | None = None
    session_answered: bool = True
    moved: int | None = None
    lost: int | None = None
    write_gap_s: float | None = None
    read_gap_s: float | None = None
    rolling: bool = False

    @property
    def over_s(self) -> float:
        """When the load was as before, as far as is known; operations that hang may still fail later."""
        after = (self.after_write_s, self.after_read_s, self.after_rate_s, self.after_p99_s)
        return max(self.end_s, *(self.start_s + seconds for seconds in after if seconds is not None), self.start_s)

    @property
    def recovered_s(self) -> float | None:
        """How long after the fault began writes, reads and the rate were back; None where one of them was not."""
        parts = [
            *([self.after_write_s] if self.writes else []),
            *([self.after_read_s] if self.reads else []),
            self.after_rate_s,
        ]
        known = [part for part in parts if part is not None]
        return max(known) if len(known) == len(parts) else None


def build(run: RunFolder, timeline: Timeline) -> tuple[Recovery, ...]:
    """Return the recovery from each fault that was done in the measured stage, in their order."""
    span = timeline.span(MEASURED)
    if not run.manifest.faults.done or span is None:
        return ()
    moments = placed_moments(run, timeline)
    events, sessions = _events(run, timeline), placed_sessions(run, timeline)
    by_number: dict[int, list[tuple[float, DoneFault]]] = {}
    for fault in run.manifest.faults.done:
        at_s = float(timeline.at(pd.Series([fault.began]), fault.member).iloc[0])
        by_number.setdefault(fault.number, []).append((at_s, fault))
    starts = sorted((min(at for at, _ in done), number) for number, done in by_number.items())
    found: list[Recovery] = []
    for place, (start_s, number) in enumerate(starts):
        next_s = starts[place + 1][0] if place + 1 < len(starts) else span.end_s
        done = by_number[number]
        end_s = max(at + (fault.lasted_s if fault.lasted_s is not None else 0.0) for at, fault in done)
        until_s = max(start_s, min(next_s, span.end_s))
        over_s = found[-1].over_s if found else span.start_s  # the time before must not be that of another fault
        window = Window(start_s, end_s, until_s, min(start_s, max(over_s, start_s - BEFORE_S)))
        became = fate(sessions, window.start_s, window.reaches_s, window.until_s)
        found.append(_recovery(run, moments, events, became, window, [fault for _, fault in done]))
    return tuple(found)


def _recovery(
    run: RunFolder,
    moments: Placed,
    events: pd.DataFrame,
    became: Fate,
    window: Window,
    done: Sequence[DoneFault],
) -> Recovery:
    rate = rate_before(moments, window)
    gaps = {kind: longest_gap(moments.ends(kind), window) for kind in (WRITE, READ)}
    back = {kind: end_s for kind, (_, end_s) in gaps.items()}
    again_s = max((seconds for seconds in back.values() if seconds), default=0.0)
    p99, after_p99_s = p99_back(run, window, again_s)
    after_rate_s = rate_back(moments, window, rate)
    after = {
        "after_write_s": back[WRITE],
        "after_read_s": back[READ],
        # The mean over a window is high enough a little before the gap ends.
        "after_rate_s": after_rate_s and max(after_rate_s, again_s),
        "after_p99_s": after_p99_s,
    }
    within = events[(events["end_s"] >= window.start_s) & (events["start_s"] <= window.until_s)]
    elected = within[(within["event"] == ELECTION) & within["detail"].isin(("leader", "standalone"))]
    elected = elected[elected["end_s"] > window.start_s]
    known = [value for value in after.values() if value is not None]
    settled_s = min(window.until_s, max(window.end_s, window.start_s + max(known, default=0.0)) + _SETTLES_S)
    failed = moments.failures(window.start_s, window.until_s)
    before = moments.failures(window.before_s, window.start_s)
    usual_per_s = float(before["failures"].sum()) / max(window.start_s - window.before_s, LEAST_BEFORE_S)
    if not usual_per_s:  # operations that hang fail when their own time limit has come
        late = failed["end_s"][failed["end_s"] <= settled_s + _LATE_FAILURE_S]
        settled_s = max(settled_s, float(late.max())) if len(late) else settled_s
    failed = failed[failed["end_s"] <= settled_s]
    own = max(0, round(float(failed["failures"].sum()) - usual_per_s * (settled_s - window.start_s)))
    censored = moments.number("censored", window.start_s, settled_s)
    number = done[0].number
    return Recovery(
        number=number,
        title=run.manifest.faults.title(number),
        members=tuple(dict.fromkeys(fault.member for fault in done)),
        error="; ".join(f"{fault.member}: {fault.error}" for fault in done if fault.error),
        start_s=window.start_s,
        end_s=window.end_s,
        until_s=window.until_s,
        settled_s=settled_s,
        rate_before_per_s=rate,
        p99_before_us=p99,
        after_first_failure_s=None if not own else first_failure(failed, before, window),
        after_leader_s=None if not len(elected) else float(elected["end_s"].min()) - window.start_s,
        writes=has(moments.ends(WRITE), window),
        reads=has(moments.ends(READ), window),
        failures=own,
        silence_s=moments.longest_s(window.start_s, settled_s),
        do=done[0].do,
        met=sum(known_met) if (known_met := [fault.met for fault in done if fault.met is not None]) else None,
        expired=_ended(within, SESSION_EXPIRED),
        closed=_ended(within, CONNECTION_CLOSED),
        censored=None if censored is None else round(censored),
        above=_above(moments, window, settled_s),
        session_silence_s=became.silence_s,
        session_answered=became.ended,
        moved=became.moved,
        lost=became.lost,
        write_gap_s=gaps[WRITE][0],
        read_gap_s=gaps[READ][0],
        rolling=(planned := run.manifest.faults.planned.get(number)) is not None and planned.do in ROLLING,
        **after,
    )


def _ended(events: pd.DataFrame, name: str) -> int:
    """Return how many sessions or connections ended: an event counts those of a second, and begins with the number."""
    told = events["detail"][events["event"] == name].str.replace(",", "").str.extract(r"^(\d{1,9})\b")[0]
    return int(told.astype(float).fillna(1).sum())


def _above(moments: Placed, window: Window, settled_s: float) -> int | None:
    """Return how many operations took longer than the objective, beyond what was usual before."""
    found = moments.number("above", window.start_s, settled_s)
    usual = moments.number("above", window.before_s, window.start_s) or 0.0
    if found is None:
        return None
    before_s = max(window.start_s - window.before_s, LEAST_BEFORE_S)
    return max(0, round(found - usual / before_s * (settled_s - window.start_s)))


def _events(run: RunFolder, timeline: Timeline) -> pd.DataFrame:
    wanted = run.events[run.events["event"].isin((ELECTION, SESSION_EXPIRED, CONNECTION_CLOSED))]
    start_s = placed(wanted, timeline)
    return pd.DataFrame(
        {
            "event": wanted["event"].astype(str),
            "detail": wanted["detail"].astype(str),
            "start_s": start_s,
            "end_s": start_s + wanted["duration_s"].fillna(0.0).clip(lower=0.0),
        }
    )


def windows(recoveries: Sequence[Recovery]) -> list[tuple[float, float]]:
    """Return where figures of the load show faults: from the beginning of each until it has settled."""
    return [(each.start_s, each.settled_s) for each in recoveries]


def as_json(recoveries: Sequence[Recovery], client: str, objective: str) -> list[dict[str, Any]]:
    """Return the recoveries as `report.json` has them, with the load's client and objective."""
    return [
        {name: getattr(each, name) for name in Recovery.__dataclass_fields__}
        | {"recovered_s": each.recovered_s, "client": client, "objective": objective or None}
        for each in recoveries
    ]
