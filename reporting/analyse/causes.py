"""Which causes the slow operations share, and whether chance explains it.

An operation is covered by a cause if the cause's windows take at least half of its time. A pause leaves a queue, which
takes about as long to drain as it took to build up at half of the load, so a window of an event goes on for its own
length, at most `AFTERMATH_S`.

By chance an operation may be under way during a window too. So the windows are moved, by many amounts that are evenly
spread over the measured stage; what leaves it at one end enters at the other. This keeps the lengths of windows and
operations, and keeps together what is slow together: thirty operations in one stall are not thirty pieces of evidence.

- `chance` is the share that the moved windows cover on average.
- `p` is the share of moves in which the windows meet the slow operations at least as well as where they are. How well
  they meet is the share of the operations' time that lies within the windows, without aftermath.

A cause stands out if p is below `SIGNIFICANCE`, divided by the number of causes (Bonferroni), and it covers at least
`LEAST_SHARE` of the slow operations and `LEAST_RATIO` times what chance would. Causes that concern fewer operations
than that could not stand out whenever they happen, so they do not count (Tarone).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reporting.analyse import cause_windows
from reporting.analyse.cause_windows import Cause
from reporting.analyse.slow_operations import SlowOperations
from reporting.analyse.timeline import Span

COVERED: Final = 0.5
AFTERMATH_S: Final = 5.0
SIGNIFICANCE: Final = 0.05
LEAST_SHARE: Final = 0.02
LEAST_RATIO: Final = 2.0
MOVES: Final = 999
_MOVES_A_CAUSE: Final = 40  # the least p is then half of the level, however many causes there are
_FEW: Final = 5 / (MOVES + 1)  # a p up to this is found again with more moves, if there are many causes
_SAMPLE: Final = 100  # operations that are moved; more of them change the figures little


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the slow operations a cause covers, and of the measured stage (`time_share`): shares from 0 to 1."""

    cause: Cause
    share: float
    chance: float
    time_share: float
    p: float
    stands_out: bool

    @property
    def ratio(self) -> float | None:
        """The share that it covers, by what it would by chance; None where that is nothing."""
        return self.share / self.chance if self.chance > 0 else None


@dataclass(frozen=True, slots=True)
class Causes:
    """All causes that cover any slow operation, those that stand out first, then by their share.

    `explained` is the share that those which stand out cover together.
    """

    coverages: tuple[Coverage, ...]
    explained: float

    @property
    def standing_out(self) -> tuple[Coverage, ...]:
        """Those that chance does not explain."""
        return tuple(found for found in self.coverages if found.stands_out)


def build(slow: SlowOperations, causes: Sequence[Cause], measured: Span) -> Causes:
    """Compare the slow operations of the measured stage with the causes."""
    rows = slow.rows
    weights = rows["weight"].to_numpy(dtype=float)
    if not len(rows) or measured.length_s <= 0:
        return Causes((), 0.0)
    begin_s, end_s = rows["begin_s"].to_numpy(dtype=float), rows["end_s"].to_numpy(dtype=float)
    sample = _sample(weights)
    found, kept, judged_number = [], {}, 0
    for cause in causes:
        concerned = cause.concerned(rows)
        covered = concerned.copy()
        covered[concerned] = covers(cause, begin_s[concerned], end_s[concerned])
        share = float(weights[covered].sum() / weights.sum())
        if share == 0:
            continue
        chance, p = _by_chance(cause, measured, begin_s[sample], end_s[sample], concerned[sample], MOVES)
        within = _Windows(np.clip(cause.windows, measured.start_s, measured.end_s))
        found.append(Coverage(cause, share, chance, within.total_s / measured.length_s, p, stands_out=False))
        kept[cause] = concerned[sample], np.packbits(covered)
        judged_number += bool(weights[concerned].sum() >= LEAST_SHARE * weights.sum())
    level = SIGNIFICANCE / max(1, judged_number)
    moves = _MOVES_A_CAUSE * judged_number
    for place, one in enumerate(found):
        if moves > MOVES and one.p <= _FEW and _is_large(one):
            concerned = kept[one.cause][0]
            chance, p = _by_chance(one.cause, measured, begin_s[sample], end_s[sample], concerned, moves)
            found[place] = replace(one, chance=chance, p=p)
    judged = [replace(one, stands_out=one.p <= level and _is_large(one)) for one in found]
    judged.sort(key=lambda one: (not one.stands_out, -one.share))
    together = np.packbits(np.zeros(len(rows), dtype=bool))
    for one in judged:
        if one.stands_out:
            together |= kept[one.cause][1]
    explained = np.unpackbits(together, count=len(rows)).astype(bool)
    return Causes(tuple(judged), float(weights[explained].sum() / weights.sum()))


