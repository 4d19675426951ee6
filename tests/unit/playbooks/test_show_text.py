"""The lines that playbooks show: hosts have said some of them."""

from types import SimpleNamespace
from typing import Any

import pytest

from playbooks.action_plugins import show_text


def called(**arguments: Any) -> dict[str, Any]:
    """Call the action as a task does."""
    task = SimpleNamespace(args=arguments, async_val=0, action="show_text", check_mode=False, diff=False)
    action = show_text.ActionModule(
        task, SimpleNamespace(_shell=SimpleNamespace(tmpdir="")), SimpleNamespace(check_mode=False), None, None, None
    )
    answer: dict[str, Any] = action.run(task_vars={})
    return answer


LINES = ["load1: \x1b[2J\x1b]0;owned\x07", "", "größer\tas it is ✓", "forged\nline\r"]
SHOWN = ["load1: ?[2J?]0;owned?", "", "größer\tas it is ✓", "forged?line?"]


def test_what_a_terminal_would_obey_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(show_text, "Display", lambda: SimpleNamespace(display=shown.append))
    assert called(lines=LINES) == {"changed": False}
    assert shown == SHOWN


def test_nor_is_it_among_the_last_words() -> None:
    assert called(lines=LINES, last=True)["last_words"] == SHOWN
