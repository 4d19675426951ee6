"""Time limits without a timer for each operation: one timer ticks for all connections with the same interval.

An operation does not read a clock. At each tick, a connection compares what it has sent and received with the previous
tick. So a limit is exact to one tick (a twentieth of the limit) and costs the operation nothing. A hub that was blocked
sees one tick, not many, and reads what has arrived before an operation fails.
"""

import math
from typing import Any, Final, NamedTuple, Protocol

from gevent import get_hub

SHORTEST_S: Final = 0.005


class Ticking(Protocol):
    """What a pulse drives."""

    def tick(self) -> None:
        """Do what is due. Called in the hub."""
        ...


class Limits(NamedTuple):
    """A connection's time limits, in ticks."""

    interval_s: float
    operation: int
    ping: int
    silence: int

    @classmethod
    def of(cls, operation_timeout_s: float, session_timeout_s: float) -> "Limits":
        """Return the limits for an operation and for a session as the server granted it.

        As in ZooKeeper's ClientCnxn, a ping is sent after a third of the session's time limit without a request, and
        the connection is lost after two thirds without an answer: a third is left to find another member.
        """
        third_s = session_timeout_s / 3
        interval_s = max(min(operation_timeout_s / 20, third_s / 4), SHORTEST_S)
        # Silence and rest are first seen at the tick after their start: counted one less.
        ping = max(int(third_s / interval_s) - 1, 1)
        silence = max(int(2 * third_s / interval_s) - 1, ping + 1)
        return cls(interval_s, math.ceil(operation_timeout_s / interval_s), ping, silence)


class Pulse:
    """A repeating timer of one hub and those it drives; it exists while there are any."""

    __slots__ = ("_key", "_members", "_timer")

    def __init__(self, key: tuple[Any, float]) -> None:
        hub, interval_s = key
        self._key = key
        self._members: dict[Ticking, None] = {}
        self._timer = hub.loop.timer(interval_s, interval_s)
        self._timer.start(self._tick)

    def leave(self, member: Ticking) -> None:
        """Stop driving; also for one that has left."""
        self._members.pop(member, None)
        if not self._members and _pulses.get(self._key) is self:
            del _pulses[self._key]
            self._timer.stop()
            self._timer.close()

    def _tick(self) -> None:
        for member in tuple(self._members):
            if member in self._members:
                member.tick()


_pulses: dict[tuple[Any, float], Pulse] = {}


def join(member: Ticking, interval_s: float) -> Pulse:
    """Have the current hub drive the member, and return what drives it."""
    key = (get_hub(), interval_s)
    pulse = _pulses.get(key)
    if pulse is None:
        pulse = _pulses[key] = Pulse(key)
    pulse._members[member] = None
    return pulse
