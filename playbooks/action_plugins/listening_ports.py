"""Run the module `listening_ports` on a host."""

from __future__ import annotations

from fleet.host_modules.action import HostModuleAction


class ActionModule(HostModuleAction):
    """The action `listening_ports`: the module's arguments and results."""
