"""Signals to a process that may have ended meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal

from zk_locust.contract.process_identity import Identity, is_running


class Signalled:
    """Whoever has processes that faults signal."""

    def signal(self, process: Identity, number: int) -> None:
        """Send a signal to this process; to one that has ended, none."""
        if is_running(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)

    def kill(self, process: Identity) -> None:
        """Kill it."""
        self.signal(process, signal.SIGKILL)
