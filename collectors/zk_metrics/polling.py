"""Polls members at a fixed interval, or on demand at a limited rate.

At an interval each member has its own poller, so that a slow member does not delay others.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent

from zk_locust.load.stages import member_seen
from zk_metrics.member import Member, Sample

LEAST_INTERVAL_S: Final = 1.0  # on demand: any number of pages may ask
_PATIENCE_S: Final = 0.5


class MemberPoller:
    """Polls one member at a fixed interval.

    A poll is skipped while the previous answer is awaited. One that is skipped or late does not shift the others: all
    begin at multiples of the interval since the first.
    """

    def __init__(self, member: Member, interval_s: float, record: Callable[[Member, Sample], None]) -> None:
        self._member = member
        self._interval_s = interval_s
        self._record = record
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Stop polling."""
        self._greenlet.kill()  # and wait for its end: gevent.kill would not
        self._member.close()

    def _run(self) -> None:
        began_s = time.perf_counter()
        beat = 0
        while True:
            sample = self._member.ask()
            state = str(sample.metrics.get("server_state", ""))
            member_seen.fire(member=self._member.name, state=state, problem=sample.detail)
            self._record(self._member, sample)
            past_s = time.perf_counter() - began_s
            beat = max(beat + 1, math.ceil(past_s / self._interval_s))
            gevent.sleep(max(0.0, beat * self._interval_s - past_s))


class OnDemand:
    """Polls members concurrently, each at most once a second and never twice at a time, for any number of callers."""

    def __init__(self, record: Callable[[Member, Sample], None]) -> None:
        self._record = record
        self._began_s: dict[Member, float] = {}
        self._under_way: dict[Member, Any] = {}

    def refresh(self, members: Sequence[Member]) -> float:
        """Poll the members that are due, wait briefly for answers, and return in how many seconds to call again.

        A slow member's answer is available at a later call.
        """
        for member in members:
            if member not in self._under_way and self._rest_s(member) <= 0:
                self._began_s[member] = time.perf_counter()
                self._under_way[member] = gevent.spawn(self._poll, member)
        gevent.wait([self._under_way[member] for member in members if member in self._under_way], timeout=_PATIENCE_S)
        return max(0.0, min((self._rest_s(member) for member in members), default=LEAST_INTERVAL_S))

    def stop(self) -> None:
        """End running polls."""
        gevent.killall(list(self._under_way.values()))

    def forget(self, members: Sequence[Member]) -> None:
        """Forget members that are not polled any more."""
        for member in members:
            self._began_s.pop(member, None)
            if (greenlet := self._under_way.pop(member, None)) is not None:
                greenlet.kill()
            member.close()

    def _rest_s(self, member: Member) -> float:
        return self._began_s.get(member, float("-inf")) + LEAST_INTERVAL_S - time.perf_counter()

    def _poll(self, member: Member) -> None:
        try:
            self._record(member, member.ask())
        finally:
            self._under_way.pop(member, None)
