"""The locustfile's own parameters: `--bench-NAME VALUE`, which becomes `ZK_LOCUST_BENCH_NAME` on every process.

They are not validated. The master's values reach the workers as a test starts, so a locustfile must read them when a
user is made, not when it is imported.
"""

import os
from collections.abc import Sequence
from typing import Any, Final

from zk_locust.contract.parameters import find, parameter_of
from zk_locust.load.locust_internals import configured, in_locusts_command_line

_ADOPTED: Final = ("bench-", "zk-dispatch-program")


def bench_parameter(name: str, default: str | None = None) -> str | None:
    """Return the value of `--bench-NAME` as text, or the default. Raises KeyError for what can be no name."""
    return os.environ.get(parameter_of(f"bench-{name}").environment, default)


def adopt_flags(words: Sequence[str]) -> None:
    """Put the command line's `--bench-NAME VALUE` into the environment, where a locustfile reads it at its import.

    Those of 2019 look for the program of a dispatcher (`--zk-dispatch-program`) there too.

    Locust's configuration files come last. In another program, `--config` is that program's own: no file is read.
    """
    for name, text in configured(words).items() if in_locusts_command_line() else ():
        parameter = find(name) if name.startswith(_ADOPTED) else None
        if parameter is not None:
            os.environ.setdefault(parameter.environment, text)
    for position, word in enumerate(words):
        flag, equals, value = word.partition("=")
        parameter = find(flag) if flag.removeprefix("--").startswith(_ADOPTED) else None
        if parameter is not None and (equals or position + 1 < len(words)):
            os.environ[parameter.environment] = value if equals else words[position + 1]


def export_bench_parameters(environment: Any, **_: Any) -> None:
    """Copy the options into the environment variables."""
    for destination, value in dict(vars(environment.parsed_options or object)).items():
        parameter = find(destination) if destination.startswith("bench_") else None
        if parameter is not None and value is not None and value != "":
            text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
            os.environ[parameter.environment] = text
