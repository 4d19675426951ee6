"""The timer: one operation, from its start to its reply. It records the operation, and fires Locust's request event."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol

import gevent
import locust
from kazoo.exceptions import ConnectionLoss, KazooException
from kazoo.exceptions import OperationTimeoutError as KazooOperationTimeoutError
from kazoo.exceptions import SessionExpiredError as KazooSessionExpiredError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import RetryFailedError

from zk_locust.clients.interface import NO_REPLY, LastReply
from zk_locust.contract.clock_names import CENSORED
from zk_locust.contract.errors import ClientError
from zk_locust.contract.outcomes import FAILED, OK
from zk_locust.load.heard import NOBODY, Heard
from zk_locust.load.recording import Operation, Recording, recording_of
from zk_locust.load.slowest import Origin

REQUEST_TYPE = "zookeeper"
# What says something about the ensemble. kazoo's own come from whatever a locustfile asks of kazoo itself: recipes,
# asynchronous requests, ACLs. Those of kazoo's that tell of a lost connection include ours, which derive from them.
_counted: tuple[type[BaseException], ...] = (KazooException, KazooTimeoutError)
_CONNECTION_ERRORS = (
    ConnectionLoss, KazooOperationTimeoutError, KazooSessionExpiredError, KazooTimeoutError, RetryFailedError,
)  # fmt: skip
_CUT_OFF = (gevent.GreenletExit, gevent.Timeout)

_clock_ns = time.perf_counter_ns

# What became of a timer's block so far. In this order: from `_ENDED` on it has been reported, from `_SUCCEEDED` on an
# event was fired too.
_IDLE = 0  # not begun, or left by an error that counts as nothing; with `failures_only`, also under way
_UNDER_WAY = 1
_CENSORED = 2  # counted as such; it has not ended
_ENDED = 3  # discarded or suppressed
_SUCCEEDED = 4
_FAILED = 5


def register_exceptions(exceptions: Iterable[type[BaseException]]) -> None:
    """Let timers count these too, as errors of the ensemble's: those of a client of the locustfile's own."""
    global _counted
    _counted = tuple(dict.fromkeys((*_counted, *exceptions)))


class Arrivals(Protocol):
    """The operations of an open loop that are due on this process."""

    def take(self) -> int:
        """Wait for the next operation that is due; return its due time, nanoseconds of `time.perf_counter_ns`."""


@dataclass(frozen=True, slots=True)
class TimerSettings:
    """Where timers report, and what they do with errors. `context` returns the context of each request event.

    All times are nanoseconds of `time.perf_counter_ns`.
    """

    events: Any = None  # Locust's own where there are none
    exception_behavior: str = "log-failure"
    ignore_connection_down: bool = False
    context: Callable[[], Any] | None = None
    arrivals: Arrivals | None = None  # open loop only
    last_reply: LastReply = NO_REPLY
    """Says when the last reply of the user's session reached this machine."""
    origin: Callable[[], Origin] | None = None
    """Returns where the user's session has just sent an operation, and its xid."""
    heard: Heard = NOBODY
    """That of the user's session."""


_latest = TimerSettings()


def adopt(settings: TimerSettings) -> None:
    """Let timers that are made outside of any user's greenlet follow these settings from now on."""
    global _latest
    _latest = settings


def settings_here() -> TimerSettings:
    """Return the settings of the user whose greenlet this is; elsewhere those that were adopted last."""
    arguments = getattr(gevent.getcurrent(), "args", None)  # Locust finds a greenlet's user in the same way
    found = getattr(arguments[0], "timer_settings", None) if arguments else None
    return found or _latest


