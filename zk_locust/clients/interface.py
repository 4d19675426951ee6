"""The interface of all clients: one ZooKeeper session of one simulated user, in kazoo's terms.

Operations and task sets use only this interface. Every method that talks to the ensemble returns within the client's
time limits, or raises a `zk_locust.contract.errors.ClientError`.
"""

from collections.abc import Callable
from typing import Final, Literal, Protocol, overload

from kazoo.protocol.states import WatchedEvent, ZnodeStat

from zk_locust.contract.options import ClientSettings

__all__ = ["NO_REPLY", "ClientSettings", "LastReply", "Watch", "WatchedEvent", "ZnodeStat", "ZooKeeperClient"]

Watch = Callable[[WatchedEvent], None]


class LastReply:
    """What a client tells of the reply that a greenlet of its session has just got."""

    __slots__ = ("arrived_ns",)

    def __init__(self) -> None:
        self.arrived_ns = 0
        """When it reached this machine, nanoseconds of `time.perf_counter_ns`.

        0 if it is not known: the client cannot know it, or the greenlet has waited for something else since.
        """


NO_REPLY: Final = LastReply()
"""Of a client that tells nothing."""


class ZooKeeperClient(Protocol):
    """One session. Greenlets may share it only if the client says so.

    A client may have two more attributes, which tell where slow operations were sent: `last_connection`, a pair of the
    session's id and the member's host:port, of the newest connection that the session had; and `last_xid`, the number
    of the request whose reply the calling greenlet has just got (0 if it is not known, as its arrival).
    """

    last_reply: LastReply
    """Where the client tells of replies. It may be replaced by another one before `start`."""

    @property
    def connected(self) -> bool:
        """Whether the session is usable now."""
        ...

    def start(self) -> None:
        """Connect. Raises ConnectError when there is no session within the connect time limit."""
        ...

    def stop(self) -> None:
        """Close the session. Does nothing if it is not connected."""
        ...

    def close(self) -> None:
        """Release all descriptors and memory. The client cannot be used afterwards."""
        ...

    @overload
    def get_children(self, path: str, watch: Watch | None = ..., include_data: Literal[False] = ...) -> list[str]: ...
    @overload
    def get_children(
        self, path: str, watch: Watch | None = ..., *, include_data: Literal[True]
    ) -> tuple[list[str], ZnodeStat]: ...

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        """Return value and stat."""
        ...

    def get_value(self, path: str, watch: Watch | None = None) -> bytes:
        """Return the value alone."""
        ...

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        """Return the stat, or None where there is no such node."""
        ...

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        """Replace the value; `version` -1 matches any."""
        ...

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node that everybody may use; return its path, with the sequence number where there is one."""
        ...

    def delete(self, path: str, version: int = -1) -> None:
        """Remove a node without children."""
        ...
