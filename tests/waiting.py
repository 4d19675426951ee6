"""Waiting in tests: poll a condition up to a time limit, or end what would never end."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
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


@contextlib.contextmanager
def ended_after(limit_s: int) -> Iterator[None]:
    """Fail if the block still runs after the limit, in a regular expression too; only in the main thread."""

    def end(*_: object) -> None:
        raise AssertionError(f"this takes longer than {limit_s} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(limit_s)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
