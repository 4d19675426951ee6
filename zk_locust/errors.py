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
"""

from typing import ClassVar


class ZKLocustError(Exception):
    """Base of all errors of this package."""


class ConfigurationError(ZKLocustError):
    """A setting that cannot work."""

    def __init__(self, setting: str, value: object, problem: str, remedy: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"{setting} [{value}]: {problem}; {remedy}")


class ClientError(ZKLocustError):
    """An operation did not succeed."""


class ConnectError(ClientError):
    """No session could be had within the connect time limit."""


class ConnectionLossError(ClientError):
    """The connection went away before the reply came."""


class OperationTimeoutError(ClientError):
    """No reply came within the operation's time limit."""


class SessionExpiredError(ClientError):
    """The ensemble has ended the session."""


class AuthFailedError(ClientError):
    """The ensemble refused the credentials."""


class ProtocolError(ClientError):
    """A reply was malformed, oversized, truncated or out of order."""


class ServerError(ClientError):
    """The server answered with an error code."""

    code: ClassVar[int] = 0

    def __init__(self, message: str = "", *, code: int | None = None) -> None:
        self.error_code = self.code if code is None else code
        super().__init__(message or f"error {self.error_code}")


class BadArgumentsError(ServerError):
    """The request's arguments make no sense to the server."""

    code = -8


class NoNodeError(ServerError):
    """The node does not exist."""

    code = -101


class NoAuthError(ServerError):
    """The session may not do this to the node."""

    code = -102


class BadVersionError(ServerError):
    """The node's version is not the one asked for."""

    code = -103


class NoChildrenForEphemeralsError(ServerError):
    """An ephemeral node cannot have children."""

    code = -108


class NodeExistsError(ServerError):
    """The node exists already."""

    code = -110


class NotEmptyError(ServerError):
    """The node has children."""

    code = -111


class InvalidACLError(ServerError):
    """The access control list makes no sense to the server."""

    code = -114


class NotReadOnlyError(ServerError):
    """A write reached a server that is cut off from its quorum and only answers reads."""

    code = -119


class QuotaExceededError(ServerError):
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
    return kind(message) if kind else ServerError(message, code=code)
