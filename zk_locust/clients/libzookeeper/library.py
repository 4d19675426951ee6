"""Finding and loading the library, once a process, without a compiler (cffi's ABI mode)."""

import functools
from dataclasses import dataclass
from typing import Any, Final

import cffi  # type: ignore[import-untyped]

from zk_locust.clients.libzookeeper import cdef
from zk_locust.clients.libzookeeper.completions import Completions
from zk_locust.contract.errors import (
    AuthFailedError,
    ClientError,
    ConfigurationError,
    ConnectionLossError,
    ProtocolError,
    SessionExpiredError,
    server_error,
)

# The first that loads is used. The variant with threads (libzookeeper_mt) has no zookeeper_interest.
NAMES: tuple[str, ...] = ("libzookeeper_st.so.2", "libzookeeper_st.so")

_SETTING: Final = "--client"
_VALUE: Final = "libzookeeper"
_REMEDY: Final = "on every load host: apt install libzookeeper-st2 (3.6 or later), or choose --client native"
_BROKEN: Final = (cdef.RUNTIME_INCONSISTENCY, cdef.DATA_INCONSISTENCY, cdef.MARSHALLING_ERROR)


@dataclass(frozen=True, slots=True)
class Library:
    """The loaded library: `ffi`, `lib` (its functions), and its callbacks into this process."""

    ffi: Any
    lib: Any
    completions: Completions
    open_acl: Any
    connected_state: int
    closed_states: tuple[int, ...]
    """States of a handle (`zoo_state`) in which the library has closed its descriptor."""
    read: int
    write: int

    def error(self, code: int, state: int = 0) -> ClientError:
        """Return the error for a code of `ZOO_ERRORS`; `state` is the handle's (`zoo_state`) where that decides."""
        text = self.ffi.string(self.lib.zerror(code)).decode()
        if code == cdef.INVALID_STATE:
            if state == self.lib.ZOO_EXPIRED_SESSION_STATE:
                return SessionExpiredError(text)
            if state == self.lib.ZOO_AUTH_FAILED_STATE:
                return AuthFailedError(text)
            return ConnectionLossError(text)
        if code in (cdef.SYSTEM_ERROR, cdef.CLOSING):
            return ConnectionLossError(text)
        if code in _BROKEN:
            return ProtocolError(text)
        return server_error(code, text)


def load() -> Library:
    """Return the library. Raises ConfigurationError if it is missing or too old."""
    return _load(NAMES)


@functools.cache
def _load(names: tuple[str, ...]) -> Library:
    ffi = cffi.FFI()
    ffi.cdef(cdef.DECLARATIONS)
    lib = _open(ffi, names)
    lacking = [name for name in cdef.NEEDED if not hasattr(lib, name)]
    if lacking:
        problem = f"the installed library is too old: it lacks {', '.join(lacking)}"
        raise ConfigurationError(_SETTING, _VALUE, problem, _REMEDY)
    # Errors only, and to the handle's callback instead of stderr.
    lib.zoo_set_debug_level(cdef.LOG_ERRORS)
    return Library(
        ffi,
        lib,
        Completions(ffi, lib.ZOO_SESSION_EVENT),
        ffi.addressof(lib, "ZOO_OPEN_ACL_UNSAFE"),
        lib.ZOO_CONNECTED_STATE,
        (0, lib.ZOO_NOTCONNECTED_STATE, lib.ZOO_EXPIRED_SESSION_STATE, lib.ZOO_AUTH_FAILED_STATE),
        lib.ZOOKEEPER_READ,
        lib.ZOOKEEPER_WRITE,
    )


def _open(ffi: Any, names: tuple[str, ...]) -> Any:
    problems = []
    for name in names:
        try:
            return ffi.dlopen(name)
        except OSError as error:
            problems.append(str(error))
    problem = f"ZooKeeper's C library is missing, looked for {' and '.join(names)} ({problems[0]})"
    raise ConfigurationError(_SETTING, _VALUE, problem, _REMEDY)
