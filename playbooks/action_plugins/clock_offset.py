"""Measure how far a host's clock is from the controller's, by Cristian's method (1989).

The host is asked for its time over the open connection; the answer was made somewhere between our question and its
arrival, so the offset is known to within half of that time. The quickest of several questions counts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible.plugins.action import ActionBase

_QUESTIONS = 4
_COMMAND = "date -u +%s.%N"


@dataclass(frozen=True)
class Answer:
    """One answer: our clock before and after, and the host's, seconds since 1970."""

    before: float
    after: float
    host: float

    @property
    def error_s(self) -> float:
        """How far the offset may be from the truth, seconds."""
        return (self.after - self.before) / 2

    @property
    def offset_s(self) -> float:
        """The host's clock minus ours, seconds."""
        return self.host - (self.before + self.after) / 2


def parse(text: str) -> float | None:
    """Return the seconds in the answer of `date`; None where there are none. Not every `date` knows nanoseconds."""
    match = re.search(r"(\d{9,})(?:\.(\d+))?", text)
    return float(f"{match[1]}.{match[2] or '5'}") if match else None


def measure(ask: Callable[[], str], clock: Callable[[], float], questions: int = _QUESTIONS) -> Answer | None:
    """Return the quickest answer, or None where the host does not say its time."""
    answers = []
    for _ in range(questions):
        before = clock()
        text = ask()
        after = clock()
        host = parse(text)
        if host is not None:
            answers.append(Answer(before, after, host))
    return min(answers, key=lambda answer: answer.error_s, default=None)


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action `clock_offset`: no arguments; returns `offset_ms` and `error_ms`, null if the host says no time."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host, without its becoming anybody: that takes time on one side of the answer only."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._connection.exec_command(_COMMAND)  # opens the connection
        answer = measure(self._ask, time.time)
        result |= {"changed": False, "offset_ms": None, "error_ms": None}
        if answer is not None:
            result |= {"offset_ms": round(answer.offset_s * 1000, 2), "error_ms": round(answer.error_s * 1000, 2)}
        return result

    def _ask(self) -> str:
        code, output, _ = self._connection.exec_command(_COMMAND)
        return output.decode(errors="replace") if code == 0 else ""
