"""Runs dispatchers beside each load, on the process that leads it.

Each call of `register_dispatcher` has one run, in the order of 2019: a dispatcher of its own, a function, the program
of `--zk-dispatch-program`, chance. Without a call, only a program is run.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

import gevent
import locust
from gevent.event import Event
from locust.runners import WorkerRunner

from zk_dispatch.dispatchers import (
    AbstractDispatcher,
    FunctionDispatcher,
    Load,
    ProgrammedDispatcher,
    RandomDispatcher,
)
from zk_dispatch.members import OBSERVER, EnsembleMember, members_to_ask
from zk_dispatch.settings import PROGRAM, check, controller_of, value_of
from zk_locust.contract.dispatch_program import parse_dispatch_program
from zk_locust.contract.dispatch_settings import parse_pauses
from zk_locust.contract.events import DISPATCH_FAILED
from zk_locust.contract.stage_names import MEASURED
from zk_locust.load import session, settings_check
from zk_locust.load.locust_internals import add_once, put_first
from zk_locust.load.stages import happened, load_ended, stage_changed

_KILL_LIMIT_S: Final = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """What a call of `register_dispatcher` asks for; nothing for a program, or chance."""

    dispatcher: Any = None
    fn: Callable[..., object] | None = None

    @property
    def is_for_program(self) -> bool:
        """Whether it leaves to the parameters what is run."""
        return self.dispatcher is None and self.fn is None


_registrations: Final[list[Registration]] = []
_started: "WeakSet[Any]" = WeakSet()


def register_dispatcher(*, dispatcher: Any = None, fn: Callable[..., object] | None = None) -> None:
    """Run a dispatcher beside each load that this process leads.

    A `dispatcher` has `run(hosts_and_ports, quorum_size)`. `fn` is called with the keyword arguments `controller`,
    `hosts_and_ports`, `quorum_size` and `members`. Without either, the program of `--zk-dispatch-program` is run;
    without a program, members are disabled and enabled at random.
    """
    session.register()
    if (registration := Registration(dispatcher, fn)) not in _registrations:
        _registrations.append(registration)
    add_once(locust.events.init, start)


def start(environment: Any, runner: Any, web_ui: Any = None, **_: Any) -> None:
    """Check what is registered, and have it run beside each load: once for each environment, on the leading process."""
    if runner is None or isinstance(runner, WorkerRunner) or environment in _started:
        return
    _started.add(environment)
    dispatching = Dispatching(environment)
    if web_ui is None:
        settings_check.with_refusal(runner, dispatching.check)
    events = environment.events
    put_first(
        events.test_start,
        *([dispatching.refuse] if web_ui is not None else []),
        dispatching.on_test_start,
    )
    events.spawning_complete.add_listener(dispatching.on_spawning_complete)
    stage_changed.add_listener(dispatching.on_stage)
    put_first(events.test_stopping, dispatching.on_test_stopping)
    load_ended.add_listener(dispatching.on_load_ended)  # before the load's nodes are removed, which needs the members
    events.quit.add_listener(dispatching.on_end)  # a signal ends no test


class Dispatching:
    """The dispatchers of one environment's loads."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._all_started = Event()
        self._measuring = Event()
        self._greenlets: list[Any] = []
        self._dispatchers: list[AbstractDispatcher] = []

    def check(self) -> None:
        """Raise ConfigurationError for what could not work, before any user is started."""
        options = self._environment.parsed_options
        check(options, self._chosen())
        if value_of(options, PROGRAM) and any(not each.is_for_program for each in _registrations):
            logger.warning("%s is not run: the locustfile registers a dispatcher or function of its own", PROGRAM)

    def refuse(self, environment: Any = None, **_: Any) -> None:
        """Refuse a test on Locust's page that could not work."""
        if environment is self._environment:
            settings_check.refuse_test(self.check)

    def on_test_start(self, environment: Any = None, **_: Any) -> None:
        """Begin to dispatch; what changes members waits for the measured stage."""
        if environment is not self._environment:  # a program may have several that share `locust.events`
            return
        self._all_started.clear()
        self._measuring.clear()
        self._dispatchers = []
        options = self._environment.parsed_options
        limit_s = float(value_of(options, "--zk-admin-ping-timeout")) / 1000
        members = {each.host_and_port: each for each in members_to_ask(options, limit_s)}

        def make_member(host_and_port: str) -> EnsembleMember:
            return members.get(host_and_port) or EnsembleMember(host_and_port, limit_s=limit_s)

        pauses = parse_pauses(value_of(options, "--zk-dispatch-config"))
        load = Load(self._wait_until_measured, self._record_event, pauses, make_member)
        controller = controller_of(options, pauses.script_limit_ms / 1000)
        for dispatcher in self._chosen():
            if isinstance(dispatcher, AbstractDispatcher):
                dispatcher.join(load, controller)
                self._dispatchers.append(dispatcher)
            self._greenlets.append(gevent.spawn(self._run, dispatcher, list(members.values())))

    def on_spawning_complete(self, **_: Any) -> None:
        """All users of the start are running."""
        self._all_started.set()

    def on_stage(self, environment: Any, stage: str, **_: Any) -> None:
        """Members may be disabled from the measured stage on."""
        if environment is self._environment and stage == MEASURED:
            self._measuring.set()

    def on_test_stopping(self, environment: Any = None, **_: Any) -> None:
        """Disable nothing from now on."""
        if environment is not self._environment:
            return
        for greenlet in self._greenlets:
            if greenlet is not gevent.getcurrent():
                greenlet.kill(block=True, timeout=_KILL_LIMIT_S)
        self._greenlets.clear()

    def on_load_ended(self, environment: Any, **_: Any) -> None:
        """All users have ended."""
        if environment is self._environment:
            self.on_end()

    def on_end(self, **_: Any) -> None:
        """Enable what is still disabled."""
        self.on_test_stopping(self._environment)
        for dispatcher in self._dispatchers:
            try:
                dispatcher.restore()
            except Exception as error:  # of one dispatcher: the others are ended too
                logger.exception("A dispatcher does not enable its members after the load")
                self._record_event(DISPATCH_FAILED, "dispatcher", f"{type(error).__name__}: {error}")

    def _chosen(self) -> list[Any]:
        """Return the dispatchers that are registered, or that of the program."""
        program = value_of(self._environment.parsed_options, PROGRAM)
        found: list[Any] = []
        for registration in _registrations or ([Registration()] if program else []):
            if registration.dispatcher is not None:
                found.append(registration.dispatcher)
            elif registration.fn is not None:
                found.append(FunctionDispatcher(fn=registration.fn))
            elif program:
                found.append(ProgrammedDispatcher(program=parse_dispatch_program(program)))
            else:
                found.append(RandomDispatcher())
        return found

    def _run(self, dispatcher: Any, members: list[EnsembleMember]) -> None:
        try:
            gevent.joinall([gevent.spawn(member.ping) for member in members])
            voters = [member for member in members if member.state != OBSERVER]
            hosts_and_ports = [member.host_and_port for member in members]
            dispatcher.run(hosts_and_ports, len(voters) // 2 + 1)
        except Exception as error:
            logger.exception("The dispatcher has failed; the load goes on")
            self._record_event(DISPATCH_FAILED, "dispatcher", f"{type(error).__name__}: {error}")

    def _wait_until_measured(self) -> None:
        self._measuring.wait()
        self._all_started.wait()

    def _record_event(self, event: str, subject: str, detail: str) -> None:
        happened.fire(environment=self._environment, event=event, subject=subject, detail=detail)
