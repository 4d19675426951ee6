"""What a recording knows of an operation that is under way."""

from collections.abc import Callable
from typing import Protocol

from zk_locust.load.heard import Heard
from zk_locust.load.slowest import Origin


class Running(Protocol):
    """A timer between its start and its report."""

    @property
    def under_way(self) -> bool:
        """Whether an operation has begun, and has neither ended nor been censored."""

    @property
    def heard(self) -> Heard:
        """When its session has last heard of the ensemble."""

    @property
    def sent_ns(self) -> int:
        """When the operation was sent, nanoseconds of the recording's clock."""

    @property
    def origin(self) -> Callable[[], Origin] | None:
        """What returns where its session has last sent an operation; None where nobody knows."""

    def waits_ns(self, now_ns: int) -> int:
        """Return for how long the operation that is under way has waited since it was sent."""

    def censor(self, now_ns: int) -> None:
        """Count the operation as censored, and nothing of it when it ends."""
