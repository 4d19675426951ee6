"""What every operation is: one kind of request of one user, prepared once, then run and timed as a task of Locust's."""

from collections.abc import Callable
from typing import Any, ClassVar

from zk_locust.locust_client import LocustClient

MaybeInterrupt = Callable[[Any], None]


class AbstractOp:
    """One kind of request of one user.

    `maybe_interrupt` is called with the task set before each request and may end it. `label` is the name under which
    the request is counted.
    """

    default_label: ClassVar[str]

    def __init__(
        self, client: LocustClient, maybe_interrupt: MaybeInterrupt | None = None, *, label: str | None = None
    ) -> None:
        self.client = client
        self.label = label or self.default_label
        self._maybe_interrupt = maybe_interrupt
        self._prepared = False

    def task(self, task_set: Any) -> None:
        """Run the operation once, as a task of Locust's."""
        if self._maybe_interrupt is not None:
            self._maybe_interrupt(task_set)
        if not self._prepared and not self._try_to_prepare():
            return
        self.op()

    def prepare(self) -> None:
        """Make what the requests need. Runs once, again after a failure."""

    def op(self) -> None:
        """Run and time one request."""
        raise NotImplementedError

    def _try_to_prepare(self) -> bool:
        # Counted only when it fails: a preparation is not a request of the load.
        with self.client.timer(f"{self.label}_prepare") as timer:
            self.prepare()
            self._prepared = True
            timer.discard()
        return self._prepared
