"""Opening and closing sessions."""

from typing import Final

import gevent

from zk_locust.contract.errors import ConfigurationError
from zk_locust.load.operations.base import AbstractSingleTimerOp

PAUSE_AFTER_MISTAKE_S: Final = 1.0


class ZKConnectOp(AbstractSingleTimerOp):
    """Open a session, and close it again. Only the opening is timed.

    The user must not be connected: its class says `autostart=False`.
    """

    default_label = "connect"

    def op(self) -> None:
        """Open and close one session."""
        try:
            with self.timing() as timer:
                try:
                    self.client.start()
                except ConfigurationError as error:
                    # A mistake of this machine's that no other machine has: counted, and not thousands a second.
                    timer.failure(error)
                    gevent.sleep(PAUSE_AFTER_MISTAKE_S)
        finally:
            self.client.stop()
