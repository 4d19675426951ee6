"""Every error of zk_locust, by its cause.

    ZKLocustError
    ├── ConfigurationError            a wrong setting: names it, its value and the remedy
    └── ClientError                   an operation failed: a failed request, never the end of the user's greenlet
        ├── ConnectError              no session within the connect time limit
        ├── ConnectionLossError       the connection was lost; the operation may or may not have been carried out
        ├── OperationTimeoutError     no reply within the operation's time limit; likewise undecided
        ├── SessionExpiredError       the ensemble has ended the session
        ├── AuthFailedError           the ensemble refused the credentials
        ├── ProtocolError             a malformed reply
        └── ServerError               the server's answer is an error
            ├── NoNodeError           ├── BadVersionError
            ├── NodeExistsError       ├── NotEmptyError
            ├── NoAuthError           ├── NoChildrenForEphemeralsError
            ├── BadArgumentsError     ├── InvalidACLError
            └── NotReadOnlyError      └── QuotaExceededError

The three clients raise only these. `ServerError.error_code` is ZooKeeper's number (KeeperException.Code).

Each is also kazoo's error of the same meaning, if there is one, and every ClientError is a KazooException: `except
kazoo.exceptions.NodeExistsError` works with every client.
"""

import functools
from typing import ClassVar

from kazoo import exceptions as kazoo

from zk_locust.contract.request_size import DEFAULT_MAX_BUFFER_BYTES


class ZKLocustException(Exception):  # noqa: N818 - the name is that of 2019
    """Base of all errors of this package, by its name of 2019."""


class ZKLocustError(ZKLocustException):
    """Base of all errors of this package."""


class ConfigurationError(ZKLocustError):
    """A setting that cannot work."""

    def __init__(self, setting: str, value: object, problem: str, remedy: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"{setting} [{value}]: {problem}; {remedy}")


class ClientError(ZKLocustError, kazoo.KazooException):  # type: ignore[misc]
    """An operation did not succeed. `xid` is the request's number within its connection; 0 where it is not known."""

    xid: int = 0


class ConnectError(ClientError):
    """No session within the connect time limit."""


class ConnectionLossError(ClientError, kazoo.ConnectionLoss):  # type: ignore[misc]
    """The connection was lost before the reply came."""


class OperationTimeoutError(ClientError, kazoo.OperationTimeoutError):  # type: ignore[misc]
    """No reply came within the operation's time limit."""


class SessionExpiredError(ClientError, kazoo.SessionExpiredError):  # type: ignore[misc]
    """The ensemble has ended the session."""


class AuthFailedError(ClientError, kazoo.AuthFailedError):  # type: ignore[misc]
    """The ensemble refused the credentials."""


class ProtocolError(ClientError):
    """A reply was malformed, oversized, truncated or out of order."""


class ServerError(ClientError):
    """The server answered with an error code."""

    code: ClassVar[int | None]
    """ZooKeeper's number. kazoo's error of the same name, the other base of each subclass, has it."""

    def __init__(self, message: str = "", *, code: int | None = None) -> None:
        self.error_code = int(getattr(self, "code", None) or 0) if code is None else code
        super().__init__(message or f"error {self.error_code}")


class BadArgumentsError(ServerError, kazoo.BadArgumentsError):  # type: ignore[misc]
    """The request's arguments are invalid."""


class NoNodeError(ServerError, kazoo.NoNodeError):  # type: ignore[misc]
    """The node does not exist."""


class NoAuthError(ServerError, kazoo.NoAuthError):  # type: ignore[misc]
    """The session may not do this to the node."""


class BadVersionError(ServerError, kazoo.BadVersionError):  # type: ignore[misc]
    """The node's version is not the one asked for."""


class NoChildrenForEphemeralsError(ServerError, kazoo.NoChildrenForEphemeralsError):  # type: ignore[misc]
    """An ephemeral node cannot have children."""


class NodeExistsError(ServerError, kazoo.NodeExistsError):  # type: ignore[misc]
    """The node exists already."""


class NotEmptyError(ServerError, kazoo.NotEmptyError):  # type: ignore[misc]
    """The node has children."""


class InvalidACLError(ServerError, kazoo.InvalidACLError):  # type: ignore[misc]
    """The access control list is invalid."""


class NotReadOnlyError(ServerError, kazoo.NotReadOnlyCallError):  # type: ignore[misc]
    """A write reached a server that is cut off from its quorum and only answers reads."""


class QuotaExceededError(ServerError, kazoo.QuotaExceededError):  # type: ignore[misc]
    """The write would break a quota."""


SERVER_ERRORS: dict[int | None, type[ServerError]] = {kind.code: kind for kind in ServerError.__subclasses__()}
_OF_SESSIONS: dict[int, tuple[type[ClientError], str]] = {
    -4: (ConnectionLossError, "connection loss"),
    -7: (OperationTimeoutError, "operation timeout"),
    -112: (SessionExpiredError, "session expired"),
    -115: (AuthFailedError, "authentication failed"),
}


def server_error(code: int, message: str = "") -> ClientError:
    """Return the error for ZooKeeper's code (negative)."""
    if code in _OF_SESSIONS:
        session_kind, words = _OF_SESSIONS[code]
        return session_kind(message or words)
    kind = SERVER_ERRORS.get(code)
    return kind(message) if kind else _other_kind(code)(message, code=code)


@functools.cache
def _other_kind(code: int) -> type[ServerError]:
    """Return the class for any other code: a ServerError that is also kazoo's error of that code."""
    theirs = kazoo.EXCEPTIONS.get(code)
    if theirs is None:
        return ServerError
    return type("ServerError", (ServerError, theirs), {"__module__": __name__, "code": code})


def loss_over_size(sent_bytes: int) -> ConnectionLossError | None:
    """Return the error of a connection that went away over a request of that size; None where that is no reason.

    A server closes the connection, without a word, on a request that is too large for it.
    """
    if sent_bytes <= DEFAULT_MAX_BUFFER_BYTES:
        return None
    return ConnectionLossError(
        f"connection loss over a request of {sent_bytes} bytes: it may be above the server's jute.maxbuffer "
        f"({DEFAULT_MAX_BUFFER_BYTES} unless it was raised); write less, or raise it on the servers"
    )
