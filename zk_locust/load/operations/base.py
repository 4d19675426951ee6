"""What every operation is: one kind of request of one user, prepared once, then run and timed as a task of Locust's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, TypedDict

from zk_locust.load.locust_client import LocustClient
from zk_locust.load.timer import REQUEST_TYPE, LocustTimer

MaybeInterrupt = Callable[[Any], None]
_NOBODY: Any = object()


class OpSettings(TypedDict, total=False):
    """How the requests of an operation are counted; see AbstractSingleTimerOp."""

    request_type: str | None
    task_set_name: str | None
    ignore_connection_down: bool | None
    label_prefix: str


class AbstractOp:
    """One kind of request of one user.

    `maybe_interrupt` is called with the task set before each request and may end it, as the task set's own is. The
    request is counted under the name `label`, after `label_prefix`. `ignore_connection_down`
    overrides `--ignore-connection-down`.
    """

    default_label: ClassVar[str] = ""

    def __init__(
        self,
        client: LocustClient,
        maybe_interrupt: MaybeInterrupt | None = None,
        *,
        label: str | None = None,
        label_prefix: str = "",
        ignore_connection_down: bool | None = None,
    ) -> None:
        self.client = client
        self.label = label_prefix + (label or self.default_label or type(self).__name__)
        self.timer_settings = client.timer_settings
        if ignore_connection_down is not None:
            self.timer_settings = replace(self.timer_settings, ignore_connection_down=bool(ignore_connection_down))
        self._maybe_interrupt = maybe_interrupt
        self._interrupts: list[MaybeInterrupt] = []
        self._prepared = False
        self._task_set: Any = _NOBODY
        self._ready_for: Any = _NOBODY  # the task set for which there is nothing to do before a request

    def task(self, task_set: Any) -> None:
        """Run the operation once, as a task of Locust's."""
        if task_set is self._ready_for or self._get_ready(task_set):
            self.op()

    def prepare(self) -> None:
        """Make what the requests need. Runs once, again after a failure."""

    def op(self) -> None:
        """Run and time one request."""
        raise NotImplementedError

    def _get_ready(self, task_set: Any) -> bool:
        if task_set is not self._task_set:
            self._task_set = task_set
            both = (self._maybe_interrupt, getattr(task_set, "maybe_interrupt", None))
            self._interrupts = [one for one in dict.fromkeys(both) if one is not None]
        for interrupt in self._interrupts:
            interrupt(task_set)
        if not self._prepared and not self._try_to_prepare():
            return False
        self._ready_for = _NOBODY if self._interrupts else task_set
        return True

    def _try_to_prepare(self) -> bool:
        # Counted only when it fails: a preparation is not a request of the load.
        with LocustTimer(f"{self.label}_prepare", settings=self.timer_settings, failures_only=True):
            self.prepare()
            self._prepared = True
        return self._prepared


class AbstractSingleTimerOp(AbstractOp):
    """An operation that is one request: `with self.timing(): …`.

    It is counted as a request of type `zookeeper` and by its label. With `request_type` or `task_set_name`, as in 2019,
    it is counted by these: the label stands for the one that is not given.
    """

    def __init__(
        self,
        client: LocustClient,
        maybe_interrupt: MaybeInterrupt | None = None,
        *,
        request_type: str | None = None,
        task_set_name: str | None = None,
        label: str | None = None,
        label_prefix: str = "",
        ignore_connection_down: bool | None = None,
    ) -> None:
        super().__init__(
            client,
            maybe_interrupt,
            label=label,
            label_prefix=label_prefix,
            ignore_connection_down=ignore_connection_down,
        )
        older = request_type or task_set_name
        self._request_type = request_type or (self.label if older else REQUEST_TYPE)
        self._name = task_set_name or self.label

    def timing(self, request_type: str | None = None, task_set_name: str | None = None) -> LocustTimer:
        """Return the timer of one request."""
        return LocustTimer(
            task_set_name or self._name,
            request_type=request_type or self._request_type,
            settings=self.timer_settings,
        )
