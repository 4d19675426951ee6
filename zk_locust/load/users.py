"""The simulated user: one ZooKeeper session, and the task set that drives it."""

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import gevent
from locust import User

from zk_locust.clients.interface import NO_REPLY
from zk_locust.contract.errors import ClientError, ConfigurationError
from zk_locust.contract.options import Options
from zk_locust.load import session
from zk_locust.load.arrivals import arrivals_for_user
from zk_locust.load.heard import NOBODY
from zk_locust.load.locust_client import KINDS, LocustClient
from zk_locust.load.locust_internals import is_stopping
from zk_locust.load.older_locustfiles import OlderSettings, ZKLocustMeta, with_older_settings
from zk_locust.load.timer import adopt

_CONNECT_PAUSE_S = 1.0
_WORTH_TELLING_S = 1.0
_FROM_OPTIONS = object()


class ZKLocust(User, metaclass=ZKLocustMeta):
    """A user with one ZooKeeper session, as `client`.

    A subclass says what to do in `tasks`, or in `task_set` as in 2019. `min_wait` and `max_wait`, milliseconds,
    override `--min-wait` and `--max-wait`.
    """

    abstract = True
    given_environment: Any = None
    min_wait: float | None = None  # type: ignore[assignment]
    max_wait: float | None = None  # type: ignore[assignment]

    def __init__(
        self,
        environment: Any = None,
        *older: Any,
        client_impl: str | type[LocustClient] | None = None,
        pseudo_root: Any = _FROM_OPTIONS,
        autostart: bool = True,
        **settings: Unpack[OlderSettings],
    ) -> None:
        # In 2019 there was no environment: by place, the client came first, and the pseudo root second.
        places = [one for one in (environment, *older) if one is not None and one is not self.given_environment]
        environment = self.given_environment
        if places and isinstance(places[0], (str, type)):
            client_impl, pseudo_root = (*places, pseudo_root)[:2]
        elif places:
            environment = places[0]
        # A class of then has handed on what it took for the client or the pseudo root.
        if client_impl is self.given_environment:
            client_impl = None
        if pseudo_root is not None and pseudo_root is self.given_environment:
            pseudo_root = _FROM_OPTIONS
        super().__init__(environment)
        self.options = with_older_settings(Options.of(environment.parsed_options), settings)
        self._autostart = autostart
        where: dict[str, Any] = {
            "pseudo_root": self.options.pseudo_root if pseudo_root is _FROM_OPTIONS else pseudo_root,
            "events": environment.events,
        }
        if type(self).context is not User.context:
            where["context"] = self.context
        self.client: LocustClient = _client(self.options, client_impl, where)
        arrival = self.options.arrival
        arrivals = arrivals_for_user(environment, None if arrival is None else arrival.queue)
        self.paced = arrivals is not None
        """Whether operations come due by themselves (open loop): then there are no waits between them."""
        if arrivals is not None:
            self.client.timer_settings = replace(self.client.timer_settings, arrivals=arrivals)
            self.wait_time = _no_wait  # type: ignore[method-assign]
        self.timer_settings = self.client.timer_settings
        adopt(replace(self.timer_settings, context=None, last_reply=NO_REPLY, origin=None, heard=NOBODY))
        if autostart:
            self.client.connect_at_first_use(self.connect)
            if type(self).on_start is not ZKLocust.on_start:
                # Connected before it runs, also where it does not call ours.
                self.on_start = partial(_connected_first, self, self.on_start)  # type: ignore[method-assign]
        if type(self).on_stop is not ZKLocust.on_stop:
            # Its session ends after it, also where it does not call ours.
            self.on_stop = partial(_stopped_after, self, self.on_stop)  # type: ignore[method-assign]
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
        """Connect, repeatedly until it works, and make the pseudo root. Each attempt that fails is a failure."""
        while self.client.is_connection_down():
            # Errors are never raised here: there is no task yet, and they would end the user.
            began = time.perf_counter()
            with contextlib.suppress(ClientError), self.client.timer("connect", failures_only=True) as timer:
                try:
                    self.client.start()
                    self.client.ensure_pseudo_root()
                except gevent.GreenletExit:
                    # Stopped meanwhile: without this, a load without any session would count as successful.
                    waited_s = time.perf_counter() - began
                    if waited_s >= _WORTH_TELLING_S:
                        timer.failure(f"no session yet after {waited_s:.1f} s, when the load ended")
                    raise
                except ConfigurationError as error:
                    # The leader's check passed, but a file or a library is missing on this worker's machine.
                    timer.failure(error)
            if self.client.is_connection_down():
                gevent.sleep(_CONNECT_PAUSE_S)
            if is_stopping(self):
                return

    def on_stop(self) -> None:
        """End the session."""
        self.client.stop()

    def _waits(self) -> tuple[float, float]:
        least = self.options.min_wait_s if self.min_wait is None else self.min_wait / 1000
        most = self.options.max_wait_s if self.max_wait is None else self.max_wait / 1000
        return least, max(least, most)


def _no_wait() -> float:
    return 0.0


def _client(options: Options, kind: str | type[LocustClient] | None, where: dict[str, Any]) -> LocustClient:
    if isinstance(kind, type):
        return kind(options=options, **where)
    name = kind or options.client
    if name in KINDS:
        return KINDS[name](options=options, **where)
    return LocustClient(options, client=name, **where)


def _connected_first(user: ZKLocust, on_start: Callable[[], None]) -> None:
    user.connect()
    on_start()


def _stopped_after(user: ZKLocust, on_stop: Callable[[], None]) -> None:
    try:
        on_stop()
    finally:
        user.client.stop()


# Locust asks for parameters right after it has imported the locustfile, which may only import ZKLocust.
session.register()
