"""Ctrl-C, SIGTERM and SIGHUP of an `ansible-playbook` that holds a run: each ends it once, in good order.

Ansible resets a signal's handler when the first one comes. On a busy controller it then needs seconds to end its
workers, and a second Ctrl-C kills it at once: nobody would be left to end the load. SIGHUP kills it in any case.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RETRY_S: Final = 15.0
_PLEASE_WAIT: Final = b"\nThe run is being ended; please wait.\n"


class Interruption:
    """Takes the signals of the main process, and raises KeyboardInterrupt there once.

    `has_begun` says whether there is a run to be finished; without one a second signal ends the process, as it does
    without us. With one, a second signal is only answered, unless the first was lost: Python drops an exception that is
    raised while it frees an object. So `RETRY_S` later another one counts again, until `finishing` was called.
    """

    def __init__(self, has_begun: Callable[[], bool]) -> None:
        self._has_begun = has_begun
        self._pid = os.getpid()
        self._ansible: Any = None
        self._first: float | None = None
        self._finishing = False
        self._terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]

    @property
    def came(self) -> bool:
        """Whether this process was told to end."""
        return self._first is not None

    def install(self) -> None:
        """Take the signals. What was ignored before, as under nohup(1), still is."""
        self._ansible = signal.getsignal(signal.SIGINT)
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, self._on_signal)

    def finishing(self) -> None:
        """From now on signals are only answered."""
        self._finishing = True
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        if os.getpid() != self._pid:  # a worker that has not taken its own handlers yet
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if number == signal.SIGHUP:
            self._leave_terminal()
        again = self._first is not None and time.monotonic() - self._first < RETRY_S
        if self._finishing or (again and self._has_begun()):
            with contextlib.suppress(OSError):
                os.write(1, _PLEASE_WAIT)
            return
        if again:
            signal.signal(number, signal.SIG_DFL)
            os.kill(self._pid, number)
            return
        self._first = time.monotonic()
        try:
            if callable(self._ansible):
                self._ansible(signal.SIGINT, frame)  # tells its workers, and raises KeyboardInterrupt
            raise KeyboardInterrupt
        finally:
            signal.signal(signal.SIGINT, self._on_signal)  # which Ansible has reset

    def _leave_terminal(self) -> None:
        """Let go of a terminal that is gone: whatever is printed to it fails."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in self._terminals:
            os.dup2(nothing, descriptor)
        os.close(nothing)
        self._terminals = []
