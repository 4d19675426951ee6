"""The recording of a process: every operation, counted once, at a cost that docs/measured.md has.

Timers record here directly. Who needs the figures takes them in bulk: the statistics of Locust before somebody reads
them, and the recorder of `locust_extra` at the end of each interval. What other code fires through `events.request`
itself (a user of another kind, a locustfile) is recorded as it is fired.
"""

import time
from array import array
from collections.abc import Callable, MutableSequence
from typing import Any, Final, Protocol
from weakref import WeakSet

from zk_locust.contract.clock_names import CENSORED, CLIENT_DELAY, RESPONSE, SLIP
from zk_locust.contract.histogram import LatencyHistogram
from zk_locust.contract.outcomes import FAILED, OK
from zk_locust.load.locust_internals import (
    FilledStats,
    count_requests_quickly,
    fill_before_reading,
    fire_to,
    listeners_of,
)
from zk_locust.load.running import Running
from zk_locust.load.slowest import Slowest
from zk_locust.load.times import Times

Key = tuple[str, str]
"""Request type and name."""

NEVER_NS: Final = 1 << 63
_COUNT_EVERY_NS: Final = 1_000_000_000
"""How long times of successes are kept at most until they are counted: at 10,000 a second, 80 kB for each clock."""
_ATTRIBUTE: Final = "zk_locust_recording"


