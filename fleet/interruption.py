"""Ctrl-C, SIGTERM and SIGHUP of an `ansible-playbook` that holds a run: each starts one orderly end of the run.

Ansible resets a signal's handler at the first signal. On a busy controller it then needs seconds to end its workers,
and a second Ctrl-C would kill it before it ends the load. SIGHUP would kill it at once.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RETRY_S: Final = 15.0
_RESEND_S: Final = 0.05
_PLEASE_WAIT: Final = b"\nThe run is being ended; please wait.\n"


class Interruption:
    """Takes the signals of the main process, and raises KeyboardInterrupt there once.

    `has_begun` says whether there is a run to finish. Without one, a second signal ends the process. With one, a second
    signal only prints a message. Python drops an exception that is raised while it frees an object: the signal is then
    sent again. After `RETRY_S` a signal counts again, until `finishing` is called, if it was lost in another way.
    """

    def __init__(self, has_begun: Callable[[], bool]) -> None:
        self._has_begun = has_begun
        self._pid = os.getpid()
        self._ansible: Any = None
        self._first: float | None = None
        self._dropped = False
        self._finishing = False
        self._terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]

    @property
    def came(self) -> bool:
        """Whether a signal has arrived."""
        return self._first is not None

    def install(self) -> None:
        """Take the signals. Ignored signals, as under nohup(1), stay ignored."""
        self._ansible = signal.getsignal(signal.SIGINT)
        self._take_signals()
        unraisable = sys.unraisablehook

        def dropped(what: Any) -> None:
            if self._first is None or self._finishing or what.exc_type is not KeyboardInterrupt:
                unraisable(what)
            elif os.getpid() == self._pid:
                self._dropped = True
                # An exception raised here would be dropped too.
                threading.Timer(_RESEND_S, os.kill, (self._pid, signal.SIGINT)).start()

        sys.unraisablehook = dropped

    def finishing(self) -> None:
        """From now on, signals only print a message."""
        self._finishing = True
        self._take_signals()

    def _take_signals(self) -> None:
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
        again = self._first is not None and not self._dropped and time.monotonic() - self._first < RETRY_S
        self._dropped = False
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
                self._ansible(signal.SIGINT, frame)  # ends its workers and raises KeyboardInterrupt
            raise KeyboardInterrupt
        finally:
            signal.signal(signal.SIGINT, self._on_signal)  # Ansible has reset it

    def _leave_terminal(self) -> None:
        """Replace a closed terminal by /dev/null, because printing to it fails."""
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in self._terminals:
            os.dup2(nothing, descriptor)
        os.close(nothing)
        self._terminals = []
