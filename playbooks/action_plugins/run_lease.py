"""Ask for the lease on a host; see whether the controller that holds it is still there."""

from __future__ import annotations

import getpass
import os
import socket
import time
from typing import Any

from fleet.controllers import identity, is_here, is_running
from fleet.host_modules.action import HostModuleAction


def is_abandoned(holder: dict[str, Any]) -> bool:
    """Whether the lease is that of a process of this very machine which has ended, and loads nothing any more."""
    controller = holder.get("controller") or {}
    return not holder.get("loading") and is_here(controller) and not is_running(controller)


def description(holder: dict[str, Any]) -> str:
    """Return who holds a host, for the screen."""
    until = f", until {holder['until']} at the latest" if holder.get("until") else ""
    return f"run {holder['run_id']} of {holder.get('owner') or 'somebody'} since {holder.get('since')}{until}"


def lasts_until(result: dict[str, Any], began: float, seconds: float) -> float:
    """Return until when a claim with this result holds the host at least, 0 if it does not.

    Counted from before the host was asked, by our own clock: the host's may be another.
    """
    return began + seconds if seconds and not result.get("failed") and not result.get("held_by") else 0.0


class ActionModule(HostModuleAction):
    """The action `run_lease`: the module's arguments, and `take` to take a lease away that loads nothing.

    Returns what the module does, and `held_by`: a line that says who holds the host, empty if nobody does. What was
    done for a run is in `claimed` or `released`, which name it. After a claim there is `lasts_until`, by the
    controller's clock in seconds since 1970: 0 if the host was not to be had.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host."""
        result: dict[str, Any] = super(HostModuleAction, self).run(tmp, task_vars)
        arguments = dict(self._task.args)
        take = str(arguments.pop("take", False)).lower() in ("true", "yes", "1")
        began = time.time()
        pid = os.getppid()  # a task runs in a child of ansible-playbook
        arguments |= {
            "owner": f"{getpass.getuser()}@{socket.gethostname()}",
            "controller": identity(pid),
        }
        result |= self._execute_module(module_name="run_lease", module_args=arguments, task_vars=task_vars)
        holder = result.get("holder")
        if holder and not holder.get("loading") and (take or is_abandoned(holder)):
            if arguments.get("action") == "claim":
                arguments["replaces"] = holder["run_id"]
                result |= self._execute_module(module_name="run_lease", module_args=arguments, task_vars=task_vars)
            else:
                result["holder"] = None
        result["held_by"] = description(result["holder"]) if result.get("holder") else ""
        if not result.get("failed") and not result["held_by"]:
            done = {"claim": "claimed", "release": "released"}.get(arguments.get("action", ""))
            result |= {done: arguments.get("run_id", "")} if done else {}
        if arguments.get("action") == "claim":
            seconds = 0.0 if self._task.check_mode else float(arguments["seconds"])
            result["lasts_until"] = lasts_until(result, began, seconds)
        return result
