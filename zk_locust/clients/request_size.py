"""Why a connection may have gone away: a server closes it, without a word, on a request that is too large for it."""

from zk_locust.contract.errors import ConnectionLossError
from zk_locust.contract.request_size import DEFAULT_MAX_BUFFER_BYTES


def loss_over_size(sent_bytes: int) -> ConnectionLossError | None:
    """Return the error of a connection that went away over a request of that size; None where that is no reason."""
    if sent_bytes <= DEFAULT_MAX_BUFFER_BYTES:
        return None
    return ConnectionLossError(
        f"connection loss over a request of {sent_bytes} bytes: it may be above the server's jute.maxbuffer "
        f"({DEFAULT_MAX_BUFFER_BYTES} unless it was raised); write less, or raise it on the servers"
    )
