"""Checks what says how many users run over time: stages, a control program or function, or a LoadTestShape."""

from typing import Any, Final

from locust import LoadTestShape

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.options import Options
from zk_locust.contract.parameters import parameter_of
from zk_locust.contract.user_stages import too_slow
from zk_locust.load.user_control import registered_function

_MOST_SHOWN: Final = 60


def check_users_over_time(environment: Any) -> None:
    """Raise ConfigurationError where two settings would change the number of users, or a step takes too long."""
    parsed_options = environment.parsed_options
    options = Options.of(parsed_options)
    changing = _what_changes_users(environment, options)
    if len(changing) > 1:
        raise ConfigurationError(
            *changing[0], f"{_words(*changing[1])} changes the number of users too", "leave out one of them"
        )
    if changing and options.arrival is not None:
        raise ConfigurationError(
            *changing[0], "the sessions of an open loop stay the same", "leave out this, or the arrival rate"
        )
    if problem := too_slow(options.user_stages, float(getattr(parsed_options, "spawn_rate", None) or 1)):
        raise ConfigurationError(*changing[0], problem, "raise --spawn-rate, or write a ramp (from, to)")


def take_users_of_stages(environment: Any, *, page: bool) -> None:
    """Have a load with stages of users start with those of the first one.

    Raises ConfigurationError where `--users` says something else; on Locust's page it is only what its form shows.
    """
    options = environment.parsed_options
    stages = Options.of(options).user_stages
    if not stages:
        return
    first, users = stages[0].from_users, getattr(options, "num_users", None)
    if users is not None and users != first and not page:
        raise ConfigurationError("--users", users, f"--user-stages begins with {first} users", "leave out --users")
    options.num_users = first


def _what_changes_users(environment: Any, options: Options) -> list[tuple[str, str]]:
    """Return the setting and the value of each."""
    given = [
        (flag, short_value(environment.parsed_options, flag))
        for flag, value in (("--user-stages", options.user_stages), ("--control-program", options.control_program))
        if value
    ]
    # Locust names it a class, but it is a shape.
    if isinstance(shape := getattr(environment, "shape_class", None), LoadTestShape):
        given.append(("LoadTestShape", type(shape).__name__))
    # A control program goes before a function.
    if (function := registered_function()) and not options.control_program:
        given.append(("register_controller", function))
    return given


def _words(setting: str, value: str) -> str:
    return setting if setting.startswith("--") else f"{setting} [{value}]"


def short_value(parsed_options: Any, flag: str) -> str:
    """Return the value of a flag in one line, for a message."""
    text = " ".join(str(getattr(parsed_options, parameter_of(flag).destination, "")).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
