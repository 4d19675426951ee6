"""When a session has last heard of the ensemble, for those who look at all sessions now and then."""

from typing import Final


class Heard:
    """Of one session: when it last had a reply that was a success."""

    __slots__ = ("__weakref__", "at_ns")

    def __init__(self) -> None:
        self.at_ns = 0
        """Nanoseconds of `time.perf_counter_ns`; 0 for never."""


NOBODY: Final = Heard()
"""Of timers that belong to no session."""
