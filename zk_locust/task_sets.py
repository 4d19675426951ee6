"""The task sets: which operations a user runs, in which proportion."""

import random
from typing import Any

from locust import SequentialTaskSet, TaskSet, task

from zk_locust.locust_client import LocustClient
from zk_locust.ops import AbstractOp, MaybeInterrupt, ZKGetOp, ZKIncrementingSetOp, ZKSetOp

GETS_PER_SET = 10


class ZKLocustTaskSet(TaskSet):
    """Base of the task sets.

    `maybe_interrupt` is handed to every operation; it may end the task set.
    """

    def __init__(self, parent: Any, maybe_interrupt: MaybeInterrupt | None = None) -> None:
        super().__init__(parent)
        self.maybe_interrupt = maybe_interrupt


class ZKLocustTaskSequence(SequentialTaskSet):
    """Base of task sets that run their tasks one after the other."""

    def __init__(self, parent: Any, maybe_interrupt: MaybeInterrupt | None = None) -> None:
        super().__init__(parent)  # type: ignore[no-untyped-call]
        self.maybe_interrupt = maybe_interrupt


class OperationsTaskSet(ZKLocustTaskSet):
    """Base of the task sets that are a mix of operations: `operations` says which, and how often each is chosen."""

    def __init__(self, parent: Any, maybe_interrupt: MaybeInterrupt | None = None) -> None:
        super().__init__(parent, maybe_interrupt)
        client: LocustClient = self.user.client  # type: ignore[attr-defined]
        self._choices = [op.task for op, weight in self.operations(client) for _ in range(weight)]

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return (operation, weight) for each operation of one user."""
        raise NotImplementedError

    # One task at the level of the class: Locust warns of a class without, and its pages list the names.
    @task
    def run_operation(self) -> None:
        """Run one operation of the mix."""
        random.choice(self._choices)(self)


class ZKSetTaskSet(OperationsTaskSet):
    """Writes only."""

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return the set."""
        return [(ZKSetOp(client, self.maybe_interrupt), 1)]


class ZKGetTaskSet(OperationsTaskSet):
    """Reads only."""

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return the get."""
        return [(ZKGetOp(client, self.maybe_interrupt), 1)]


class ZKSetAndGetTaskSet(OperationsTaskSet):
    """Ten reads for each write."""

    def operations(self, client: LocustClient) -> list[tuple[AbstractOp, int]]:
        """Return the incrementing set and the get."""
        return [
            (ZKIncrementingSetOp(client, self.maybe_interrupt), 1),
            (ZKGetOp(client, self.maybe_interrupt), GETS_PER_SET),
        ]
