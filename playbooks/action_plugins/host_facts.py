"""Gather the facts of a host that the roles use."""

from __future__ import annotations

from typing import Any

from fleet.host_modules.action import HostModuleAction


class ActionModule(HostModuleAction):
    """The action `host_facts`: the arguments and results of `ansible.builtin.setup`, and `machine_facts`."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host."""
        result: dict[str, Any] = super(HostModuleAction, self).run(tmp, task_vars)
        result |= self._execute_module(
            module_name="ansible.legacy.setup", module_args=dict(self._task.args), task_vars=task_vars
        )
        if result.get("ansible_facts", {}).get("ansible_python_version"):
            machine = self._execute_module(module_name="machine_facts", module_args={}, task_vars=task_vars)
            result["ansible_facts"] = machine.get("ansible_facts", {}) | result["ansible_facts"]
        return result
