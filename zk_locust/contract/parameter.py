"""One parameter: its names, its value, and how it becomes a flag of Locust's command line."""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zk_locust.contract.parameter_values import SafeValueError
from zk_locust.contract.secrets import REDACTED

Value = str | int | float | bool | None


class RefusedValueError(ValueError):
    """A text that is not a value of its parameter. Neither the message nor `reason`, which is without the text, shows
    a secret.
    """

    def __init__(self, text: str, error: ValueError, *, secret: bool) -> None:
        if secret and not isinstance(error, SafeValueError):
            error = SafeValueError("cannot be used")
        self.reason = str(error).removeprefix(f"[{text}] ")
        super().__init__(f"the value {REDACTED} {self.reason}" if secret else str(error))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `convert` turns text into the value, or raises ValueError with a remedy."""

    flag: str
    environment: str
    convert: Callable[[str], Value]
    default: Value
    help: str
    section: str
    metavar: str = "TEXT"
    secret: bool = False
    switch: bool = False
    in_form: bool = True  # whether the form of Locust's page may change it
    writes: bool = False  # whether it names a file that the load writes
    older_environment: str = ""  # a name of 2019 for the environment variable

    @property
    def fixed(self) -> bool:
        """Whether the command line's value stands, whatever is sent to Locust's page."""
        return self.secret or self.writes or not self.in_form  # the page must not say where files are written

    @property
    def name(self) -> str:
        """The flag's name without dashes before it: what a scenario's `parameters` say."""
        return self.flag.removeprefix("--")

    @property
    def destination(self) -> str:
        """The attribute of Locust's parsed options that holds the value."""
        return self.name.replace("-", "_")

    def variable_in(self, environment: Mapping[str, str]) -> str:
        """Return the name of the environment variable that counts: the older one where only that is set."""
        older = self.older_environment
        return older if older and not environment.get(self.environment) and environment.get(older) else self.environment

    def value_of(self, text: str, check: Callable[[str], Value] | None = None) -> Value:
        """Return the value of a text; `check` converts it in place of `convert`. Raises RefusedValueError."""
        try:
            return (check or self.convert)(text)
        except ValueError as error:
            raise RefusedValueError(text, error, secret=self.secret) from None

    def with_unit(self, value: Value) -> Value:
        """Return a time as text with its unit, as the parameter also takes it; any other value as it is."""
        unit = {"MS": "ms", "SECONDS": "s"}.get(self.metavar)
        return f"{value:.10g}{unit}" if unit and isinstance(value, (int, float)) else value

    def add_to(self, parser: argparse.ArgumentParser, check: Callable[[str], Value] | None = None) -> None:
        """Add this parameter to Locust's parser; `check` is that of `value_of`."""

        def convert(text: str) -> Value:
            try:
                return self.value_of(text, check)
            except RefusedValueError as error:
                raise argparse.ArgumentTypeError(str(error)) from None

        options: dict[str, Any] = {
            "dest": self.destination,
            "env_var": self.variable_in(os.environ),
            "default": self.default,
            "help": self.help.replace("%", "%%"),
            # Locust writes the default of a secret into its page's HTML, masked or not.
            "include_in_web_ui": not self.fixed,
            "is_secret": self.secret,
        }
        if self.switch:
            parser.add_argument(self.flag, action="store_true", **options)
        else:
            parser.add_argument(self.flag, type=convert, metavar=self.metavar, **options)
