"""Runs dispatchers beside each load, on the process that leads it.

Each call of `register_dispatcher` has one run, in the order of 2019: a dispatcher of its own, a function, the program
of `--zk-dispatch-program`, chance. Without a call, only a program is run.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

import gevent
import locust
from gevent.event import Event
from locust.runners import WorkerRunner

from zk_dispatch.controllers import AbstractController, RunController, ShellScriptController
from zk_dispatch.dispatchers import (
    AbstractDispatcher,
    FunctionDispatcher,
    Load,
    ProgrammedDispatcher,
    RandomDispatcher,
)
from zk_dispatch.members import OBSERVER, EnsembleMember, members_to_ask
from zk_locust.contract.dispatch_program import parse_dispatch_program, place_problems
from zk_locust.contract.dispatch_settings import parse_pauses
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.events import DISPATCH_FAILED
from zk_locust.contract.options import Options
from zk_locust.contract.parameters import parameter_of
from zk_locust.contract.stage_names import MEASURED
from zk_locust.load import session, settings_check
from zk_locust.load.locust_internals import add_once, put_first
from zk_locust.load.stages import happened, load_ended, stage_changed
from zk_locust.load.users_check import short_value

_PROGRAM: Final = "--zk-dispatch-program"
_SCRIPTS: Final = ("--zk-dispatch-disable-script", "--zk-dispatch-enable-script")
_LEAST_FOR_CHANCE: Final = 3
_KILL_LIMIT_S: Final = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a call of `register_dispatcher` asks for; nothing for a program, or chance."""

    dispatcher: Any = None
    fn: Callable[..., object] | None = None


_wishes: Final[list[Wish]] = []
_started: "WeakSet[Any]" = WeakSet()


def register_dispatcher(*, dispatcher: Any = None, fn: Callable[..., object] | None = None) -> None:
    """Run a dispatcher beside each load that this process leads.

    A `dispatcher` has `run(hosts_and_ports, quorum_size)`. `fn` is called with the keyword arguments `controller`,
    `hosts_and_ports`, `quorum_size` and `members`. Without either, the program of `--zk-dispatch-program` is run;
    without a program, members are disabled and enabled at random.
    """
    session.register()
    if (wish := Wish(dispatcher, fn)) not in _wishes:
        _wishes.append(wish)
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
        members = len(Options.of(options).client_settings().connect_string().members)
        for dispatcher in self._chosen():
            if isinstance(dispatcher, ProgrammedDispatcher) and (
                problem := next(place_problems(dispatcher.program, members), "")
            ):
                wrong, _, remedy = problem.partition("; ")
                raise ConfigurationError(_PROGRAM, short_value(options, _PROGRAM), wrong, remedy)
            if type(dispatcher) is RandomDispatcher and members < _LEAST_FOR_CHANCE:
                raise ConfigurationError(
                    "register_dispatcher", "at random", f"of {members} members, none may be missing",
                    f"give {_PROGRAM}, a function, or three members",
                )  # fmt: skip
            self._check_scripts(dispatcher)
        if any(wish.dispatcher is not None or wish.fn is not None for wish in _wishes) and _value(options, _PROGRAM):
            logger.warning("%s is not run: the locustfile registers a dispatcher or function of its own", _PROGRAM)

    def refuse(self, environment: Any = None, **_: Any) -> None:
        """Start no test on Locust's page that could not work."""
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
        limit_s = float(_value(options, "--zk-admin-ping-timeout")) / 1000
        members = {each.host_and_port: each for each in members_to_ask(options, limit_s)}

        def make_member(host_and_port: str) -> EnsembleMember:
            return members.get(host_and_port) or EnsembleMember(host_and_port, limit_s=limit_s)

        pauses = parse_pauses(_value(options, "--zk-dispatch-config"))
        load = Load(self._wait_until_measured, self._tell, pauses, make_member)
        controller = self._controller(pauses.script_limit_ms / 1000)
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
                self._tell(DISPATCH_FAILED, "dispatcher", f"{type(error).__name__}: {error}")

    def _chosen(self) -> list[Any]:
        """Return the dispatchers of the registered wishes, or that of the program."""
        program = _value(self._environment.parsed_options, _PROGRAM)
        found: list[Any] = []
        for wish in _wishes or ([Wish()] if program else []):
            if wish.dispatcher is not None:
                found.append(wish.dispatcher)
            elif wish.fn is not None:
                found.append(FunctionDispatcher(fn=wish.fn))
            elif program:
                found.append(ProgrammedDispatcher(program=parse_dispatch_program(program)))
            else:
                found.append(RandomDispatcher())
        return found

    def _controller(self, script_limit_s: float) -> AbstractController:
        options = self._environment.parsed_options
        if requests := _value(options, "--zk-dispatch-requests"):
            return RunController(Path(requests))
        disable, enable = (_value(options, flag) for flag in _SCRIPTS)
        return ShellScriptController(disable, enable, script_limit_s)

    def _check_scripts(self, dispatcher: Any) -> None:
        """Raise ConfigurationError where scripts are needed and not there."""
        is_ours = isinstance(dispatcher, AbstractDispatcher) and not dispatcher.has_own_controller
        controller = self._controller(1.0)
        if not is_ours or not isinstance(controller, ShellScriptController):
            return
        needed: tuple[str, ...] = _SCRIPTS
        if isinstance(dispatcher, ProgrammedDispatcher):
            # What is disabled is enabled when the load ends at the latest.
            does = {each.name.partition("_")[0] for each in dispatcher.program}
            needed = _SCRIPTS if "disable" in does else _SCRIPTS[1:] if "enable" in does else ()
        missing = [flag for flag in needed if parameter_of(flag).environment in controller.missing()]
        if missing:
            names = " and ".join(parameter_of(flag).environment for flag in missing)
            raise ConfigurationError(
                missing[0], "", f"a dispatcher runs the shell scripts of {names}, which are not set",
                "set them; in a run of the playbooks, write dispatch: true in the scenario instead",
            )  # fmt: skip

    def _run(self, dispatcher: Any, members: list[EnsembleMember]) -> None:
        try:
            gevent.joinall([gevent.spawn(member.ping) for member in members])
            voters = [member for member in members if member.state != OBSERVER]
            hosts_and_ports = [member.host_and_port for member in members]
            dispatcher.run(hosts_and_ports, len(voters) // 2 + 1)
        except Exception as error:
            logger.exception("The dispatcher has failed; the load goes on")
            self._tell(DISPATCH_FAILED, "dispatcher", f"{type(error).__name__}: {error}")

    def _wait_until_measured(self) -> None:
        self._measuring.wait()
        self._all_started.wait()

    def _tell(self, event: str, subject: str, detail: str) -> None:
        happened.fire(environment=self._environment, event=event, subject=subject, detail=detail)


def _value(options: Any, flag: str) -> Any:
    parameter = parameter_of(flag)
    return getattr(options, parameter.destination, None) or parameter.default
