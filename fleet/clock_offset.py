"""How far a host's clock is from the controller's, by Cristian's method (1989).

The host is asked for its time over the open connection; the answer was made somewhere between our question and its
arrival, so the offset is known to within half of that time. The quickest of several questions counts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_QUESTIONS: Final = 4
_MOST_S: Final = 4e9
"""Some 127 years: a clock without a battery, which begins in 1970, is within it, and so is the calendar around it."""
COMMAND: Final = "date -u +%s.%N"
"""What prints a host's time, seconds since 1970."""


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


def clock_offset(ask: Callable[[], str], clock: Callable[[], float]) -> dict[str, Any]:
    """Return `offset_ms`, the host's clock minus ours, and `error_ms`; None where the host says no time.

    None, too, where it says one that no clock shows: the calendar has no moments that far away.
    """
    answer = measure(ask, clock)
    if answer is None or abs(answer.offset_s) > _MOST_S:
        return {"offset_ms": None, "error_ms": None}
    return {"offset_ms": round(answer.offset_s * 1000, 2), "error_ms": round(answer.error_s * 1000, 2)}
