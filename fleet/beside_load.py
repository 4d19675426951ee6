"""A thread of the controller that does something to the members while the load goes on."""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from fleet.fault_clock import FaultClock

_END_LIMIT_S: Final = 30.0


class BesideLoad:
    """Base of what is done beside a load. `show` has each line for the screen at once."""

    def __init__(self, clock: FaultClock, show: Callable[[str], object]) -> None:
        self._clock = clock
        self._show = show
        self._parent = os.getppid()
        self._measured = threading.Event()
        self._ended = threading.Event()
        self._problems: list[str] = []
        self._thread: threading.Thread | None = None

    def see(self, progress: Mapping[str, Any] | None) -> None:
        """See how far the load is: what is done begins with its measured stage."""
        if self._clock.see(progress):
            self._measured.set()

    @property
    def _is_left_alone(self) -> bool:
        """Whether the playbook was killed: this process of it must not go on."""
        return os.getppid() != self._parent

    def _start(self, act: Callable[[], None]) -> None:
        """Begin to act, once all is there that it needs."""
        self._thread = threading.Thread(target=act, daemon=True)
        self._thread.start()

    def _finish(self, interrupt: Callable[[], object] = lambda: None) -> None:
        """The load has ended: wait until the thread has. `interrupt` ends what it may be waiting for."""
        self._ended.set()
        self._measured.set()
        interrupt()
        if self._thread:
            self._thread.join(_END_LIMIT_S)

    def _note(self, problem: str) -> None:
        """Keep and show what was not done."""
        self._problems.append(problem)
        self._show(f"  {problem}")
