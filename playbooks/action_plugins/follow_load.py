"""Follow the load: a line on the screen every few seconds, until it has ended. Faults are done meanwhile."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from fleet.dispatch_conductor import DispatchConductor
from fleet.errors import FleetError
from fleet.fault_conductor import Conductor
from fleet.fault_task import become_of, conductor_of, dispatch_conductor_of
from fleet.load_following import SilentHostError, follow_load
from fleet.task_arguments import call


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `follow_load`: its arguments and results are those of `fleet.load_following.follow_load`.

    Besides, `faults` says what is done to the members, or that a dispatcher may ask for it, see `fleet.fault_task`.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Follow the load to its end."""
        super().run(tmp, task_vars)
        variables, show = task_vars or {}, Display().display
        faults: dict[str, Any] = self._task.args.pop("faults", None) or {}
        conductor: Conductor | DispatchConductor | None = None
        if faults.get("plan") or faults.get("dispatch"):
            begin = conductor_of if faults.get("plan") else dispatch_conductor_of
            become = become_of(context.CLIARGS, str(self._play_context.become_pass or ""))
            try:
                conductor = begin(faults, variables["hostvars"], show, become)
            except FleetError as error:
                return {"failed": True, "msg": str(error)}
        ask = partial(self._low_level_execute_command, sudoable=True)
        host = variables["inventory_hostname"]
        return call(self, follow_load, ask, show, host, conductor, failures=SilentHostError)