def covers(cause: Cause, begin_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which operations the cause's windows cover, whether it concerns them or not."""
    found: NDArray[np.bool_] = _Windows(_with_aftermath(cause)).within(begin_s, end_s) >= COVERED * (end_s - begin_s)
    return found


def _is_large(found: Coverage) -> bool:
    return found.share >= max(LEAST_SHARE, LEAST_RATIO * found.chance)


def _with_aftermath(cause: Cause) -> NDArray[np.float64]:
    if cause.sampled:
        return cause.windows
    start, end = cause.windows.T
    return np.column_stack([start, end + np.minimum(end - start, AFTERMATH_S)])


class _Windows:
    """Windows of time as the time within them up to a moment."""

    def __init__(self, windows: NDArray[np.float64]) -> None:
        merged = cause_windows.union(windows)
        self._edges = merged.ravel()
        lengths = merged[:, 1] - merged[:, 0]
        before = np.concatenate([[0.0], np.cumsum(lengths)])
        self._within = np.column_stack([before[:-1], before[1:]]).ravel()
        self.total_s = float(lengths.sum())

    def up_to(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds within the windows before each moment."""
        found: NDArray[np.float64] = np.interp(at_s, self._edges, self._within)
        return found

    def within(self, begin_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds of each span that are within the windows."""
        return self.up_to(end_s) - self.up_to(begin_s)


class _Cyclic:
    """Windows in a stage whose end meets its beginning."""

    def __init__(self, windows: NDArray[np.float64], stage: Span) -> None:
        self._start_s, self._length_s = stage.start_s, stage.length_s
        self._windows = _Windows(np.clip(windows, stage.start_s, stage.end_s))

    def within(self, begin_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._up_to(end_s) - self._up_to(begin_s)

    def _up_to(self, at_s: NDArray[np.float64]) -> NDArray[np.float64]:
        turns, rest = np.divmod(at_s - self._start_s, self._length_s)
        return turns * self._windows.total_s + self._windows.up_to(self._start_s + rest)


def _by_chance(
    cause: Cause,
    stage: Span,
    begin_s: NDArray[np.float64],
    end_s: NDArray[np.float64],
    concerned: NDArray[np.bool_],
    moves: int,
) -> tuple[float, float]:
    """Return the share of these operations that so many moved windows cover on average, and p."""
    begin_s, end_s, count = begin_s[concerned], end_s[concerned], len(begin_s)
    if not len(begin_s):
        return 0.0, 1.0
    with_aftermath, plain = _Cyclic(_with_aftermath(cause), stage), _Cyclic(cause.windows, stage)
    here = plain.within(begin_s, end_s).sum()
    covered, as_well = 0, 0
    for first in range(1, moves + 1, MOVES):
        by_s = np.arange(first, min(first + MOVES, moves + 1))[:, None] * (stage.length_s / (moves + 1))
        begins, ends = begin_s - by_s, end_s - by_s
        covered += int((with_aftermath.within(begins, ends) >= COVERED * (end_s - begin_s)).sum())
        met = plain.within(begins, ends).sum(axis=1)
        as_well += int((met >= here * (1 - 1e-9)).sum()) if here > 0 else len(by_s)
    return covered / moves / count, (1 + as_well) / (moves + 1)


def _sample(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places of operations that stand for all of them, each for the same weight."""
    if len(weights) <= _SAMPLE and np.all(weights == weights[0]):
        return np.arange(len(weights))
    wanted = (np.arange(_SAMPLE) + 0.5) * (weights.sum() / _SAMPLE)
    found: NDArray[np.int64] = np.minimum(np.searchsorted(np.cumsum(weights), wanted), len(weights) - 1)
    return found
