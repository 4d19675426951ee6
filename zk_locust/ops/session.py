"""Opening and closing sessions."""

from zk_locust.ops.base import AbstractOp


class ZKConnectOp(AbstractOp):
    """Open a session, and close it again. Only the opening is timed.

    The user must not be connected: its class says `autostart=False`.
    """

    default_label = "connect"

    def op(self) -> None:
        """Open and close one session."""
        try:
            with self.client.timer(self.label):
                self.client.start()
        finally:
            self.client.stop()
