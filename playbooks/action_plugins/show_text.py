"""Show lines of text on the screen, without what a terminal would obey."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from zk_locust.contract.plain_text import for_screen


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `show_text`: `lines` is a list of strings; nothing is changed.

    With `last` they are shown after all else that this `ansible-playbook` prints (see the callback `last_words`).
    """

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print `lines`."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "lines": {"type": "list", "elements": "str", "required": True},
                "last": {"type": "bool", "default": False},
            }
        )
        lines = list(map(for_screen, arguments["lines"]))
        if arguments["last"]:
            return {"changed": False, "last_words": lines}
        display = Display()
        for line in lines:
            display.display(line)
        return {"changed": False}
