"""Every error of zk_locust, by whose fault it is.

    ZKLocustError
    ├── ConfigurationError            the user's setting: names it, its value and the remedy
    └── ClientError                   an operation failed: a failure of the request, never of the user's greenlet
        ├── ConnectError              no session within the connect time limit
        ├── ConnectionLossError       the connection went away; the operation may or may not have been carried out
        ├── OperationTimeoutError     no reply within the operation's time limit; likewise undecided
        ├── SessionExpiredError       the ensemble has ended the session
        ├── AuthFailedError           the ensemble refused the credentials
        ├── ProtocolError             a reply that makes no sense
        └── ServerError               the server's answer is an error
            ├── NoNodeError           ├── BadVersionError
            ├── NodeExistsError       ├── NotEmptyError
            ├── NoAuthError           ├── NoChildrenForEphemeralsError
            ├── BadArgumentsError     ├── InvalidACLError
            └── NotReadOnlyError      └── QuotaExceededError

The three clients raise these and nothing else. `ServerError.code` is ZooKeeper's number (KeeperException.Code).

Each is also the error of kazoo's that says the same, where there is one, and every ClientError a KazooException:
`except kazoo.exceptions.NodeExistsError` matches whichever client the load drives.
"""

import functools
from typing import ClassVar

from kazoo import exceptions as kazoo


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
    """An operation did not succeed."""


class ConnectError(ClientError):
    """No session could be had within the connect time limit."""


class ConnectionLossError(ClientError, kazoo.ConnectionLoss):  # type: ignore[misc]
    """The connection went away before the reply came."""


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

    code: ClassVar[int] = 0

    def __init__(self, message: str = "", *, code: int | None = None) -> None:
        self.error_code = self.code if code is None else code
        super().__init__(message or f"error {self.error_code}")


class BadArgumentsError(ServerError, kazoo.BadArgumentsError):  # type: ignore[misc]
    """The request's arguments make no sense to the server."""

    code = -8


class NoNodeError(ServerError, kazoo.NoNodeError):  # type: ignore[misc]
    """The node does not exist."""

    code = -101


class NoAuthError(ServerError, kazoo.NoAuthError):  # type: ignore[misc]
    """The session may not do this to the node."""

    code = -102


class BadVersionError(ServerError, kazoo.BadVersionError):  # type: ignore[misc]
    """The node's version is not the one asked for."""

    code = -103


class NoChildrenForEphemeralsError(ServerError, kazoo.NoChildrenForEphemeralsError):  # type: ignore[misc]
    """An ephemeral node cannot have children."""

    code = -108


class NodeExistsError(ServerError, kazoo.NodeExistsError):  # type: ignore[misc]
    """The node exists already."""

    code = -110


class NotEmptyError(ServerError, kazoo.NotEmptyError):  # type: ignore[misc]
    """The node has children."""

    code = -111


class InvalidACLError(ServerError, kazoo.InvalidACLError):  # type: ignore[misc]
    """The access control list makes no sense to the server."""

    code = -114


class NotReadOnlyError(ServerError, kazoo.NotReadOnlyCallError):  # type: ignore[misc]
    """A write reached a server that is cut off from its quorum and only answers reads."""

    code = -119


class QuotaExceededError(ServerError, kazoo.QuotaExceededError):  # type: ignore[misc]
    """The write would break a quota."""

    code = -125


SERVER_ERRORS: dict[int, type[ServerError]] = {
    error.code: error
    for error in (
        BadArgumentsError,
        NoNodeError,
        NoAuthError,
        BadVersionError,
        NoChildrenForEphemeralsError,
        NodeExistsError,
        NotEmptyError,
        InvalidACLError,
        NotReadOnlyError,
        QuotaExceededError,
    )
}


def server_error(code: int, message: str = "") -> ClientError:
    """Return the error for ZooKeeper's code (negative), also for those that are not of `ServerError`'s own kinds."""
    if code == -4:
        return ConnectionLossError(message or "connection loss")
    if code == -7:
        return OperationTimeoutError(message or "operation timeout")
    if code == -112:
        return SessionExpiredError(message or "session expired")
    if code == -115:
        return AuthFailedError(message or "authentication failed")
    kind = SERVER_ERRORS.get(code)
    return kind(message) if kind else _other_kind(code)(message, code=code)


@functools.cache
def _other_kind(code: int) -> type[ServerError]:
    """Return the kind for a code without a class of its own here: a ServerError, and kazoo's error of that code too."""
    theirs = kazoo.EXCEPTIONS.get(code)
    if theirs is None:
        return ServerError
    return type("ServerError", (ServerError, theirs), {"__module__": __name__, "code": code})
