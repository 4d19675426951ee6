"""The timer: one operation, from its start to its reply, as one request event of Locust's."""

import time
from types import TracebackType
from typing import Any

import locust

from zk_locust.errors import ClientError, ConnectionLossError, OperationTimeoutError, SessionExpiredError

REQUEST_TYPE = "zookeeper"
_CONNECTION_ERRORS = (ConnectionLossError, OperationTimeoutError, SessionExpiredError)


class LocustTimer:
    """Time the block, and report it as a success, or as a failure when it raises a ClientError.

    `name` is the operation's; with two names the first is the request type. What becomes of a ClientError is
    `--exception-behavior`'s to say. Anything else that leaves the block (a user being stopped, a time limit of the
    caller's, a mistake in a locustfile) is passed on and reported as nothing: it says nothing about the ensemble.
    """

    __slots__ = ("_events", "_exception_behavior", "_ignore_connection_down", "_reported", "_started_ns", "name",
                 "request_type")  # fmt: skip

    def __init__(
        self,
        name: str,
        older_name: str | None = None,
        *,
        request_type: str | None = None,
        events: Any = None,
        exception_behavior: str = "log-failure",
        ignore_connection_down: bool = False,
    ) -> None:
        # In 2019 it was LocustTimer(request_type, name), by place or by name.
        self.request_type, self.name = (
            (request_type or REQUEST_TYPE, name) if older_name is None else (name, older_name)
        )
        self._events = events or locust.events
        self._exception_behavior = exception_behavior
        self._ignore_connection_down = ignore_connection_down
        self._reported = False
        self._started_ns = 0

    def __enter__(self) -> "LocustTimer":
        self._reported = False
        self._started_ns = time.perf_counter_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is None:
            if not self._reported:
                self.success()
            return False
        if not isinstance(error, ClientError):
            return False
        ignored = self._ignore_connection_down and isinstance(error, _CONNECTION_ERRORS)
        if not (self._reported or ignored or self._exception_behavior == "try-suppress"):
            self.failure(error)
        return self._exception_behavior != "propagate"

    def restart(self, started_ns: int | None = None) -> None:
        """Let the operation begin now, or have begun at `started_ns` of `time.perf_counter_ns`: what came before was
        preparation.
        """
        self._started_ns = time.perf_counter_ns() if started_ns is None else started_ns

    def success(self, response_length: int = 0, *, ended_ns: int | None = None) -> None:
        """Report a success that ends now, or has ended at `ended_ns` of `time.perf_counter_ns`.

        `response_length` is in bytes, or in items where the operation counts.
        """
        if ended_ns is None:
            ended_ns = time.perf_counter_ns()
        self._fire(response_length, None, ended_ns)

    def failure(self, error: Exception | str) -> None:
        """Report a failure that ends now."""
        self._fire(0, ClientError(error) if isinstance(error, str) else error, time.perf_counter_ns())

    def discard(self) -> None:
        """Report nothing."""
        self._reported = True

    def _fire(self, response_length: int, error: Exception | None, ended_ns: int) -> None:
        self._reported = True
        self._events.request.fire(
            request_type=self.request_type,
            name=self.name,
            response_time=(ended_ns - self._started_ns) / 1e6,
            response_length=response_length,
            exception=error,
            context={},
        )
