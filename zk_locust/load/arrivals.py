"""The arrivals of an open loop in one process: due operations, handed to sessions as they come due.

A timer (see `timerfd`, `lead`) wakes the process when the next operation is due. The hub then hands it to the session
that has been free longest. Where none is free, it waits in a queue with a bound; beyond that it is dropped. An
operation that came due before this process took part is not its own any more: it is missed, and nobody makes up for it.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypedDict
from weakref import WeakKeyDictionary, WeakSet

import gevent
from gevent.event import Event

from zk_locust.load.lead import Lead
from zk_locust.load.locust_internals import begin_waiting, end_waiting, is_being_killed, user_of
from zk_locust.load.schedule import NEVER_NS, Schedule, Turns
from zk_locust.load.timerfd import TimerFd

_GAPS_TRIED: Final = 2


class StageCounts(TypedDict):
    """The due operations of one process in one stage. `offered` = `sent` + `dropped` + `queued`.

    `late` were due in the stage before this process took part in the load: these are missed.
    """

    stage: str
    offered: int
    sent: int
    dropped: int
    queued: int
    late: int
    ended: bool


class Arrivals:
    """The due operations of this process. Before `start`, sessions wait.

    Due times are of `time.perf_counter_ns`. `queue` bounds how many due operations wait for a free session.
    """

    def __init__(self, queue: int, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._bound = queue
        self._clock_ns = clock_ns
        self._hub = gevent.get_hub()
        self._lead = Lead(clock_ns)
        self._timer = TimerFd()
        self._timer.watch(self._on_timer)
        self._queue: deque[int] = deque()
        self._free: deque[Any] = deque()
        self._of_users: WeakSet[Any] = WeakSet()
        self._turns: Turns | None = None
        self._start_ns = 0
        self._boundary_ns = NEVER_NS
        self._stages: list[StageCounts] = []
        self._counts = _no_counts("")
        self._had_session = Event()
        self.boundary_reached: Final = Event()
        """Set when all operations that are due before the boundary have been offered (see `hold_at`)."""

    def take(self) -> int:
        """Wait until an operation is due for this session; return when it was due, nanoseconds of `perf_counter_ns`.

        What a user does as it stops is no operation of the open loop: it is due now.
        """
        session = gevent.getcurrent()
        user = user_of(session)
        if user is not None:
            self._of_users.add(session)
            if not begin_waiting(user):
                return self._clock_ns()
        elif session in self._of_users:  # a killed one: gevent has forgotten whose it is
            gevent.sleep(0)  # the kill may still wait for its turn: it comes first, and ends this
            return self._clock_ns()  # it runs its `on_stop`
        if self._queue:
            if user is not None:
                end_waiting(user)
            self._counts["sent"] += 1
            return self._queue.popleft()
        free = session, user
        self._free.append(free)
        self._had_session.set()
        try:
            due_ns: int = self._hub.switch()
        except BaseException as error:
            # It does not wait any more: nothing may be handed to it.
            if free in self._free:
                self._free.remove(free)
            # After a time limit of the caller's it goes on; a user that is killed does not.
            if user is not None and not isinstance(error, gevent.GreenletExit) and not is_being_killed(user):
                end_waiting(user)
            raise
        if user is not None:
            end_waiting(user)
        return due_ns

    def wait_for_session(self, limit_s: float) -> None:
        """Wait until a session has been free once; no longer than `limit_s`."""
        self._had_session.wait(limit_s)

    def wait_for_gap(self, gap_ns: int) -> None:
        """Wait until no operation comes due within the next `gap_ns`: the caller may occupy the process for so long.

        It does not wait much longer than that, because there may be no such gap.
        """
        for _ in range(_GAPS_TRIED):
            if self._turns is None:
                return
            ahead_ns = self._start_ns + self._turns.due_ns - self._clock_ns()
            if ahead_ns >= gap_ns:
                return
            gevent.sleep(max(0, ahead_ns) / 1e9)

    def start(self, turns: Turns, start_ns: int, stage_ns: int = 0) -> None:
        """Pace these operations; their times count from `start_ns` of `perf_counter_ns`.

        The running stage began at `stage_ns` of them. What was due until now is missed.
        """
        self._turns, self._start_ns = turns, start_ns
        before = turns.skip(stage_ns)
        if len(self._stages) > 1:
            self._stages[-2]["late"] += before
        self._counts["late"] += turns.skip(self._clock_ns() - start_ns)
        self._arm()

    def follow(self, schedule: Schedule) -> None:
        """Go on by a schedule that differs only in what is not due yet."""
        if self._turns is not None:
            self._turns.follow(schedule)
            self._arm()

    def hold_at(self, boundary_ns: int | None) -> None:
        """Offer nothing that is due at this time of the schedule or later, until the next stage begins."""
        self._boundary_ns = NEVER_NS if boundary_ns is None else boundary_ns
        self.boundary_reached.clear()
        self._arm()

    def begin_stage(self, stage: str) -> None:
        """Count from now on under this stage. What waits in the queue is dropped under the one before."""
        counts = self._counts
        if self._turns is not None:
            # The timer may be late: these came due in the stage that ends.
            behind = self._turns.skip(min(self._boundary_ns, self._clock_ns() - self._start_ns))
            counts["offered"] += behind
            counts["dropped"] += behind
        counts["dropped"] += len(self._queue)
        self._queue.clear()
        counts["ended"] = True
        self._counts = _no_counts(stage)
        self._stages.append(self._counts)
        self.hold_at(None)

    def end(self) -> None:
        """Let no further operation come due: the load ends."""
        self._turns = None
        self._timer.disarm()

    def counts(self) -> StageCounts:
        """Return the counts of the running stage."""
        return {**self._counts, "queued": len(self._queue)}

    def report(self) -> list[StageCounts]:
        """Return the counts of each stage so far; the last one runs."""
        return [*(counts.copy() for counts in self._stages[:-1]), self.counts()] if self._stages else []

    def close(self) -> None:
        """Give the timer back."""
        self.end()
        self._timer.close()

    def _on_timer(self) -> None:
        turns, counts = self._turns, self._counts
        if turns is None:
            self._timer.disarm()
            return
        now_ns = self._lead.awake(self._start_ns + min(turns.due_ns, self._boundary_ns))
        last_ns = min(now_ns - self._start_ns, self._boundary_ns - 1)
        while turns.due_ns <= last_ns and self._turns is turns and self._counts is counts:
            due_ns = self._start_ns + turns.due_ns
            turns.step()
            counts["offered"] += 1
            session = self._next_free()
            if session is not None:
                counts["sent"] += 1
                session.switch(due_ns)  # in the hub: it runs at once, until it waits for its reply
            elif len(self._queue) < self._bound:
                self._queue.append(due_ns)
            else:
                counts["dropped"] += 1
        self._arm()

    def _next_free(self) -> Any:
        while self._free:
            session, user = self._free.popleft()
            if user is None or not is_being_killed(user):
                return session
        return None

    def _arm(self) -> None:
        turns = self._turns
        if turns is None:
            return
        if self._boundary_ns <= turns.due_ns:
            next_ns = self._boundary_ns
            if next_ns <= self._clock_ns() - self._start_ns:
                self.boundary_reached.set()
                next_ns = NEVER_NS
        else:
            next_ns = turns.due_ns
        if next_ns >= NEVER_NS:
            self._timer.disarm()
        else:
            self._timer.set_at(self._lead.expiry(self._start_ns + next_ns))


def _no_counts(stage: str) -> StageCounts:
    return {"stage": stage, "offered": 0, "sent": 0, "dropped": 0, "queued": 0, "late": 0, "ended": False}


_arrivals: "WeakKeyDictionary[Any, Arrivals]" = WeakKeyDictionary()
_led: "WeakSet[Any]" = WeakSet()


def expect_open_loop(environment: Any) -> None:
    """Let users have an open loop: something here starts it. Without that, a user would wait for ever."""
    _led.add(environment)


def arrivals_of(environment: Any) -> Arrivals | None:
    """Return the arrivals of this process; None in a closed loop."""
    return _arrivals.get(environment)


def open_loop(environment: Any, queue: int | None) -> Arrivals | None:
    """Make the arrivals of this process for a load that begins; None without a queue: a closed loop."""
    before = _arrivals.get(environment)
    if before is not None and queue is not None and not before.report():
        return before  # a user was made before the load had begun here: this process is late
    if before is not None:
        _arrivals.pop(environment).close()
    return arrivals_for_user(environment, queue)


def arrivals_for_user(environment: Any, queue: int | None) -> Arrivals | None:
    """Return the arrivals of this process; make them where they are not there yet."""
    if queue is not None and environment in _led and environment not in _arrivals:
        _arrivals[environment] = Arrivals(queue)
    return _arrivals.get(environment)