class Operation:
    """What was recorded of the operations of one type and name since it was last taken.

    Times are nanoseconds of one monotonic clock.
    """

    __slots__ = (
        "_censored", "_client_delay", "_failed", "_response", "_service", "_slip", "content", "ended_ns",
        "keep_client_delay_ns", "keep_service_ns", "rare",
    )  # fmt: skip

    def __init__(self) -> None:
        self._service = Times()
        self._response = Times()
        self._slip = Times()
        self._client_delay = Times()
        self.keep_service_ns: Final = self._service.add_ns
        self.keep_client_delay_ns: Final = self._client_delay.add_ns
        self.content = 0  # bytes, or items
        self.ended_ns: int | None = None
        """When the last success ended; None if there is none that has not been taken."""
        self.rare = LatencyHistogram()  # failures, suppressed failures, censored operations
        self._failed = self._censored = 0  # before these

    def succeed(self, due_ns: int, sent_ns: int, arrived_ns: int, handled_ns: int) -> int:
        """Count a success. `due_ns` is 0 in a closed loop, `arrived_ns` where it is not known.

        Returns its latency, nanoseconds: the response time, and in a closed loop the service time.
        """
        self.ended_ns = handled_ns
        if arrived_ns:
            self.keep_client_delay_ns(handled_ns - arrived_ns)
        else:
            arrived_ns = handled_ns
        latency_ns = arrived_ns - sent_ns
        self.keep_service_ns(latency_ns)
        if due_ns:
            latency_ns = arrived_ns - due_ns
            self._response.add_ns(latency_ns)
            if sent_ns > due_ns:  # what follows from another operation is due when it is sent: it cannot slip
                self._slip.add_ns(sent_ns - due_ns)
        return latency_ns

    def untold(self) -> tuple["array[int]", int, int]:
        """Return the latencies of the successes since the last call, nanoseconds, and two counts since the beginning.

        They are of the operations that failed, and of those that were censored.
        """
        times = self._response.untold()  # of an open loop
        service = self._service.untold()
        rare = self.rare
        return times or service, self._failed + rare.failures + rare.suppressed, self._censored + _censored(rare)

    def count(self) -> None:
        """Count the times that have been kept since the last call."""
        for times in (self._service, self._response, self._slip, self._client_delay):
            times.count()

    def censor(self, waited_ns: int) -> None:
        """Count an operation that has waited so long and is not waited for."""
        self.rare.clock(CENSORED).record((waited_ns + 500) // 1000)

    def take(self) -> LatencyHistogram | None:
        """Return everything since the last call; None for nothing."""
        taken, rare = self._service.take(), self.rare
        if taken is not None:
            for name, times in ((RESPONSE, self._response), (SLIP, self._slip), (CLIENT_DELAY, self._client_delay)):
                clock = times.take()
                if clock is not None:
                    taken.clocks[name] = clock
        if rare.failures or rare.suppressed or rare.clocks:
            taken = taken or LatencyHistogram()
            taken.add(rare)
            self._failed += rare.failures + rare.suppressed
            self._censored += _censored(rare)
            self.rare = LatencyHistogram()
        return taken


class Taker(Protocol):
    """What cuts the figures into intervals. Times are those of the recording's clock."""

    interval_ends_ns: int

    def turn_to(self, now_ns: int) -> None:
        """Begin the interval that contains this moment."""

    def take(self, key: Key, taken: LatencyHistogram) -> None:
        """Take figures of the running interval; do not change them."""


class Recording:
    """All operations of the users that share one `locust.event.Events`.

    `listeners` are those of its `request`, the list itself. Operations of timers go to the listeners that are not of
    this recording, if there are any.
    """

    def __init__(self, listeners: list[Any], clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self.clock_ns = clock_ns
        self.running: set[Running] = set()
        """Timers between start and report, without those of `kept`."""
        self.kept: Final[WeakSet[Running]] = WeakSet()
        """Timers that are used again and again. They are asked: to be told of each operation takes longer."""
        self.sent: MutableSequence[int] | memoryview[int] = [0]
        """One number: how many operations timers have begun."""
        self.interval_ends_ns = 0
        """When the next operation that ends has to call `turn`."""
        self.slowest: Final = Slowest()
        self.listeners = listeners
        self.own_listeners: list[Any] = []
        self.operations: dict[Key, Operation] = {}
        self._fired: dict[Key, LatencyHistogram] = {}
        self._takers: list[Taker] = []
        self._statistics: list[FilledStats] = []
        self._harvested_s = time.time()
        self._listener = self.on_request

    def operation(self, request_type: str, name: str, now_ns: int) -> Operation:
        """Return what is recorded of an operation that ends at this moment of `clock_ns`."""
        if now_ns >= self.interval_ends_ns:
            self.turn(now_ns)
        key = (request_type, name)
        try:
            return self.operations[key]
        except KeyError:
            found = self.operations[key] = Operation()
            return found

    def fail(self, request_type: str, name: str, error: BaseException) -> None:
        """Count a failure that ends now."""
        self.operation(request_type, name, self.clock_ns()).rare.record_failure(_text(error))
        for statistics in self._statistics:
            statistics.count_failure(request_type, name, error)

    def fire_to_others(self, **event: Any) -> None:
        """Tell the listeners that are not of this recording."""
        fire_to([listener for listener in self.listeners if listener not in self.own_listeners], event)

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        exception: BaseException | None = None,
        **_: Any,
    ) -> None:
        """Record what other code has fired (a listener of `events.request`); `response_time` is milliseconds."""
        now = self.clock_ns()
        if now >= self.interval_ends_ns:
            self.turn(now)
        histogram = self._fired.setdefault((request_type, name), LatencyHistogram())
        if exception is not None:
            histogram.record_failure(_text(exception))
        elif response_time is not None:
            histogram.record(max(0, round(response_time * 1000)))
        if response_time is not None:
            times_ns = 0, now - max(0, round(response_time * 1e6)), 0, now
            self.slowest.keep(request_type, name, times_ns, OK if exception is None else FAILED)

    def add_taker(self, taker: Taker) -> None:
        """Cut the figures into intervals for this one, from now on."""
        self.harvest()
        if not self._takers:
            self.listeners.append(self._listener)
            self.own_listeners.append(self._listener)
        self._takers.append(taker)
        self.look_for_end()

    def look_for_end(self) -> None:
        """Note that a taker has begun another interval."""
        count_ns = self.clock_ns() + _COUNT_EVERY_NS
        self.interval_ends_ns = min([count_ns, *(taker.interval_ends_ns for taker in self._takers)])

    def turn(self, now_ns: int) -> None:
        """Have the takers begin the interval that contains this moment, where the one before has ended.

        What they do not take then is counted, so that it does not pile up where nobody takes anything for a long time.
        """
        for taker in self._takers:
            if now_ns >= taker.interval_ends_ns:
                taker.turn_to(now_ns)
        for operation in self.operations.values():
            operation.count()
        self.look_for_end()

    def under_way(self) -> list[Running]:
        """Return the timers between start and report."""
        return [*self.running, *(timer for timer in self.kept if timer.under_way)]

    def censor_running(self) -> None:
        """Count all operations that are under way as censored."""
        now, running = self.clock_ns(), self.under_way()
        self.running.clear()
        for timer in running:
            timer.censor(now)

    def harvest(self) -> None:
        """Give what was recorded to the takers and to Locust's statistics."""
        since_s = None
        for key, operation in self.operations.items():
            taken = operation.take()
            if taken is None:
                continue
            for taker in self._takers:
                taker.take(key, taken)
            if since_s is None:
                since_s, self._harvested_s = self._harvested_s, time.time()
            ended_ns, ended_s = operation.ended_ns, self._harvested_s
            if ended_ns is not None:
                ended_s -= max(0, self.clock_ns() - ended_ns) / 1e9
            for statistics in self._statistics:
                statistics.fill(key, _headline(taken), operation.content, since_s, ended_s)
            operation.content, operation.ended_ns = 0, None
        fired, self._fired = self._fired, {}
        for key, taken in fired.items():
            for taker in self._takers:
                taker.take(key, taken)

    def fill_statistics_of(self, environment: Any, runner: Any) -> None:
        """Fill the statistics of this environment, as its own listener in Locust did."""
        self.harvest()  # what was recorded until now, it has counted itself
        counter = count_requests_quickly(environment, runner)
        if counter is not None:
            self.own_listeners.append(counter)
            self._statistics.append(fill_before_reading(environment.stats, self.harvest))


def recording_of(events: Any) -> Recording:
    """Return the recording of these `locust.event.Events`."""
    try:
        return events.zk_locust_recording  # type: ignore[no-any-return]
    except AttributeError:
        made = Recording(listeners_of(events.request))
        setattr(events, _ATTRIBUTE, made)  # it lives as long as they do
        return made


def _headline(taken: LatencyHistogram) -> LatencyHistogram:
    """Return the latencies that the report shows too: response time, and without due times service time.

    Where only some have a due time it is service time, so that each success is counted.
    """
    response = taken.clocks.get(RESPONSE)
    return taken if response is None or response.requests != taken.requests else response


def _censored(rare: LatencyHistogram) -> int:
    waited = rare.clocks.get(CENSORED)
    return 0 if waited is None else waited.requests


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else repr(error)
