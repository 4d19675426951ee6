"""The due times of an open loop: pure arithmetic, the same on the master and on every worker.

Operation i of the fleet is due when the integral of the rate over time reaches i: at start + i/R where the rate is
constant. With the process `uniform`, worker w of W has the operations w, w + W, w + 2W, … With `poisson`, each worker
has a stream of its own, whose gaps are exponential with the mean W, seeded by the seed and w: together they are one
Poisson process of the rate R. Times are nanoseconds from the start of the load; the warm-up has the first rate.
"""

import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from zk_locust.contract.arrival import Arrival

NEVER_NS: Final = 1 << 62
_NS_PER_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the schedule. `before` operations are due before it; the rate is per nanosecond."""

    start_ns: float
    before: float
    rate: float
    slope: float

    def count_after(self, ns: float) -> float:
        return self.rate * ns + self.slope / 2 * ns * ns

    def ns_until(self, count: float) -> float:
        if not self.slope:
            return count / self.rate
        return 2 * count / (self.rate + math.sqrt(max(0.0, self.rate * self.rate + 2 * self.slope * count)))


class Schedule:
    """When how many operations are due. The measured stage begins at `measured_ns`, or not at all yet.

    It ends at `end_ns`: after `measured_s`, or with its last arrival stage. Then no operation is due any more.
    """

    def __init__(self, arrival: Arrival, measured_ns: int | None, measured_s: float | None) -> None:
        self.arrival = arrival
        self.measured_ns = measured_ns
        self.measured_s = measured_s
        self.end_ns = NEVER_NS
        self._pieces: list[_Piece] = []
        if measured_ns is None or measured_ns > 0:
            rate = arrival.first_per_s / _NS_PER_S
            self._pieces.append(_Piece(0.0, 0.0, rate, 0.0))
        if measured_ns is not None:
            self._add_stages(measured_ns)
            if measured_s is not None:
                self.end_ns = min(self.end_ns, measured_ns + round(measured_s * _NS_PER_S))
        self._befores = [piece.before for piece in self._pieces]

    def _add_stages(self, measured_ns: int) -> None:
        start_ns = float(measured_ns)
        count = self._pieces[0].count_after(start_ns) if self._pieces else 0.0
        for stage in self.arrival.stages:
            rate, last = stage.from_per_s / _NS_PER_S, stage.to_per_s / _NS_PER_S
            if stage.length_s is None:
                self._pieces.append(_Piece(start_ns, count, rate, 0.0))
                return
            length_ns = stage.length_s * _NS_PER_S
            self._pieces.append(_Piece(start_ns, count, rate, (last - rate) / length_ns))
            count += (rate + last) / 2 * length_ns
            start_ns += length_ns
        self.end_ns = round(start_ns)

    def due_ns(self, place: float) -> int:
        """Return when the operation at this place of the fleet's is due; NEVER_NS after the end."""
        piece = self._pieces[max(0, bisect_right(self._befores, place) - 1)]
        due_ns = round(piece.start_ns + piece.ns_until(place - piece.before))
        return due_ns if due_ns < self.end_ns else NEVER_NS

    def place_at(self, ns: int) -> float:
        """Return the integral of the rate from the start until then."""
        piece = self._pieces[0]
        for each in self._pieces:
            if each.start_ns <= ns:
                piece = each
        return piece.before + piece.count_after(ns - piece.start_ns)


class Turns:
    """The operations of one worker, one after the other: `due_ns` is when the next one is due."""

    def __init__(self, schedule: Schedule, worker: int, workers: int) -> None:
        self._schedule = schedule
        self._workers = workers
        self._is_uniform = schedule.arrival.process == "uniform"
        self._random = random.Random(f"{schedule.arrival.seed}/{worker}").random
        self._place: float = worker if self._is_uniform else self._gap()
        self.due_ns = schedule.due_ns(self._place)

    def follow(self, schedule: Schedule) -> None:
        """Go on by a schedule that differs from the present one only in what is not due yet."""
        self._schedule = schedule
        self.due_ns = schedule.due_ns(self._place)

    def step(self) -> None:
        """Go on to the next operation."""
        self._place += self._workers if self._is_uniform else self._gap()
        self.due_ns = self._schedule.due_ns(self._place)

    def skip(self, until_ns: int) -> int:
        """Go on to the first operation that is due at `until_ns` or later; return how many are before it."""
        skipped = 0
        if self._is_uniform and self.due_ns < until_ns:
            # To a little before it at once: a stream may have millions.
            until_ns = min(until_ns, self._schedule.end_ns)
            skipped = max(0, int((self._schedule.place_at(until_ns) - self._place) / self._workers) - 2)
            self._place += skipped * self._workers
            self.due_ns = self._schedule.due_ns(self._place)
        while self.due_ns < until_ns:
            self.step()
            skipped += 1
        return skipped

    def _gap(self) -> float:
        return -math.log(1.0 - self._random()) * self._workers
