"""When a kind of operation, the rate and p99 were as before a fault. Times are seconds since the load started."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from locust_extra.columns import AGGREGATED
from reporting.analyse.moments import Placed
from reporting.read.run_folder import RunFolder
from zk_locust.contract.stage_names import MEASURED

LEAST_BEFORE_S: Final = 1.0
_SHARE: Final = 0.95
_GAP_FACTOR: Final = 2.0
_LEAST_GAP_S: Final = 0.15
_REACHES_S: Final = 2.0
"""A fault is felt at the latest so long after it has been healed: a gap or a dip that begins later is another's."""
_OPERATIONS: Final = 1600  # in a window of the rate: its noise is 2.5 %
_WINDOW_S: Final = (0.5, 5.0)
_STEP_S: Final = 0.05
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """The time of one fault: its own from `start_s` to `end_s`, and `until_s`, where the next one or the end comes."""

    start_s: float
    end_s: float
    until_s: float
    before_s: float  # where the time before it begins

    @property
    def reaches_s(self) -> float:
        """Until when what begins may be this fault's."""
        return min(self.until_s, self.end_s + _REACHES_S)


def has(ends_s: Array, window: Window) -> bool:
    """Whether enough operations of a kind succeeded before the fault to tell a gap."""
    return int(((ends_s > window.before_s) & (ends_s <= window.start_s)).sum()) >= 2


def longest_gap(ends_s: Array, window: Window) -> tuple[float | None, float | None]:
    """Return how long operations of a kind did not succeed, in the longest gap that begins within the fault.

    Then when they succeeded again, at its end. 0 without a gap that is clearly longer than those before the fault; None
    where there were no operations before, and for an end that did not come.
    """
    before = ends_s[(ends_s > window.before_s) & (ends_s <= window.start_s)]
    if len(before) < 2:
        return None, None
    usual_s = float(np.diff(before).max())
    inside = ends_s[(ends_s > window.start_s) & (ends_s <= window.until_s)]
    edges = np.concatenate([[max(before[-1], window.start_s - usual_s)], inside, [window.until_s]])
    gaps, begins = np.diff(edges), edges[:-1]
    gaps = np.where(begins <= window.reaches_s, gaps, 0.0)
    longest = int(np.argmax(gaps))
    if gaps[longest] <= max(_LEAST_GAP_S, _GAP_FACTOR * usual_s):
        return 0.0, 0.0
    end_s = None if longest == len(gaps) - 1 else float(edges[longest + 1]) - window.start_s
    return float(gaps[longest]), end_s


def first_failure(failed: pd.DataFrame, before: pd.DataFrame, window: Window) -> float | None:
    """Return when the first of the `failed` rows was whose 50 ms had more failures than any of those `before`.

    None where there is none: then the fault's own cannot be told from the usual ones.
    """
    usual = _by_step(before, window).groupby("step")["failures"].sum().max() if len(before) else 0
    found = _by_step(failed, window)
    beyond = found["end_s"][found.groupby("step")["failures"].transform("sum") > usual]
    return max(0.0, float(beyond.min()) - window.start_s) if len(beyond) else None


def _by_step(rows: pd.DataFrame, window: Window) -> pd.DataFrame:
    return rows[["end_s", "failures"]].assign(step=np.round((rows["end_s"] - window.start_s) / _STEP_S))


def rate_before(moments: Placed, window: Window) -> float | None:
    """Return the successes a second before the fault; None where that time is too short to tell."""
    length_s = window.start_s - window.before_s
    if length_s < LEAST_BEFORE_S or not moments.known:
        return None
    return moments.successes(window.before_s, window.start_s) / length_s


def rate_back(moments: Placed, window: Window, before_per_s: float | None) -> float | None:
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


def p99_back(run: RunFolder, window: Window, again_s: float) -> tuple[float | None, float | None]:
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
