"""Bring a file of a host to the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from fleet.bounded_fetch import FetchError, bring_file
from fleet.task_arguments import call


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `bring_file`: its arguments and results are those of `fleet.bounded_fetch.bring_file`."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Bring the file."""
        super().run(tmp, task_vars)
        return call(self, bring_file, self._ask, failures=FetchError)

    def _ask(self, text: str) -> Mapping[str, Any]:
        # With something to read there is no terminal; without pipelining, sudo may ask for one.
        in_data = b"\n" if self._connection.is_pipelining_enabled() else None
        answer: dict[str, Any] = self._low_level_execute_command(text, sudoable=True, in_data=in_data)
        return answer
