"""Run the module `write_files` on a host."""

from __future__ import annotations

from fleet.host_modules.action import HostModuleAction


class ActionModule(HostModuleAction):
    """The action `write_files`: the module's arguments and results."""
