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

from zk_locust.contract.clock_names import CENSORED
from zk_locust.contract.errors import ClientError
from zk_locust.contract.outcomes import FAILED, OK
from zk_locust.load.recording import Recording, recording_of
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
    reply_arrived: Callable[[], int] | None = None
    """Returns when the last reply of the user's session reached this machine; 0 where that is not known."""
    origin: Callable[[], Origin] | None = None
    """Returns where the user's session has just sent an operation, and its xid."""


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
        "_arrivals",
        "_censored",
        "_due_ns",
        "_failure",
        "_failures_only",
        "_fired",
        "_home",
        "_recording",
        "_reported",
        "_sent_ns",
        "_settings",
        "name",
        "request_type",
    )

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
            self.request_type, self.name = first or request_type or REQUEST_TYPE, name
        elif second is not None:
            self.request_type, self.name = first or "", second
        else:
            self.request_type, self.name = request_type or REQUEST_TYPE, first or ""
        if settings is None:
            settings = _settings_with(events, exception_behavior, ignore_connection_down)
        self._settings = settings
        self._arrivals = settings.arrivals if paced and not failures_only else None
        self._failures_only = failures_only
        self._home: Recording | None = None  # the recording of the settings, once it is known
        self._recording: Recording | None = None  # while the operation is under way
        self._reported = self._fired = self._censored = False
        self._failure: BaseException | str | None = None
        self._sent_ns = 0
        self._due_ns = 0  # 0 where there is no due time

    def __enter__(self) -> "LocustTimer":
        self._reported = self._fired = self._censored = False
        self._failure = None
        self._due_ns = 0 if self._arrivals is None else self._arrivals.take()
        if not self._failures_only:
            self._recording = recording = self._home or self._find_home()
            recording.running.add(self)
            recording.sent[0] += 1
        self._sent_ns = _clock_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is None:
            if not self._reported:
                self.success()
            return False
        if not isinstance(error, _counted):
            under_way = self._recording is not None and not self._censored
            if under_way and isinstance(error, _CUT_OFF):
                self.censor(time.perf_counter_ns())
            self._leave()
            return False
        settings = self._settings
        if self._fired and error is not self._failure:
            return settings.exception_behavior == "try-suppress"
        if not self._reported:
            ignored = settings.ignore_connection_down and isinstance(error, _CONNECTION_ERRORS)
            if ignored or settings.exception_behavior == "try-suppress":
                now_ns, recording = time.perf_counter_ns(), self._where()
                if self._counts():
                    recording.operation(self.request_type, self.name, now_ns).rare.suppressed += 1
                    self._keep_if_slow(recording, FAILED, now_ns, getattr(error, "xid", 0))
            else:
                self._fail(error)
        return settings.exception_behavior != "propagate"

    def restart(self, started_ns: int | None = None) -> None:
        """Let the operation begin now, or at `started_ns` of `time.perf_counter_ns`."""
        self._sent_ns = time.perf_counter_ns() if started_ns is None else started_ns

    def success(self, response_length: int = 0, *, ended_ns: int | None = None) -> None:
        """Report a success that ends now, or has ended at `ended_ns` of `time.perf_counter_ns`.

        `response_length` is in bytes, or in items where the operation counts. Only the first report of a block counts.
        """
        handled_ns, arrived_ns = ended_ns, 0
        settings, sent_ns = self._settings, self._sent_ns
        if handled_ns is None:
            handled_ns = _clock_ns()
            reply_arrived = settings.reply_arrived
            if reply_arrived is not None:
                arrived_ns = reply_arrived()
                if not sent_ns <= arrived_ns <= handled_ns:
                    arrived_ns = 0
        recording = self._recording
        if recording is None:
            if self._failures_only or self._reported:
                self._reported = True
                return
            recording = self._where()
        else:  # `_leave` without a call: this runs for each operation
            recording.running.discard(self)
            self._recording = None
        self._reported = self._fired = True
        if not self._censored:
            # `recording.operation` without a call, as well.
            if handled_ns >= recording.interval_ends_ns:
                recording.turn(handled_ns)
            try:
                operation = recording.operations[self.request_type, self.name]
            except KeyError:
                operation = recording.operation(self.request_type, self.name, handled_ns)
            due_ns = self._due_ns
            if not due_ns and settings.arrivals is not None:
                due_ns = sent_ns
            if operation.succeed(due_ns, sent_ns, arrived_ns, handled_ns) > recording.slowest.above_us:
                times_ns = due_ns, sent_ns, arrived_ns, handled_ns
                recording.slowest.keep(self.request_type, self.name, times_ns, OK, settings.origin)
            operation.content += response_length
        if recording.listeners != recording.own_listeners:
            self._tell_others(recording, response_length, None, arrived_ns or handled_ns)

    def failure(self, exc: BaseException | str) -> None:
        """Report a failure that ends now, unless the operation has been reported."""
        if self._reported:
            return
        self._failure = exc
        self._fail(ClientError(exc) if isinstance(exc, str) else exc)

    def discard(self) -> None:
        """Report nothing."""
        self._reported = True
        self._leave()

    def censor(self, now_ns: int) -> None:
        """Count the operation as one that has waited until now, and nothing of it when it ends."""
        waited_ns = now_ns - (self._due_ns or self._sent_ns)
        recording = self._where()
        recording.operation(self.request_type, self.name, now_ns).censor(waited_ns)
        self._censored = True
        self._keep_if_slow(recording, CENSORED, now_ns, 0)

    def _fail(self, error: BaseException) -> None:
        recording = self._where()
        if self._counts():
            recording.fail(self.request_type, self.name, error)
            self._keep_if_slow(recording, FAILED, recording.clock_ns(), getattr(error, "xid", 0))
        self._fired = True
        if recording.listeners != recording.own_listeners:
            self._tell_others(recording, 0, error, time.perf_counter_ns())

    def _keep_if_slow(self, recording: Recording, outcome: str, now_ns: int, xid: int) -> None:
        """Keep what ends without a reply, if it is among the slowest. A reply to something else may be the last one."""
        settings, due_ns = self._settings, self._due_ns
        if not due_ns and settings.arrivals is not None:
            due_ns = self._sent_ns
        find, times_ns = settings.origin, (due_ns, self._sent_ns, 0, now_ns)
        origin = None if find is None else lambda: (find()[0], xid)
        recording.slowest.keep(self.request_type, self.name, times_ns, outcome, origin)

    def _where(self) -> Recording:
        return self._recording or self._home or self._find_home()

    def _find_home(self) -> Recording:
        events = self._settings.events
        if events is None:  # those that were adopted last: a load may begin with others
            return recording_of(_latest.events or locust.events)
        self._home = home = recording_of(events)
        return home

    def _counts(self) -> bool:
        """Whether what is reported now is to be recorded. The operation is not under way any more."""
        self._reported = True
        self._leave()
        return not self._censored

    def _leave(self) -> None:
        if self._recording is not None:
            self._recording.running.discard(self)
            self._recording = None

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
