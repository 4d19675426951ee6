"""Bring a file of a host to the controller: as `ansible.builtin.fetch` does, without asking about it first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `bring_file`: `src` on the host, `dest` here. No checksum: the file itself must show if it is cut off.

    Where another user must read it than the one who logs in, `ansible.builtin.fetch` brings it.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Bring the file."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            argument_spec={"src": {"type": "str", "required": True}, "dest": {"type": "path", "required": True}}
        )
        if self._connection.become:
            return result | self._fetch(given, task_vars)
        try:
            self._connection.fetch_file(given["src"], given["dest"])
        except AnsibleConnectionFailure:
            raise
        except (AnsibleError, OSError) as error:
            Path(given["dest"]).unlink(missing_ok=True)
            raise AnsibleActionFail(f"{given['src']} could not be fetched: {error}") from error
        return result | {"changed": True, "dest": given["dest"]}

    def _fetch(self, given: dict[str, str], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        task = self._task.copy()
        task.args = {"src": given["src"], "dest": given["dest"], "flat": True}
        action = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.fetch",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        found: dict[str, Any] = action.run(task_vars=task_vars)
        return found
