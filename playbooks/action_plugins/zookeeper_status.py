"""Run the module `zookeeper_status` on a host."""

from __future__ import annotations

from fleet.host_modules.action import HostModuleAction


class ActionModule(HostModuleAction):
    """The action `zookeeper_status`: the module's arguments and results."""
