"""The action that runs a module of ours on a host."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader

from fleet.host_modules import program


def interpreter_in(variables: Mapping[str, Any]) -> str:
    """Return the Python of a host: as given, or as Ansible has discovered it; empty where neither is known yet."""
    given = str(variables.get("ansible_python_interpreter") or "auto")
    if not given.startswith("auto"):
        return given
    return str((variables.get("ansible_facts") or {}).get("discovered_interpreter_python") or "")


def command_of(interpreter: str) -> str:
    """Return what the host's shell is told to run a program from standard input with.

    Python is isolated: else it would look for modules first in the current folder, the home of the user who logs in.
    """
    return f"{shlex.quote(interpreter)} -I -"


class HostModuleAction(ActionBase):  # type: ignore[misc]
    """Runs the module of the task's name, with the task's arguments."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result | self._execute_module(task_vars=task_vars)

    def _execute_module(
        self,
        module_name: str | None = None,
        module_args: dict[str, Any] | None = None,
        *others: Any,
        task_vars: dict[str, Any] | None = None,
        **named: Any,
    ) -> dict[str, Any]:
        name = module_name or self._task.action
        path, interpreter = self._module_of_ours(name), self._interpreter(task_vars or {})
        if path is None or not interpreter or others or named:
            found: dict[str, Any] = super()._execute_module(
                module_name, module_args, *others, task_vars=task_vars, **named
            )
            return found
        text = program.program(
            path,
            self._task.args if module_args is None else module_args,
            check_mode=bool(self._task.check_mode),
            diff=bool(self._task.diff),
        )
        words = [self._compute_environment_string(), command_of(interpreter)]
        answer = self._low_level_execute_command(
            " ".join(word for word in words if word), sudoable=True, in_data=text.encode()
        )
        return program.result_of(answer, name)

    @staticmethod
    def _module_of_ours(name: str) -> Path | None:
        """Return the module's file, or None where it needs more of Ansible than the runtime has."""
        found = module_loader.find_plugin(name, mod_type=".py")
        return Path(found) if found is not None and program.utilities_of(Path(found)) is not None else None

    def _interpreter(self, task_vars: dict[str, Any]) -> str:
        """Return what runs Python programs on the host, empty where Ansible has to find the way itself."""
        is_plain = not self._task.delegate_to and not self._task.async_val
        if not is_plain or not self._connection.is_pipelining_enabled():
            return ""
        names = ("ansible_python_interpreter", "ansible_facts")
        found = interpreter_in(self._templar.template({name: task_vars[name] for name in names if name in task_vars}))
        return "" if re.search(r"\s", found) else found  # such as `/usr/bin/env python3`
