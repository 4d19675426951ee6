"""Take over the facts that another host of the inventory, which is the same machine, has told."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `take_facts`: `answer` is what `ansible.builtin.setup` gave there; none where it has none."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the facts as this host's."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec={"answer": {"type": "dict", "required": True}})
        return {"changed": False, "ansible_facts": dict(given["answer"].get("ansible_facts") or {})}
