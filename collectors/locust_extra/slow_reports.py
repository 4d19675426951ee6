"""The slowest operations of a worker as a message: what it sends to the master, and what the master takes from it.

A worker's times are those of its own monotonic clock. It says by how much the master's is ahead, measured once a
minute: the clocks of two machines drift apart by seconds a day.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import gevent
from locust.exception import RPCError

from zk_locust.contract.outcomes import OUTCOMES
from zk_locust.contract.plain_text import plain_line
from zk_locust.contract.stage_names import COOL_DOWN, MEASURED, WARM_UP
from zk_locust.load.master_clock import MasterClock, master_clock_of
from zk_locust.load.slowest import MOST, SlowOperation

STAGES: Final = (WARM_UP, MEASURED, COOL_DOWN)
SlowInterval = tuple[str, int, list[SlowOperation]]
"""Stage, number of the interval, and the slowest operations in it."""

_COMPARE_EVERY_S: Final = 60.0
_MOST_WAITING: Final = 600
_MOST_INTERVALS: Final = 2 * _MOST_WAITING
_LONGEST_TEXT: Final = 200
_LONGEST_NS: Final = 1 << 62
_WHOLE: Final = (1 << 64) - 1

logger = logging.getLogger(__name__)


class ToldOperation(NamedTuple):
    """One operation, as a worker tells it. Times are seconds of the master's `perf_counter`, None where not known."""

    latency_us: int
    request_type: str
    name: str
    due_s: float | None
    sent_s: float
    arrived_s: float | None
    handled_s: float
    outcome: str
    session: int
    member: str
    xid: int


class SlowReports:
    """A worker's side. Until the master has told its time, the operations wait."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._run = 0
        self._clock: MasterClock | None = None
        self._waiting: deque[SlowInterval] = deque(maxlen=_MOST_WAITING)
        self._comparing: Any = None

    def begin(self, run: int, *, wanted: bool) -> None:
        """Begin a stage of this test of the process; `wanted`: the master asks for the slowest operations in it."""
        if run != self._run:
            self._waiting.clear()
        self._run = run
        if wanted and self._comparing is None:
            self._clock = master_clock_of(self._runner)
            self._comparing = gevent.spawn(self._compare, self._clock)

    def message(self, slow: Iterable[SlowInterval]) -> dict[str, Any] | None:
        """Return the message for these intervals and for those that wait; None where there is none to send."""
        self._waiting.extend(slow)
        if self._clock is None or self._clock.ahead_ns is None or not self._waiting:
            return None
        told, self._waiting = self._waiting, deque(maxlen=_MOST_WAITING)
        return message_of(told, self._clock.ahead_ns)

    def close(self) -> None:
        """Compare the clocks no more."""
        if self._comparing is not None:
            self._comparing.kill(block=False)
        if self._waiting:
            logger.warning(
                "The slowest operations of %d intervals are lost: the master has not told its time", len(self._waiting)
            )

    @staticmethod
    def _compare(clock: MasterClock) -> None:
        while True:
            with contextlib.suppress(RPCError):  # the master is away: the last difference holds
                clock.refresh()
            gevent.sleep(_COMPARE_EVERY_S)


def message_of(slow: Iterable[SlowInterval], ahead_ns: int) -> dict[str, Any]:
    """Return the message. The master's clock is so far ahead of the one that the times are of."""
    return {
        "ahead_ns": ahead_ns,
        "intervals": [[stage, number, [_plain(one) for one in operations]] for stage, number, operations in slow],
    }


def _plain(one: SlowOperation) -> tuple[str | int, ...]:
    (session, member), xid = one.origin
    texts = one.request_type, one.name, one.outcome, "" if member is None else str(member)
    return (*texts, one.due_ns, one.sent_ns, one.arrived_ns, one.handled_ns, session & _WHOLE, xid)


def told_in(message: object) -> Iterator[tuple[str, int, list[ToldOperation]]]:
    """Return the intervals of a message: stage, number, and operations. Raises ValueError for any other message."""
    match message:
        case {"ahead_ns": int(ahead_ns), "intervals": [*intervals]} if abs(ahead_ns) < _LONGEST_NS:
            pass
        case _:
            raise ValueError("it is no list of intervals with a difference of clocks")
    if len(intervals) > _MOST_INTERVALS:
        raise ValueError(f"it has {len(intervals)} intervals")
    for interval in intervals:
        match interval:
            case [str(stage), int(number), [*operations]] if stage in STAGES and number >= 0:
                if len(operations) > MOST:
                    raise ValueError(f"an interval of it has {len(operations)} operations")
                yield stage, number, [_told(one, ahead_ns) for one in operations]
            case _:
                raise ValueError("it has something else than intervals")


def _told(one: object, ahead_ns: int) -> ToldOperation:
    match one:
        case [str(kind), str(name), str(outcome), str(member), *rest] if outcome in OUTCOMES and len(rest) == 6:
            pass
        case _:
            raise ValueError("it has something else than operations")
    numbers = [number for number in rest if type(number) is int and 0 <= number <= _WHOLE]
    if len(numbers) < len(rest):
        raise ValueError("an operation's times, session and xid are no whole numbers")
    due, sent, arrived, handled, session, xid = numbers
    if max(due, sent, arrived, handled) > _LONGEST_NS:
        raise ValueError("an operation's times are none")
    return ToldOperation(
        max(0, (arrived or handled) - (due or sent) + 500) // 1000,
        plain_line(kind, _LONGEST_TEXT),
        plain_line(name, _LONGEST_TEXT),
        (due + ahead_ns) / 1e9 if due else None,
        (sent + ahead_ns) / 1e9,
        (arrived + ahead_ns) / 1e9 if arrived else None,
        (handled + ahead_ns) / 1e9,
        outcome,
        session,
        plain_line(member, _LONGEST_TEXT),
        xid,
    )
