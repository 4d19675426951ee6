"""Run a module of ours on a host. Each module's action is a link to this file; its name says which module."""

from __future__ import annotations

from fleet.host_modules.action import HostModuleAction


class ActionModule(HostModuleAction):
    """The action of a module of ours: the module's arguments and results."""
