"""The simulated user: one ZooKeeper session, and the task set that drives it."""

import contextlib
import random
import sys
import time
from typing import Any, Unpack

import gevent
import locust
from locust import User
from locust.user.task import LOCUST_STATE_STOPPING

from zk_locust.bench import adopt_flags, register_bench_parameters
from zk_locust.errors import ClientError, ConfigurationError
from zk_locust.interrupt import register_interrupt
from zk_locust.load_plan import register_load_plan
from zk_locust.locust_client import KazooLocustClient, LocustClient
from zk_locust.node_cleanup import register_node_cleanup
from zk_locust.older_locustfiles import OlderSettings, ZKLocustMeta, with_older_settings
from zk_locust.options import Options
from zk_locust.parameters import add_parameters
from zk_locust.refusals import register_refusals
from zk_locust.report_dir import register_report_dir
from zk_locust.request_counting import register_request_counting
from zk_locust.run_sockets import install
from zk_locust.settings_check import register_fixed_parameters, register_settings_check

_CONNECT_PAUSE_S = 1.0
_WORTH_TELLING_S = 1.0
_FROM_OPTIONS = object()


class ZKLocust(User, metaclass=ZKLocustMeta):
    """A user with one ZooKeeper session, as `client`.

    A subclass says what to do in `tasks`, or in `task_set` as in 2019. `min_wait` and `max_wait` are milliseconds and
    win over `--min-wait` and `--max-wait` where a class sets them.
    """

    abstract = True
    given_environment: Any
    min_wait: float | None = None  # type: ignore[assignment]
    max_wait: float | None = None  # type: ignore[assignment]

    def __init__(
        self,
        environment: Any = None,
        *,
        client_impl: str | type[KazooLocustClient] | None = None,
        pseudo_root: Any = _FROM_OPTIONS,
        autostart: bool = True,
        **settings: Unpack[OlderSettings],
    ) -> None:
        environment = environment or self.given_environment
        super().__init__(environment)
        self.options = with_older_settings(Options.of(environment.parsed_options), settings)
        self._autostart = autostart
        where: dict[str, Any] = {
            "pseudo_root": self.options.pseudo_root if pseudo_root is _FROM_OPTIONS else pseudo_root,
            "events": environment.events,
        }
        self.client: LocustClient
        if isinstance(client_impl, type):
            self.client = client_impl(options=self.options, **where)
        else:
            self.client = LocustClient(self.options, client=client_impl, **where)
        self._wait_between_s = self._waits()

    def wait_time(self) -> float:
        """Return how long to wait until the next operation, seconds."""
        least, most = self._wait_between_s
        return random.uniform(least, most) if most else 0.0

    @property
    def never_waits(self) -> bool:
        """Whether there is no wait between two operations: `wait_time` need not be asked each time then."""
        return self._wait_between_s[1] == 0 and getattr(self.wait_time, "__func__", None) is ZKLocust.wait_time

    def on_start(self) -> None:
        """Connect."""
        if self._autostart:
            self.connect()

    def connect(self) -> None:
        """Connect, again and again until it works: an ensemble that is down is a failure each time, not a dead user."""
        while self.client.is_connection_down():
            # Also where errors are to be raised into the task: there is no task yet, and the user would be gone.
            began = time.perf_counter()
            with contextlib.suppress(ClientError), self.client.timer("connect") as timer:
                try:
                    self.client.start()
                    timer.discard()
                except gevent.GreenletExit:
                    # Stopped on the way: without this, a load that never had a session would end as a good one.
                    waited_s = time.perf_counter() - began
                    if waited_s >= _WORTH_TELLING_S:
                        timer.failure(f"no session yet after {waited_s:.1f} s, when the load ended")
                    raise
                except ConfigurationError as error:
                    # The leader's check has passed; here, on a worker's machine, a file or a library is missing.
                    timer.failure(error)
            if self.client.is_connection_down():
                gevent.sleep(_CONNECT_PAUSE_S)
            if self._state == LOCUST_STATE_STOPPING:
                return

    def on_stop(self) -> None:
        """End the session."""
        self.client.stop()

    def _waits(self) -> tuple[float, float]:
        least = self.options.min_wait_s if self.min_wait is None else self.min_wait / 1000
        most = self.options.max_wait_s if self.max_wait is None else self.max_wait / 1000
        return least, max(least, most)


def register() -> None:
    """Let Locust know the parameters, the plan of the load and the cleaning up. Safe to call again."""
    for hook, listener in (
        (locust.events.init_command_line_parser, add_parameters),
        (locust.events.init_command_line_parser, install),
        (locust.events.init, register_interrupt),
        (locust.events.init, register_bench_parameters),
        (locust.events.init, register_settings_check),
        (locust.events.init, register_report_dir),
        (locust.events.init, register_fixed_parameters),  # those that follow from --report-dir too
        (locust.events.init, register_load_plan),
        (locust.events.init, register_refusals),
        (locust.events.init, register_node_cleanup),
        (locust.events.init, register_request_counting),
    ):
        if listener not in hook._handlers:
            hook.add_listener(listener)
    adopt_flags(sys.argv[1:])


# Locust asks for parameters right after it has imported the locustfile, and a locustfile says no more than
# `from zk_locust import ZKLocust`: this import is the one chance to answer.
register()
