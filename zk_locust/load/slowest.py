"""The slowest operations of the interval that runs, on the process that does them.

An operation that is not kept costs one comparison: with `above_ns`, the least latency of those that are kept.
Everything else is done for operations that are kept: of n in an interval, in any order, about 20 · (1 + ln(n / 20)).
"""

import heapq
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

MOST: Final = 20
"""How many operations of an interval are kept."""
_FULL_INTERVAL_S: Final = 0.5
NEVER_NS: Final = 1 << 63

Origin = tuple[tuple[int, Any], int]
"""Session id and member that an operation was sent to, and its xid; each may be 0 or empty."""
NOWHERE: Final[Origin] = ((0, ""), 0)


class SlowOperation(NamedTuple):
    """One operation that is kept. Times are nanoseconds of the process's monotonic clock, 0 where not known.

    `number` counts the operations that were kept, so that no two are equal.
    """

    latency_us: int
    number: int
    request_type: str
    name: str
    due_ns: int
    sent_ns: int
    arrived_ns: int
    handled_ns: int
    outcome: str
    origin: Origin


class SlowTaker(Protocol):
    """What takes the slowest operations. `slowest` is how many it wants of an interval."""

    slowest: int

    def take_slowest(self, operations: list[SlowOperation]) -> None:
        """Take operations of the running interval."""


def most_of(interval_s: float) -> int:
    """Return how many operations to keep of an interval: 20, but at most 40 a second, and at least one."""
    return max(1, round(MOST * min(1.0, interval_s / _FULL_INTERVAL_S)))


class Slowest:
    """The slowest operations of the running interval, over all names together. It keeps none until somebody takes them.

    Several takers may cut different intervals: each takes everything that was kept within its own.
    """

    __slots__ = ("_given", "_kept", "_most", "_number", "_takers", "above_ns")

    def __init__(self) -> None:
        self.above_ns = NEVER_NS
        """Only an operation that took longer than this is kept."""
        self._takers: list[SlowTaker] = []
        self._kept: list[SlowOperation] = []
        self._most = 0
        self._number = self._given = 0

    def add_taker(self, taker: SlowTaker) -> None:
        """Give what is kept to this one too."""
        self._takers.append(taker)

    def keep(
        self,
        request_type: str,
        name: str,
        times_ns: tuple[int, int, int, int],
        outcome: str,
        origin: Callable[[], Origin] | None = None,
    ) -> None:
        """Keep an operation if it is among the slowest. `times_ns`: when it was due, sent, arrived and handled.

        Its latency is that of `Operation.succeed`: from due, else from sent, to arrived, else to handled.
        """
        due_ns, sent_ns, arrived_ns, handled_ns = times_ns
        latency_ns = (arrived_ns or handled_ns) - (due_ns or sent_ns)
        if latency_ns <= self.above_ns:
            return
        latency_us = (latency_ns + 500) // 1000
        self._number += 1
        kept = SlowOperation(
            latency_us, self._number, request_type, name, *times_ns, outcome, NOWHERE if origin is None else origin()
        )
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, kept)
        else:
            heapq.heapreplace(self._kept, kept)
        if len(self._kept) == self._most:
            self.above_ns = _longest_of(self._kept[0].latency_us)

    def give(self) -> None:
        """Give what was kept since the last call to the takers, and go on with the interval."""
        given, self._given = self._given, self._number
        new = [operation for operation in self._kept if operation.number > given]
        if new:
            for taker in self._takers:
                taker.take_slowest(new)

    def end_interval(self) -> None:
        """Give what was kept, and begin another interval."""
        self.give()
        self._kept.clear()
        self._most = max((taker.slowest for taker in self._takers), default=0)
        self.above_ns = _longest_of(-1) if self._most else NEVER_NS


def _longest_of(latency_us: int) -> int:
    """Return the longest time, nanoseconds, that is rounded to these microseconds."""
    return 1000 * latency_us + 499
