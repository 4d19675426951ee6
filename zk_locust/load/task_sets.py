"""The task sets: which operations a user runs, in which proportion."""

import random
from typing import Any, ClassVar

from locust import SequentialTaskSet, TaskSet, task

from zk_locust.load.companion import Companion
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.locust_internals import QuickTurns
from zk_locust.load.mixes import Mix, mix_of
from zk_locust.load.operations.base import MaybeInterrupt, OpSettings
from zk_locust.load.user_classes import own_tasks

__all__ = [
    "OperationsTaskSet",
    "ZKConnectTaskSet",
    "ZKCreateAndDeleteTaskSet",
    "ZKExistsManyTaskSet",
    "ZKExistsTaskSet",
    "ZKGetChildren2TaskSet",
    "ZKGetChildrenTaskSet",
    "ZKGetTaskSet",
    "ZKLocustTaskSequence",
    "ZKLocustTaskSet",
    "ZKSetAndGetTaskSet",
    "ZKSetTaskSet",
    "ZKWatchTaskSet",
]


class ZKLocustTaskSet(QuickTurns, TaskSet):
    """Base of the task sets. A subclass may set `tasks` in its `__init__`, also to operations' `task`.

    `maybe_interrupt` is handed to every operation; it may end the task set. `min_wait` and `max_wait`, milliseconds,
    override the user's.
    """

    companion: ClassVar[type[Companion] | None] = None
    """What a load with this task set does beside its users."""

    def __init__(self, parent: Any, maybe_interrupt: MaybeInterrupt | None = None) -> None:
        super().__init__(parent)
        self.maybe_interrupt = maybe_interrupt
        self.own_waits_s = _own_waits_s(type(self))

    def __init_subclass__(cls) -> None:
        cls.tasks = own_tasks(cls)

    @property
    def locust(self) -> Any:
        """The user, by its name of 2019."""
        return self.user


class ZKLocustTaskSequence(QuickTurns, SequentialTaskSet):
    """Base of task sets that run their tasks one after the other; `tasks` may be set in `__init__`."""

    def __init__(self, parent: Any, maybe_interrupt: MaybeInterrupt | None = None) -> None:
        super().__init__(parent)  # type: ignore[no-untyped-call]
        self.maybe_interrupt = maybe_interrupt
        self.own_waits_s = _own_waits_s(type(self))
        self._tasks_done = 0

    def __init_subclass__(cls) -> None:
        cls.tasks = own_tasks(cls)

    @property
    def locust(self) -> Any:
        """The user, by its name of 2019."""
        return self.user

    def get_next_task(self) -> Any:
        """Return the next task: Locust's own would know only those of the class."""
        if not self.tasks:
            return super().get_next_task()  # it raises, and says why
        self._tasks_done += 1
        return self.tasks[(self._tasks_done - 1) % len(self.tasks)]


def _own_waits_s(task_set: Any) -> tuple[float, float] | None:
    """Return the least and the most wait of a task set's class, seconds, or None where it leaves that to the user."""
    least, most = task_set.min_wait, task_set.max_wait
    if least is None and most is None:
        return None
    return (least or 0) / 1000, max(least or 0, most or 0) / 1000


class OperationsTaskSet(ZKLocustTaskSet):
    """Base of the task sets that are a mix of operations: that of `default_name`, or what `operations` says.

    With `name` or `suffix`, as in 2019, requests are counted by the operation as their type, and by this name, or by
    the task set's own with the suffix. `val_size` is the length of the values, bytes; by default `--val-size`.
    """

    default_name: ClassVar[str] = ""

    def __init__(
        self,
        parent: Any,
        maybe_interrupt: MaybeInterrupt | None = None,
        *,
        name: str | None = None,
        suffix: str | None = None,
        val_size: int | None = None,
    ) -> None:
        super().__init__(parent, maybe_interrupt)
        own = "_".join(part for part in (name or self.default_name, suffix) if part)
        self.settings: OpSettings = {"task_set_name": own} if name or suffix else {}
        self.val_size = val_size
        client: LocustClient = self.user.client  # type: ignore[attr-defined]
        self._choices = [op.task for op, weight in self.operations(client) for _ in range(weight)]

    def operations(self, client: LocustClient) -> Mix:
        """Return (operation, weight) for each operation of one user."""
        return mix_of(self.default_name, client, self.val_size, self.settings)

    # One task at the level of the class: Locust warns of a class without, and its pages list the names.
    @task
    def run_operation(self) -> None:
        """Run one operation of the mix; as many as may follow at once, where there is no wait."""
        while True:
            random.choice(self._choices)(self)
            if not self.goes_on():
                return


class ZKSetTaskSet(OperationsTaskSet):
    """Writes only."""

    default_name = "set"


class ZKGetTaskSet(OperationsTaskSet):
    """Reads only."""

    default_name = "get"


class ZKSetAndGetTaskSet(OperationsTaskSet):
    """Ten reads for each write."""

    default_name = "set_and_get"


class ZKConnectTaskSet(OperationsTaskSet):
    """Sessions that come and go. The user's class says `autostart=False`."""

    default_name = "connect"


class ZKCreateAndDeleteTaskSet(OperationsTaskSet):
    """Ephemeral nodes that come and go, and now and then a count of them."""

    default_name = "create_and_delete"


class ZKWatchTaskSet(OperationsTaskSet):
    """Watches that fire."""

    default_name = "watch"


class ZKExistsTaskSet(OperationsTaskSet):
    """Nodes that exist and nodes that do not, with a watch and without."""

    default_name = "exists"


class ZKExistsManyTaskSet(OperationsTaskSet):
    """Watches that pile up."""

    default_name = "exists_many"


class ZKGetChildrenTaskSet(OperationsTaskSet):
    """Lists of children."""

    default_name = "get_children"


class ZKGetChildren2TaskSet(OperationsTaskSet):
    """Lists of children, with the parent's stat."""

    default_name = "get_children2"
