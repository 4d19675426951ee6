"""The worst moments of the measured stage: slow operations that were under way together.

A moment begins with the slowest operation that no other moment has, and takes all others that were under way with it,
or began while its queue drained. The worst are those whose operations took the longest time together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reporting.analyse import causes
from reporting.analyse.cause_windows import Cause
from reporting.analyse.slow_operations import SlowOperations
from zk_locust.contract.clock_names import CENSORED
from zk_locust.contract.outcomes import FAILED

MOST: Final = 10
_LOOKED_AT: Final = 50  # moments of the slowest operations, of which the worst are taken
_MOST_ROWS: Final = 20_000
_EARLY: Final = 0.5  # an operation shows the beginning if it took this share of the slowest's time


@dataclass(frozen=True, slots=True)
class Happened:
    """A cause during a moment: its window, and the share of the operations' time that those it covers took."""

    cause: Cause
    start_s: float
    end_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Moment:
    """Slow operations that were under way together. Times are seconds since the load started.

    `operations` is how many took longer than the limit, as far as the histograms tell; the names are in order of
    how often they occur. `happened` has the largest share first.
    """

    start_s: float
    end_s: float
    worst_us: float
    operations: int
    names: tuple[str, ...]
    sessions: int
    members: tuple[str, ...]
    workers: tuple[str, ...]
    failed: int
    censored: int
    happened: tuple[Happened, ...]


def build(slow: SlowOperations, found: Sequence[Cause], most: int = MOST) -> tuple[Moment, ...]:
    """Return the worst moments, at most so many, the worst first."""
    rows = slow.rows.nlargest(_MOST_ROWS, "latency_us").sort_values("begin_s", kind="stable", ignore_index=True)
    free = np.ones(len(rows), dtype=bool)
    begin_s, end_s = rows["begin_s"].to_numpy(dtype=float), rows["end_s"].to_numpy(dtype=float)
    lost_s = rows["weight"].to_numpy(dtype=float) * (end_s - begin_s)
    groups: list[tuple[float, NDArray[np.int64]]] = []
    for first in rows["latency_us"].sort_values(ascending=False, kind="stable").index:
        if len(groups) == max(_LOOKED_AT, most):
            break
        if free[first]:
            until_s = end_s[first] + min(end_s[first] - begin_s[first], causes.AFTERMATH_S)
            together = free & (begin_s <= until_s) & (end_s >= begin_s[first])
            free &= ~together
            groups.append((float(lost_s[together].sum()), np.flatnonzero(together)))
    groups.sort(key=lambda group: -group[0])
    return tuple(_moment(rows.loc[places], found) for _, places in groups[:most])


def _moment(rows: pd.DataFrame, found: Sequence[Cause]) -> Moment:
    took_s = rows["end_s"] - rows["begin_s"]
    start_s = float(rows.loc[took_s >= _EARLY * took_s.max(), "begin_s"].min())
    end_s = float(rows["end_s"].max())
    outcomes = rows["outcome"].value_counts()
    return Moment(
        start_s=start_s,
        end_s=end_s,
        worst_us=float(rows["latency_us"].max()),
        operations=round(float(rows["weight"].sum())),
        names=_common(rows["name"]),
        sessions=int(rows.loc[rows["session"] != "", "session"].nunique()),
        members=_common(rows.loc[rows["member"] != "", "member"]),
        workers=_common(rows["worker"]),
        failed=int(outcomes.get(FAILED, 0)),
        censored=int(outcomes.get(CENSORED, 0)),
        happened=_happened(rows, found),
    )


def _common(values: pd.Series) -> tuple[str, ...]:
    return tuple(str(value) for value in values.astype(object).value_counts().index)


def _happened(rows: pd.DataFrame, found: Sequence[Cause]) -> tuple[Happened, ...]:
    """Return the causes that cover any of the operations, the largest share first; of about equal ones the shorter.

    The share is one of time: what was a little slow for another reason at the same moment counts for little.
    """
    begin_s, end_s = rows["begin_s"].to_numpy(dtype=float), rows["end_s"].to_numpy(dtype=float)
    taken_s = rows["weight"].to_numpy(dtype=float) * (end_s - begin_s)
    happened = []
    for cause in found:
        covered = cause.concerned(rows) & causes.covers(cause, begin_s, end_s)
        if covered.any():
            meets = np.minimum(cause.windows[:, 1], end_s.max()) - np.maximum(cause.windows[:, 0], begin_s.min())
            start_s, until_s = cause.windows[int(meets.argmax())]
            share = float(taken_s[covered].sum() / taken_s.sum())
            happened.append(Happened(cause, float(start_s), float(until_s), share))
    return tuple(sorted(happened, key=lambda one: (-round(one.share, 1), one.end_s - one.start_s)))
