"""Waiting in tests: poll a condition up to a time limit."""

import time
from collections.abc import Callable
from typing import Any


def until(
    condition: Callable[[], Any], limit_s: float, *, explain: Callable[[], str] = lambda: "", pause_s: float = 0.05
) -> Any:
    """Return the value of `condition` as soon as it is true; after the limit fail with what `explain` returns."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"this takes longer than {limit_s:g} s\n{explain()}"
        time.sleep(pause_s)
    return found
