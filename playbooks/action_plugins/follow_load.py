"""Follow the load: a line on the screen every few seconds, until it has ended."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from fleet.load_following import SilentHostError, follow_load
from fleet.task_arguments import call


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `follow_load`: its arguments and results are those of `fleet.load_following.follow_load`."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Follow the load to its end."""
        super().run(tmp, task_vars)
        ask = partial(self._low_level_execute_command, sudoable=True)
        return call(
            self, follow_load, ask, Display().display, (task_vars or {})["inventory_hostname"], failures=SilentHostError
        )
