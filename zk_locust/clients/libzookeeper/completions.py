"""The library's callbacks into this process, and the operations that wait for them.

The callbacks live as long as the process. The library passes each the number of an operation or a handle. A number
without a waiter (its greenlet was killed, its time is over, its handle is closed) is ignored. A callback only notes the
reply, because the library is still at work; `Handle` switches to greenlets later.

Pointers are valid only during the callback (zookeeper.h), so everything is copied.
"""

import itertools
import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from kazoo.protocol.states import ZnodeStat

from zk_locust.clients.libzookeeper import cdef
from zk_locust.clients.native.watches import EXIST, Watch, Watches

# struct Stat of zookeeper.jute.h, with the machine's own alignment.
_STAT: Final = struct.Struct("@4q3iq2iq")


class Session(Protocol):
    """What a handle is to its callbacks."""

    pending: "dict[int, Call]"
    ready: "list[Call]"
    fired: list[tuple[int, str]]
    watches: Watches


class Call:
    """One outstanding operation. `code` is one of ZOO_ERRORS; `greenlet` is None while no greenlet waits."""

    __slots__ = ("code", "deadline", "greenlet", "number", "result", "session", "watch")

    def __init__(
        self, session: Session, number: int, deadline: float, watch: tuple[int, str, Watch] | None = None
    ) -> None:
        self.session = session
        self.number = number
        self.deadline = deadline
        self.watch = watch
        self.greenlet: Any = None
        self.code = cdef.OK
        self.result: Any = None


class Completions:
    """One C function for each kind of completion, one for watches, one for the log."""

    def __init__(self, ffi: Any, session_event: int) -> None:
        self.calls: dict[int, Call] = {}
        self.sessions: dict[int, Session] = {}
        self.next_number = itertools.count(1).__next__
        self.raised: list[BaseException] = []
        self.last_log = ""
        calls, sessions = self.calls, self.sessions
        buffer, unpack, string = ffi.buffer, ffi.unpack, ffi.string
        unpack_stat, make_stat = _STAT.unpack, ZnodeStat._make

        def done(number: int, code: int, result: Any) -> None:
            call = calls.pop(number, None)
            if call is None:
                return
            session = call.session
            del session.pending[number]
            call.code = code
            call.result = result
            if call.watch is not None and (code == 0 or (code == cdef.NO_NODE and call.watch[0] == EXIST)):
                session.watches.add(*call.watch)
            session.ready.append(call)

        def on_void(code: int, number: int) -> None:
            done(number, code, None)

        def on_stat(code: int, stat: Any, number: int) -> None:
            done(number, code, None if code else make_stat(unpack_stat(buffer(stat))))

        def on_data(code: int, value: Any, length: int, stat: Any, number: int) -> None:
            if code:
                done(number, code, None)
                return
            # A node without data has the length -1.
            data = buffer(value, length)[:] if length > 0 else b""
            done(number, code, (data, make_stat(unpack_stat(buffer(stat)))))

        def on_string(code: int, value: Any, number: int) -> None:
            done(number, code, None if code else text(value))

        def on_strings(code: int, strings: Any, number: int) -> None:
            done(number, code, None if code else names(strings))

        def on_strings_stat(code: int, strings: Any, stat: Any, number: int) -> None:
            done(number, code, None if code else (names(strings), make_stat(unpack_stat(buffer(stat)))))

        def names(strings: Any) -> list[str]:
            return [text(name) for name in unpack(strings.data, strings.count)] if strings.count else []

        def text(characters: Any) -> str:
            return string(characters).decode(errors="surrogateescape")  # type: ignore[no-any-return]

        def on_event(_handle: Any, kind: int, _state: int, path: Any, number: int) -> None:
            session = sessions.get(number)
            # Changes of the session's state are read from the handle itself.
            if session is not None and kind != session_event:
                session.fired.append((kind, text(path)))

        def on_log(message: Any) -> None:
            # time:pid:level@function@line: text
            self.last_log = text(message).split("@", 2)[-1].partition(": ")[2]

        def escaped(_kind: Any, error: BaseException, _traceback: Any) -> None:
            self.raised.append(error)

        def c_function(kind: str, function: Callable[..., None]) -> Any:
            return ffi.callback(kind, function, onerror=escaped)

        self.on_void = c_function("void_completion_t", on_void)
        self.on_stat = c_function("stat_completion_t", on_stat)
        self.on_data = c_function("data_completion_t", on_data)
        self.on_string = c_function("string_completion_t", on_string)
        self.on_strings = c_function("strings_completion_t", on_strings)
        self.on_strings_stat = c_function("strings_stat_completion_t", on_strings_stat)
        self.on_event = c_function("watcher_fn", on_event)
        self.on_log = c_function("log_callback_fn", on_log)
