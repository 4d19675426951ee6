"""The task sets: which operations a user runs, in which proportion."""

from typing import Any

from locust import SequentialTaskSet, TaskSet

from zk_locust.locust_client import LocustClient
from zk_locust.ops import AbstractOp, MaybeInterrupt, ZKGetOp, ZKIncrementingSetOp, ZKSetOp

GETS_PER_SET = 10


class ZKLocustTaskSet(TaskSet):
    """Base of the task sets: `operations` says what a user runs.

    `maybe_interrupt` is handed to every operation; it may end the task set.
    """

    def __init__(self, parent: Any, maybe_interrupt: MaybeInterrupt | None = None) -> None:
        super().__init__(parent)
        self.maybe_interrupt = maybe_interrupt
        client: LocustClient = self.user.client  # type: ignore[attr-defined]
        tasks: list[Any] = [op.task for op, weight in self.operations(client) for _ in range(weight)]
        if tasks:
            self.tasks = tasks

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return (operation, weight) for each operation of one user; empty where the class has tasks of its own."""
        del client
        return []


class ZKLocustTaskSequence(SequentialTaskSet):
    """Base of task sets that run their tasks one after the other."""

    def __init__(self, parent: Any, maybe_interrupt: MaybeInterrupt | None = None) -> None:
        super().__init__(parent)  # type: ignore[no-untyped-call]
        self.maybe_interrupt = maybe_interrupt


class ZKSetTaskSet(ZKLocustTaskSet):
    """Writes only."""

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return the set."""
        return [(ZKSetOp(client, self.maybe_interrupt), 1)]


class ZKGetTaskSet(ZKLocustTaskSet):
    """Reads only."""

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return the get."""
        return [(ZKGetOp(client, self.maybe_interrupt), 1)]


class ZKSetAndGetTaskSet(ZKLocustTaskSet):
    """Ten reads for each write."""

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return the incrementing set and the get."""
        return [
            (ZKIncrementingSetOp(client, self.maybe_interrupt), 1),
            (ZKGetOp(client, self.maybe_interrupt), GETS_PER_SET),
        ]
