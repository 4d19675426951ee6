"""Run the module `zookeeper_admin` on a host."""

from __future__ import annotations

from fleet.host_modules.action import HostModuleAction


class ActionModule(HostModuleAction):
    """The action `zookeeper_admin`: the module's arguments and results."""
