"""Ask for the lease on a host; see whether the controller that holds it is still there."""

from __future__ import annotations

import time
from typing import Any

from fleet.held_hosts import answered, asking, is_abandoned
from fleet.host_modules.action import HostModuleAction
from zk_locust.contract.run_files import load_lock
from zk_locust.contract.truth import is_true


class ActionModule(HostModuleAction):
    """The action `run_lease`: the module's arguments, and two more.

    `take` takes a lease away from a run that loads nothing; `load_state_dir` is a load host's `load_host_state_dir`.
    Returns what the module does, and what `fleet.held_hosts.answered` says. In check mode it only looks.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host."""
        result: dict[str, Any] = super(HostModuleAction, self).run(tmp, task_vars)
        arguments = dict(self._task.args) | asking()
        if "load_state_dir" in arguments:
            arguments["lock"] = load_lock(arguments.pop("load_state_dir"))
        take = is_true(arguments.pop("take", False))
        action = "show" if self._task.check_mode else arguments.get("action", "show")
        # Counted from before the host is asked, by our own clock: the host's may be another.
        ends = time.time() + float(arguments.get("seconds", 0))
        for _ in range(2):
            result |= self._execute_module(module_name="run_lease", module_args=arguments, task_vars=task_vars)
            holder = result.get("holder")
            if not holder or holder.get("loading") or not (take or is_abandoned(holder)):
                break
            if action != "claim":
                result["holder"] = None
                break
            arguments["replaces"] = holder["run_id"]
        return result | answered(result, action, arguments.get("run_id", ""), ends)