class LocustTimer:
    """Time the block, and record it as a success, or as a failure when it raises a ClientError or an error of kazoo's.

    The first argument is the operation's name; with `name` or a second argument it is the request type, as in 2019.
    `--exception-behavior` decides whether such an error is raised; what it or `--ignore-connection-down` hides is
    counted as suppressed. A block that is cut off (the user is stopped, a caller's time limit) is censored: it has
    taken so long at least. Any other exception (a mistake in a locustfile) is raised and not recorded. So is an error
    after the report, unless `failure` was given this very error.

    In an open loop, each block waits for the next operation that is due. With `paced=False` it does not: connecting,
    and what follows from another operation, such as the release of a lock. With `failures_only` it does not either, and
    counts as an operation only when it fails: a preparation is no operation of the load.
    """

    __slots__ = (
        "__weakref__",
        "_arrivals",
        "_due_ns",
        "_failure",
        "_failures_only",
        "_heard",
        "_home",
        "_kept",
        "_key",
        "_last_reply",
        "_open_loop",
        "_operation",
        "_recording",
        "_sent_ns",
        "_settings",
        "_state",
    )

    _recording: Recording
    """That of the operation that is under way, or is censored."""

    def __init__(
        self,
        first: str | None = None,
        second: str | None = None,
        *,
        name: str | None = None,
        request_type: str | None = None,
        settings: TimerSettings | None = None,
        events: Any = None,
        exception_behavior: str | None = None,
        ignore_connection_down: bool | None = None,
        paced: bool = True,
        failures_only: bool = False,
    ) -> None:
        # In 2019 it was LocustTimer(request_type, name=""), by place or by name.
        if name is not None:
            self._key = first or request_type or REQUEST_TYPE, name
        elif second is not None:
            self._key = first or "", second
        else:
            self._key = request_type or REQUEST_TYPE, first or ""
        if settings is None:
            settings = _settings_with(events, exception_behavior, ignore_connection_down)
        self._settings = settings
        self._arrivals = settings.arrivals if paced and not failures_only else None
        self._open_loop = settings.arrivals is not None
        self._failures_only = failures_only
        self._last_reply = settings.last_reply
        self._heard = settings.heard
        self._kept = False  # whether `_home` knows this timer, so that it need not be told of each operation
        self._home: Recording | None = None  # the recording of the settings, once it is known
        self._operation: Operation | None = None  # what `_home` has recorded of it, once there is something
        self._state = _IDLE
        self._failure: BaseException | str | None = None
        self._sent_ns = 0
        self._due_ns = 0  # 0 where there is no due time

    @property
    def request_type(self) -> str:
        """The request type that the operation is counted under."""
        return self._key[0]

    @request_type.setter
    def request_type(self, request_type: str) -> None:
        self._key, self._operation = (request_type, self.name), None

    @property
    def name(self) -> str:
        """The name that the operation is counted under."""
        return self._key[1]

    @name.setter
    def name(self, name: str) -> None:
        self._key, self._operation = (self.request_type, name), None

    def begin(self) -> "LocustTimer":
        """Begin an operation, as `with` does, and return the timer. `success` or `ended_by` must follow."""
        if self._arrivals is not None:
            # What another greenlet does with this timer stays under way while this one waits.
            if self._state != _UNDER_WAY:
                self._state = _IDLE
            self._due_ns = self._arrivals.take()
        if self._failures_only:
            self._state = _IDLE
        else:
            if not self._kept:
                self._note_use()
            self._recording.sent[0] += 1
            self._state = _UNDER_WAY
        self._sent_ns = _clock_ns()
        return self

    __enter__ = begin  # a call less for each operation

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is not None:
            return self.ended_by(error)
        if self._state < _ENDED:
            self.success()
        return False

    def ended_by(self, error: BaseException) -> bool:
        """Report what the error makes of the operation, as `with` does. Return whether not to raise the error."""
        if not isinstance(error, _counted):
            if self._state == _UNDER_WAY:
                if isinstance(error, _CUT_OFF):
                    self.censor(time.perf_counter_ns())
                    self._recording.running.discard(self)
                else:
                    self._leave(_IDLE)
            return False
        settings = self._settings
        if self._state == _SUCCEEDED or (self._state == _FAILED and error is not self._failure):
            return settings.exception_behavior == "try-suppress"
        if self._state < _ENDED:
            ignored = settings.ignore_connection_down and isinstance(error, _CONNECTION_ERRORS)
            if ignored or settings.exception_behavior == "try-suppress":
                now_ns, recording = time.perf_counter_ns(), self._where()
                if self._counts():
                    recording.operation(*self._key, now_ns).rare.suppressed += 1
                    self._keep_if_slow(recording, FAILED, now_ns, getattr(error, "xid", 0))
            else:
                self._fail(error)
        return settings.exception_behavior != "propagate"

    @property
    def under_way(self) -> bool:
        """Whether an operation has begun, and has neither ended nor been censored."""
        return self._state == _UNDER_WAY

    def waits_ns(self, now_ns: int) -> int:
        """Return for how long the operation that is under way has waited since it was sent."""
        return now_ns - self._sent_ns

    @property
    def heard(self) -> Heard:
        """When the session has last heard of the ensemble."""
        return self._heard

    @property
    def sent_ns(self) -> int:
        """When the operation was sent, nanoseconds of `time.perf_counter_ns`."""
        return self._sent_ns

    @property
    def origin(self) -> Callable[[], Origin] | None:
        """What returns where the session has last sent an operation; None where nobody knows."""
        return self._settings.origin

    def restart(self, started_ns: int | None = None) -> None:
        """Let the operation begin now, or at `started_ns` of `time.perf_counter_ns`."""
        self._sent_ns = time.perf_counter_ns() if started_ns is None else started_ns

    def success(self, response_length: int = 0, *, ended_ns: int | None = None) -> None:
        """Report a success that ends now, or has ended at `ended_ns` of `time.perf_counter_ns`.

        `response_length` is in bytes, or in items where the operation counts. Only the first report of a block counts.
        """
        sent_ns = self._sent_ns
        if ended_ns is None:
            handled_ns, arrived_ns = _clock_ns(), self._last_reply.arrived_ns
            if not sent_ns <= arrived_ns <= handled_ns:
                arrived_ns = 0
        else:
            handled_ns, arrived_ns = ended_ns, 0
        state = self._state
        if state == _UNDER_WAY:  # `_leave` without a call: this runs for each operation
            recording = self._recording
            if not self._kept:
                recording.running.discard(self)
        elif state >= _ENDED or self._failures_only:
            self._state = max(state, _ENDED)
            return
        else:
            recording = self._where()
        self._state = _SUCCEEDED
        self._heard.at_ns = handled_ns
        if state != _CENSORED:
            # `recording.operation` without a call, as well.
            if handled_ns >= recording.interval_ends_ns:
                recording.turn(handled_ns)
            operation = self._operation or self._find_operation(recording, handled_ns)
            if arrived_ns and not self._open_loop:  # `operation.succeed` without a call, once more
                due_ns = 0
                operation.ended_ns = handled_ns
                operation.keep_client_delay_ns(handled_ns - arrived_ns)
                latency_ns = arrived_ns - sent_ns
                operation.keep_service_ns(latency_ns)
            else:
                due_ns = (self._due_ns or sent_ns) if self._open_loop else 0
                latency_ns = operation.succeed(due_ns, sent_ns, arrived_ns, handled_ns)
            if latency_ns > recording.slowest.above_ns:
                times_ns = due_ns, sent_ns, arrived_ns, handled_ns
                recording.slowest.keep(*self._key, times_ns, OK, self._settings.origin)
            operation.content += response_length
        if recording.listeners != recording.own_listeners:
            self._tell_others(recording, response_length, None, arrived_ns or handled_ns)

    def failure(self, exc: BaseException | str) -> None:
        """Report a failure that ends now, unless the operation has been reported."""
        if self._state >= _ENDED:
            return
        self._failure = exc
        self._fail(ClientError(exc) if isinstance(exc, str) else exc)

    def discard(self) -> None:
        """Report nothing."""
        if self._state < _ENDED:
            self._leave(_ENDED)

    def censor(self, now_ns: int) -> None:
        """Count the operation as one that has waited until now, and nothing of it when it ends."""
        waited_ns = now_ns - (self._due_ns or self._sent_ns)
        recording = self._where()
        recording.operation(*self._key, now_ns).censor(waited_ns)
        self._state = _CENSORED
        self._keep_if_slow(recording, CENSORED, now_ns, 0)

    def _fail(self, error: BaseException) -> None:
        recording = self._where()
        if self._counts():
            recording.fail(*self._key, error)
            self._keep_if_slow(recording, FAILED, recording.clock_ns(), getattr(error, "xid", 0))
        self._state = _FAILED
        if recording.listeners != recording.own_listeners:
            self._tell_others(recording, 0, error, time.perf_counter_ns())

    def _keep_if_slow(self, recording: Recording, outcome: str, now_ns: int, xid: int) -> None:
        """Keep what ends without a reply, if it is among the slowest. A reply to something else may be the last one."""
        due_ns = self._due_ns
        if not due_ns and self._open_loop:
            due_ns = self._sent_ns
        find, times_ns = self._settings.origin, (due_ns, self._sent_ns, 0, now_ns)
        origin = None if find is None else lambda: (find()[0], xid)
        recording.slowest.keep(*self._key, times_ns, outcome, origin)

    def _note_use(self) -> None:
        """Tell the recording of this operation; of the timer itself where it is used again, as more will follow."""
        home = self._home
        if home is None:
            self._recording = self._find_home()
            self._recording.running.add(self)
        else:
            self._recording, self._kept = home, True
            home.kept.add(self)
            home.running.discard(self)

    def _where(self) -> Recording:
        return self._recording if self._state in (_UNDER_WAY, _CENSORED) else self._home or self._find_home()

    def _find_home(self) -> Recording:
        events = self._settings.events
        if events is None:  # those that were adopted last: a load may begin with others
            return recording_of(_latest.events or locust.events)
        self._home = home = recording_of(events)
        return home

    def _find_operation(self, recording: Recording, now_ns: int) -> Operation:
        found = recording.operation(*self._key, now_ns)
        if recording is self._home:
            self._operation = found
        return found

    def _counts(self) -> bool:
        """Whether what is reported now is to be recorded. The operation is not under way any more."""
        counts = self._state != _CENSORED
        self._leave(_ENDED)
        return counts

    def _leave(self, state: int) -> None:
        if self._state == _UNDER_WAY:
            self._recording.running.discard(self)
        self._state = state

    def _tell_others(
        self, recording: Recording, response_length: int, error: BaseException | None, ended_ns: int
    ) -> None:
        context = self._settings.context
        recording.fire_to_others(
            request_type=self.request_type,
            name=self.name,
            response_time=(ended_ns - self._sent_ns) / 1e6,
            response_length=response_length,
            exception=error,
            context={} if context is None else context(),
        )


def _settings_with(events: Any, exception_behavior: str | None, ignore_connection_down: bool | None) -> TimerSettings:
    """Return the settings that hold here, with those that are given."""
    if events is None and exception_behavior is None and ignore_connection_down is None:  # nearly all timers
        return settings_here()
    given = {
        "events": events,
        "exception_behavior": exception_behavior,
        "ignore_connection_down": ignore_connection_down,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(settings_here(), **changes)
