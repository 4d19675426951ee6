"""Measure how far a host's clock is from the controller's."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

from fleet.clock_offset import COMMAND, clock_offset


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `clock_offset`: no arguments; its results are those of `fleet.clock_offset.clock_offset`."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host, without its becoming anybody: that takes time on one side of the answer only."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._connection.exec_command(COMMAND)  # opens the connection
        return result | {"changed": False} | clock_offset(self._ask, time.time)

    def _ask(self) -> str:
        code, output, _ = self._connection.exec_command(COMMAND)
        return output.decode(errors="replace") if code == 0 else ""
