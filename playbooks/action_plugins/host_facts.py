"""Gather the facts of a host that the roles use."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from fleet import machine_facts


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `host_facts`: the arguments and results of `ansible.builtin.setup`, with processors and memory.

    `told` is the result for another host of the inventory on the same machine: then no host is asked.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if "told" in arguments:
            return {"changed": False, "ansible_facts": dict(arguments["told"].get("ansible_facts") or {})}
        result |= self._execute_module(module_name="ansible.legacy.setup", module_args=arguments, task_vars=task_vars)
        if result.get("ansible_facts", {}).get("ansible_python_version"):
            answer = self._low_level_execute_command(machine_facts.COMMAND, sudoable=True)
            result["ansible_facts"] = machine_facts.parse(str(answer["stdout"])) | result["ansible_facts"]
        return result
