"""The number of users while a load goes on, on the process that leads it.

Three things change it: the stages of `--user-stages`, a control program or a function of the locustfile
(`locust_extra.control`), and a LoadTestShape, which Locust drives itself. The first two begin with the measured stage,
when all users of the start are running. `events.csv` says of each change what made it.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

import gevent
from gevent.event import Event
from locust.runners import STATE_RUNNING, STATE_SPAWNING

from zk_locust.contract.events import (
    CONTROL_FAILED,
    CONTROL_FUNCTION,
    CONTROL_PROGRAM,
    LOAD_SHAPE,
    USER_STAGE_START,
    USERS_CHANGED,
)
from zk_locust.contract.options import Options
from zk_locust.contract.stage_names import MEASURED
from zk_locust.contract.user_stages import UserStage, length_s
from zk_locust.load.control_program import run_control_program
from zk_locust.load.controller import Controller
from zk_locust.load.locust_internals import add_once
from zk_locust.load.stages import happened, plan_of, stage_changed

_LEAST_RAMP_S: Final = 0.1  # left for a ramp after a step that is as long as its stage

logger = logging.getLogger(__name__)

Control = Callable[[Controller], object]

_functions: Final[list[Control]] = []
_told: Final[list[Control]] = []
_controls: "WeakKeyDictionary[Any, UserControl]" = WeakKeyDictionary()


def register_control(function: Control) -> None:
    """Have each load of this process run this function beside it."""
    if function not in _functions:
        _functions.append(function)


def registered_function() -> str:
    """Return the name of the first function that controls the loads of this process; empty without one."""
    return getattr(_functions[0], "__name__", repr(_functions[0])) if _functions else ""


def register_listener(function: Control) -> None:
    """Have this function called with the controller of each load before anything controls it."""
    _told.append(function)


class UserControl:
    """Changes the number of users of one environment's loads."""

    def __init__(self, environment: Any, runner: Any) -> None:
        self._environment = environment
        self._runner = runner
        self._all_started = Event()
        self._measuring = Event()
        self._greenlets: list[Any] = []
        self._changing: Any = None
        self._controlled_by = CONTROL_FUNCTION
        self._shaped_users: int | None = None
        self._stages: tuple[UserStage, ...] = ()
        _controls[environment] = self
        add_once(stage_changed, _on_stage)

    def on_test_start(self, **_: Any) -> None:
        """Prepare for a load, and start what controls it. Call it before the plan's listener."""
        self._all_started.clear()
        self._measuring.clear()
        self._shaped_users = None
        options = Options.of(self._environment.parsed_options)
        self._stages = options.user_stages
        if self._stages and (plan := plan_of(self._environment)) is not None:
            plan.limit_measured_stage(length_s(self._stages))
        self._controlled_by = CONTROL_PROGRAM if options.control_program else CONTROL_FUNCTION
        controller = Controller(self._runner, self._wait_until_measured, self._change)
        for function in _told:
            function(controller)
        if options.control_program:
            self._spawn(self._control, controller, lambda given: run_control_program(options.control_program, given))
        else:
            for function in _functions:
                self._spawn(self._control, controller, function)

    def on_spawning_complete(self, user_count: int, **_: Any) -> None:
        """Let what waits for all users of the start go on; note what a shape has changed."""
        self._all_started.set()
        if self._environment.shape_class is not None and user_count != self._shaped_users:
            self._shaped_users = user_count
            self._tell(USERS_CHANGED, LOAD_SHAPE, f"{user_count:,} users")

    def on_stage(self, stage: str, elapsed_s: float) -> None:
        """Begin the stages of users with the measured stage."""
        if stage != MEASURED or self._measuring.is_set():
            return
        self._measuring.set()
        if self._stages:
            self._spawn(self._follow, time.perf_counter() - elapsed_s)

    def on_test_stopping(self, **_: Any) -> None:
        """Change nothing from now on."""
        for greenlet in (*self._greenlets, self._changing):
            if greenlet is not None and greenlet is not gevent.getcurrent():
                greenlet.kill(block=False)
        self._greenlets.clear()
        self._changing = None

    def _spawn(self, function: Callable[..., object], *arguments: Any) -> None:
        self._greenlets.append(gevent.spawn(function, *arguments))

    def _wait_until_measured(self) -> None:
        self._measuring.wait()
        self._all_started.wait()

    def _control(self, controller: Controller, function: Control) -> None:
        try:
            function(controller)
        except Exception as error:
            logger.exception("What controls the users has failed; their number stays as it is")
            self._tell(CONTROL_FAILED, self._controlled_by, f"{type(error).__name__}: {error}")

    def _follow(self, began_s: float) -> None:
        rate = float(self._environment.parsed_options.spawn_rate or 1)
        for number, stage in enumerate(self._stages, 1):
            gevent.sleep(max(0.0, began_s - time.perf_counter()))
            self._tell(USER_STAGE_START, f"{number} of {len(self._stages)}", str(stage))
            changed_s = began_s
            if change := abs(stage.from_users - self._runner.target_user_count):
                self._begin(stage.from_users, rate)
                changed_s += change / rate
            began_s += stage.length_s
            if ramp := abs(stage.to_users - stage.from_users):
                gevent.sleep(max(0.0, changed_s - time.perf_counter()))
                self._begin(stage.to_users, ramp / max(began_s - changed_s, _LEAST_RAMP_S))

    def _change(self, users: int, rate: float | None) -> None:
        """Have so many users; `rate` start or stop a second, by default all within a second. Do not wait for them."""
        self._all_started.wait()
        before = int(self._runner.target_user_count)
        if users != before:
            rate = rate or float(abs(users - before))
            self._tell(USERS_CHANGED, self._controlled_by, f"from {before:,} to {users:,} users, {rate:g} a second")
            self._begin(users, rate)

    def _begin(self, users: int, rate: float) -> None:
        # Outside of a load, Locust would begin a new one.
        if self._runner.state not in (STATE_SPAWNING, STATE_RUNNING):
            return
        # Locust's master dispatches users in the caller's greenlet: never in two at once.
        if self._changing is not None:
            self._changing.kill()
        # Locust sets it too, but only when the greenlet runs: who asks at once must not hear the old number.
        self._runner.target_user_count = users
        self._changing = gevent.spawn(self._runner.start, users, rate)

    def _tell(self, event: str, subject: str, detail: str) -> None:
        happened.fire(environment=self._environment, event=event, subject=subject, detail=detail)


def _on_stage(environment: Any, stage: str, elapsed_s: float, **_: Any) -> None:
    control = _controls.get(environment)
    if control is not None:
        control.on_stage(stage, elapsed_s)
