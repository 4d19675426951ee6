"""How the load recovered from each fault that was done on purpose. Times are seconds since the load started, or since
the fault began (`after_`). They are known to within 50 ms, and those of p99 to within an interval of the series.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from locust_extra.columns import AGGREGATED
from reporting.analyse.happenings import placed
from reporting.analyse.moments import Placed, placed_moments
from reporting.analyse.timeline import Timeline
from reporting.read.faults import DoneFault
from reporting.read.run_folder import RunFolder
from zk_locust.contract.events import CONNECTION_CLOSED, ELECTION, SESSION_EXPIRED
from zk_locust.contract.operation_kinds import READ, WRITE
from zk_locust.contract.stage_names import MEASURED

BEFORE_S: Final = 5.0
_LEAST_BEFORE_S: Final = 1.0
_SHARE: Final = 0.95
_GAP_FACTOR: Final = 2.0
_LEAST_GAP_S: Final = 0.15
_REACHES_S: Final = 2.0
"""A fault is felt at the latest so long after it has been healed: a gap or a dip that begins later is another's."""
_OPERATIONS: Final = 1600  # in a window of the rate: its noise is 2.5 %
_WINDOW_S: Final = (0.5, 5.0)
_STEP_S: Final = 0.05
_SETTLES_S: Final = 2.0
_LATE_FAILURE_S: Final = 12.0
"""Operations have a time limit of 10 s unless the load sets another."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recovery:
    """One fault: what was done to whom, and what it took until the load was as before.

    `start_s` and `end_s` are the fault's own, `until_s` is where its window ends: with the next fault, or the stage.
    `met` is how many packets, connections or sessions it has met; None where that is not counted, or not known.
    `settled_s` is when its effects are over, as far as is known: what fails until then counts as its. Of the `after_…`,
    0 is "not interrupted" or "not below", and None "not within the window", or not known. `silence_s` is the longest
    that an operation waited.
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
    events = _events(run, timeline)
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
        window = _Window(start_s, end_s, until_s, min(start_s, max(over_s, start_s - BEFORE_S)))
        found.append(_recovery(run, moments, events, window, [fault for _, fault in done]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Window:
    start_s: float
    end_s: float
    until_s: float
    before_s: float  # where the time before it begins

    @property
    def reaches_s(self) -> float:
        """Until when what begins may be this fault's."""
        return min(self.until_s, self.end_s + _REACHES_S)


def _recovery(
    run: RunFolder, moments: Placed, events: pd.DataFrame, window: _Window, done: Sequence[DoneFault]
) -> Recovery:
    rate = _rate_before(moments, window)
    back = {kind: _gap_end(moments.ends(kind), window) for kind in (WRITE, READ)}
    again_s = max((seconds for seconds in back.values() if seconds), default=0.0)
    p99, after_p99_s = _p99(run, window, again_s)
    after_rate_s = _rate_back(moments, window, rate)
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
    usual_per_s = float(before["failures"].sum()) / max(window.start_s - window.before_s, _LEAST_BEFORE_S)
    if not usual_per_s:  # operations that hang fail when their own time limit has come
        late = failed["end_s"][failed["end_s"] <= settled_s + _LATE_FAILURE_S]
        settled_s = max(settled_s, float(late.max())) if len(late) else settled_s
    failed = failed[failed["end_s"] <= settled_s]
    own = max(0, round(float(failed["failures"].sum()) - usual_per_s * (settled_s - window.start_s)))
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
        after_first_failure_s=None if not own else max(0.0, float(failed["end_s"].min()) - window.start_s),
        after_leader_s=None if not len(elected) else float(elected["end_s"].min()) - window.start_s,
        writes=_has(moments.ends(WRITE), window),
        reads=_has(moments.ends(READ), window),
        failures=own,
        silence_s=moments.longest_s(window.start_s, settled_s),
        expired=int((within["event"] == SESSION_EXPIRED).sum()),
        closed=int((within["event"] == CONNECTION_CLOSED).sum()),
        do=done[0].do,
        met=sum(known_met) if (known_met := [fault.met for fault in done if fault.met is not None]) else None,
        **after,
    )


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


def _has(ends_s: Array, window: _Window) -> bool:
    """Whether enough operations of a kind succeeded before the fault to tell a gap."""
    return int(((ends_s > window.before_s) & (ends_s <= window.start_s)).sum()) >= 2


def _gap_end(ends_s: Array, window: _Window) -> float | None:
    """Return when operations of a kind succeeded again: the end of the longest gap that begins within the fault.

    0 without a gap that is clearly longer than those before it; None where there were none of them, or no end.
    """
    before = ends_s[(ends_s > window.before_s) & (ends_s <= window.start_s)]
    if len(before) < 2:
        return None
    usual_s = float(np.diff(before).max())
    inside = ends_s[(ends_s > window.start_s) & (ends_s <= window.until_s)]
    edges = np.concatenate([[max(before[-1], window.start_s - usual_s)], inside, [window.until_s]])
    gaps, begins = np.diff(edges), edges[:-1]
    gaps = np.where(begins <= window.reaches_s, gaps, 0.0)
    longest = int(np.argmax(gaps))
    if gaps[longest] <= max(_LEAST_GAP_S, _GAP_FACTOR * usual_s):
        return 0.0
    return None if longest == len(gaps) - 1 else float(edges[longest + 1]) - window.start_s


def _rate_before(moments: Placed, window: _Window) -> float | None:
    length_s = window.start_s - window.before_s
    if length_s < _LEAST_BEFORE_S or not moments.known:
        return None
    return moments.successes(window.before_s, window.start_s) / length_s


def _rate_back(moments: Placed, window: _Window, before_per_s: float | None) -> float | None:
    """Return when the rate was back at 95 % of that before, over the window of time that follows."""
    if not before_per_s:
        return None
    width_s = min(_WINDOW_S[1], max(_WINDOW_S[0], _OPERATIONS / before_per_s))
    starts = np.arange(window.start_s, window.until_s - width_s, _STEP_S)
    if not len(starts):
        return None
    rates = moments.rates(starts, width_s)
    low = rates < _SHARE * before_per_s
    first = np.nonzero(low & (starts <= window.reaches_s))[0]
    if not len(first):
        return 0.0
    back = np.nonzero(~low[first[0] :])[0]
    return float(starts[first[0] + back[0]]) - window.start_s if len(back) else None


def _p99(run: RunFolder, window: _Window, again_s: float) -> tuple[float | None, float | None]:
    """Return the greatest p99 of the intervals before, and when that of an interval was not above it any more.

    Operations succeed `again_s` after the beginning: before that, an interval without slow ones says nothing.
    """
    clock = "response" if run.intervals["response_p99_us"].notna().any() else "service"
    found = run.intervals[(run.intervals["operation"] == AGGREGATED) & (run.intervals["stage"] == MEASURED)]
    end_s = found["elapsed_s"].to_numpy(dtype=float)
    start_s = end_s - found["interval_s"].to_numpy(dtype=float)
    p99 = found[f"{clock}_p99_us"].to_numpy(dtype=float)
    before = p99[(start_s >= window.before_s - 1e-6) & (end_s <= window.start_s) & np.isfinite(p99)]
    if not len(before):
        return None, None
    limit = float(before.max())
    inside = (end_s > window.start_s) & (end_s <= window.until_s + 1e-6)
    bad = inside & ~(p99 <= limit)  # NaN: nothing succeeded
    begun = np.nonzero(bad & (start_s <= window.reaches_s))[0]
    if not len(begun) and not again_s:
        return limit, 0.0
    least_s = max(window.start_s + again_s, end_s[begun[0]] - 1e-6 if len(begun) else 0.0)
    good = np.nonzero(inside & ~bad & (start_s >= least_s))[0]
    return limit, float(end_s[good[0]]) - window.start_s if len(good) else None


def windows(recoveries: Sequence[Recovery]) -> list[tuple[float, float]]:
    """Return where figures of the load show faults: from the beginning of each until it has settled."""
    return [(each.start_s, each.settled_s) for each in recoveries]


def as_json(recoveries: Sequence[Recovery]) -> list[dict[str, Any]]:
    """Return the recoveries as `report.json` has them."""
    return [
        {name: getattr(each, name) for name in Recovery.__dataclass_fields__} | {"recovered_s": each.recovered_s}
        for each in recoveries
    ]
