"""Waiting in tests for what takes its time: by looking again and again, and with an end."""

import time
from collections.abc import Callable
from typing import Any


def until(
    condition: Callable[[], Any], limit_s: float, *, explain: Callable[[], str] = lambda: "", pause_s: float = 0.05
) -> Any:
    """Return what `condition` gives as soon as it is true; fail, with what `explain` says, beyond the limit."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it takes too long\n{explain()}"
        time.sleep(pause_s)
    return found
