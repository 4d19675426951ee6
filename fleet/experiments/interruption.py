"""How an experiment is interrupted: Ctrl-C, SIGTERM, a closed terminal, or an `ansible-playbook` that is gone.

An action runs in a worker of Ansible's, which gets the signals of the main process and has no terminal. It ends the
benchmark first, and then leaves its last words in memory that both processes share.
"""

import contextlib
import mmap
import os
import signal
from collections.abc import Iterator
from typing import Any, Final

_SIZE: Final = 4096
# Made at the import, which must be before the worker is forked.
_shared: Final = mmap.mmap(-1, _SIZE)


class Interruption:
    """Whether the experiment must end. Its signals are only noted, so that they interrupt no writing."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._came = False

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals that Ansible sends its workers."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def came(self) -> bool:
        """Whether a signal has arrived, or the main process was killed."""
        return self._came or os.getppid() != self._parent

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self._came = True


def leave_words(text: str) -> None:
    """Keep what the main process is to say when it ends."""
    _shared.seek(0)
    _shared.write(text.encode()[: _SIZE - 1] + b"\0")


def left_words() -> str:
    """Return what the worker has left; empty for nothing."""
    return _shared[:].partition(b"\0")[0].decode(errors="replace")
