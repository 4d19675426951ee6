"""What the parameters say of dispatchers: what disables members for them, and what could not work."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from zk_dispatch.controllers import AbstractController, RunController, ShellScriptController
from zk_dispatch.dispatchers import AbstractDispatcher, ProgrammedDispatcher, RandomDispatcher
from zk_locust.contract.dispatch_program import place_problems
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.options import Options
from zk_locust.contract.parameters import parameter_of
from zk_locust.load.users_check import short_value

PROGRAM: Final = "--zk-dispatch-program"
_REQUESTS: Final = "--zk-dispatch-requests"
_SCRIPTS: Final = ("--zk-dispatch-disable-script", "--zk-dispatch-enable-script")
_LEAST_FOR_CHANCE: Final = 3


def value_of(options: Any, flag: str) -> Any:
    """Return what the options say for a flag, its default where they say nothing."""
    parameter = parameter_of(flag)
    return getattr(options, parameter.destination, None) or parameter.default


def controller_of(options: Any, script_limit_s: float) -> AbstractController:
    """Return what disables and enables members for dispatchers without a controller of their own."""
    if requests := value_of(options, _REQUESTS):
        return RunController(Path(requests))
    disable, enable = (value_of(options, flag) for flag in _SCRIPTS)
    return ShellScriptController(disable, enable, script_limit_s)


def check(options: Any, dispatchers: Iterable[Any]) -> None:
    """Raise ConfigurationError where one of these dispatchers could not work with the options."""
    members = len(Options.of(options).client_settings().connect_string().members)
    for dispatcher in dispatchers:
        if isinstance(dispatcher, ProgrammedDispatcher) and (
            problem := next(place_problems(dispatcher.program, members), "")
        ):
            wrong, _, remedy = problem.partition("; ")
            raise ConfigurationError(PROGRAM, short_value(options, PROGRAM), wrong, remedy)
        if type(dispatcher) is RandomDispatcher and members < _LEAST_FOR_CHANCE:
            raise ConfigurationError(
                "register_dispatcher", "at random", f"of {members} members, none may be missing",
                f"give {PROGRAM}, a function, or three members",
            )  # fmt: skip
        _check_scripts(options, dispatcher)


def _check_scripts(options: Any, dispatcher: Any) -> None:
    """Raise ConfigurationError where scripts are needed and not there."""
    is_ours = isinstance(dispatcher, AbstractDispatcher) and not dispatcher.has_own_controller
    controller = controller_of(options, 1.0)
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
