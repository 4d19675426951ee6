"""Show what a user is to see last, such as a run's result, below Ansible's own recap."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display

DOCUMENTATION = """
name: last_words
type: aggregate
short_description: Shows the lines of show_text with last=true at the very end
description: Collects them while the playbook runs, and shows them after the recap.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Collects last words, and says them."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "last_words"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def v2_runner_on_ok(self, result: Any) -> None:
        """Take the last words of a task."""
        if isinstance(result._result, dict):
            self._lines += result._result.get("last_words", [])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Say them."""
        del stats
        for line in self._lines:
            Display().display(line)
        self._lines = []
