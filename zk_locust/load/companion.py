"""What a task set needs beside its users. `session` makes companions and calls them."""

from typing import Any


class Companion:
    """The companion of one task set in one Locust process. A subclass replaces what it needs.

    `leads` says whether this process leads the load: it is the master, or the one process of a local Locust.
    """

    def __init__(self, environment: Any, task_set: type, *, leads: bool) -> None:
        self.environment = environment
        self.task_set = task_set
        self.leads = leads

    def check(self) -> None:
        """Raise ConfigurationError where the load cannot work with its parameters."""

    def on_test_start(self, **_: Any) -> None:
        """Act on the leading process, before users are sent anywhere and before the first stage begins."""

    def on_test_stopping(self, **_: Any) -> None:
        """Act on the leading process, before the stage ends."""

    def on_test_stop(self, **_: Any) -> None:
        """Act on the leading process when all users have ended."""

    def on_quitting(self, **_: Any) -> None:
        """Act on the leading process before it ends."""
