"""Run the module `host_probe` on a host."""

from __future__ import annotations

from fleet.host_modules.action import HostModuleAction


class ActionModule(HostModuleAction):
    """The action `host_probe`: the module's arguments and results."""
