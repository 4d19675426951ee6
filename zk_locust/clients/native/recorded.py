"""The native client with a history: it notes each operation as its reply is handled, or as it becomes undecided.

A row of `history_rows.COLUMNS` values is noted as it is; the journal makes records of many at once, which is cheaper.
The methods are those of NativeClient once more, so that a client without a history does not pay for it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal, overload

from kazoo.protocol.states import ZnodeStat

from zk_locust.clients.history_rows import CREATE_FLAGS, Journal, note, note_unrecorded
from zk_locust.clients.interface import ClientSettings, Watch
from zk_locust.clients.native import jute, protocol
from zk_locust.clients.native.client import (
    _ANY_VERSION,
    _NO_WATCH,
    _WATCH,
    PIPELINE_WINDOW,
    NativeClient,
    _length,
)
from zk_locust.clients.native.handshake import Credential
from zk_locust.clients.native.requests import Create, Delete, Request, Result, SetData, Step, multi_body, multi_results
from zk_locust.clients.native.watches import CHILD, DATA, EXIST
from zk_locust.contract import history_format as history
from zk_locust.contract.errors import NoNodeError, ServerError

_clock_ns: Final = time.perf_counter_ns
_header: Final = jute.REPLY.pack
_STAT: Final = history.STAT
_GET: Final = history.GET | _STAT
_GET_AND_WATCH: Final = history.GET | history.WATCH
_DELETE: Final = history.DELETE
_CREATES: Final = tuple(history.CREATE | flags for flags in CREATE_FLAGS)
_SET: Final = history.SET | _STAT
_EXISTS: Final = history.EXISTS | _STAT


class RecordedNativeClient(NativeClient):
    """A NativeClient that notes everything in a journal; of operations through `pipeline` only that there were some."""

    __slots__ = ("_rows",)

    def __init__(self, settings: ClientSettings, journal: Journal, *, credentials: Sequence[Credential] = ()) -> None:
        super().__init__(settings, credentials=credentials)
        self._rows = journal.rows
        self._session.note = self._note_of_session

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        """Return value and stat."""
        session = self._session
        connection = session.connection or session.usable_connection()
        session_id = session.session_id
        body = self._paths[path] + (_NO_WATCH if watch is None else _WATCH)
        sent_ns = _clock_ns()
        try:
            reply = connection.call(protocol.GET_DATA, body)
            result = jute.read_data_and_stat(reply)
        except BaseException as error:
            what = history.GET if watch is None else _GET_AND_WATCH  # a member may have set it
            raise self._failed(error, connection, sent_ns, session_id, what, path) from None
        what = _GET
        if watch is not None:
            self._watch(DATA, path, watch)
            what |= history.WATCH
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, what, path, result[0], reply)
        return result

    def get_value(self, path: str, watch: Watch | None = None) -> bytes:
        """Return the value alone; the stat is read for many replies at once, by the journal."""
        session = self._session
        connection = session.connection or session.usable_connection()
        session_id = session.session_id
        body = self._paths[path] + (_NO_WATCH if watch is None else _WATCH)
        sent_ns = _clock_ns()
        try:
            reply = connection.call(protocol.GET_DATA, body)
            value = jute.read_data(reply)
        except BaseException as error:
            what = history.GET if watch is None else _GET_AND_WATCH  # a member may have set it
            raise self._failed(error, connection, sent_ns, session_id, what, path) from None
        what = _GET
        if watch is not None:
            self._watch(DATA, path, watch)
            what |= history.WATCH
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, what, path, value, reply)
        return value

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        """Return the stat, or None where there is no such node; then the watch waits for its creation."""
        session = self._session
        connection = session.connection or session.usable_connection()
        session_id = session.session_id
        body = self._paths[path] + (_NO_WATCH if watch is None else _WATCH)
        flags = 0 if watch is None else history.WATCH
        sent_ns = _clock_ns()
        try:
            reply = connection.call(protocol.EXISTS, body)
            result = jute.read_stat(reply)
        except NoNodeError as error:
            if watch is not None:
                self._watch(EXIST, path, watch)
            self._failed(error, connection, sent_ns, session_id, history.EXISTS | flags, path)
            return None
        except BaseException as error:
            raise self._failed(error, connection, sent_ns, session_id, history.EXISTS | flags, path) from None
        if watch is not None:
            self._watch(DATA, path, watch)
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, _EXISTS | flags, path, b"", reply)
        return result

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        """Replace the value and return the new stat; `version` -1 matches any."""
        session = self._session
        connection = session.connection or session.usable_connection()
        session_id = session.session_id
        tail = _ANY_VERSION if version == -1 else _length(version)
        body = self._paths[path] + _length(len(value)) + value + tail
        sent_ns = _clock_ns()
        try:
            reply = connection.call(protocol.SET_DATA, body)
            result = jute.read_stat(reply)
        except BaseException as error:
            raise self._failed(error, connection, sent_ns, session_id, history.SET, path, value) from None
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, _SET, path, value, reply)
        return result

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node that everybody may use; return its path, with the sequence number where there is one."""
        connection = self._session.connection or self._session.usable_connection()
        session_id = self._session.session_id
        request = Create(path, value, ephemeral, sequence)
        body = request.body(self._paths)
        what = _CREATES[ephemeral + 2 * sequence]
        sent_ns = _clock_ns()
        try:
            reply = connection.call(protocol.CREATE, body)
            made = request.result(reply, self._paths)
        except BaseException as error:
            raise self._failed(error, connection, sent_ns, session_id, what, path, value) from None
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, what, made, value, reply)
        return made

    def delete(self, path: str, version: int = -1) -> None:
        """Remove a node without children."""
        connection = self._session.connection or self._session.usable_connection()
        session_id = self._session.session_id
        body = self._paths[path] + (_ANY_VERSION if version == -1 else _length(version))
        sent_ns = _clock_ns()
        try:
            reply = connection.call(protocol.DELETE, body)
            jute.read_nothing(reply)
        except BaseException as error:
            raise self._failed(error, connection, sent_ns, session_id, history.DELETE, path) from None
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, _DELETE, path, b"", reply)

    @overload
    def get_children(self, path: str, watch: Watch | None = ..., include_data: Literal[False] = ...) -> list[str]: ...
    @overload
    def get_children(
        self, path: str, watch: Watch | None = ..., *, include_data: Literal[True]
    ) -> tuple[list[str], ZnodeStat]: ...
    def get_children(
        self, path: str, watch: Watch | None = None, include_data: bool = False
    ) -> list[str] | tuple[list[str], ZnodeStat]:
        """Return the names of the children, in no order; with `include_data`, also the parent's stat."""
        connection = self._session.connection or self._session.usable_connection()
        session_id = self._session.session_id
        opcode = protocol.GET_CHILDREN2 if include_data else protocol.GET_CHILDREN
        body = self._paths[path] + (_NO_WATCH if watch is None else _WATCH)
        what = history.GET_CHILDREN if watch is None else history.GET_CHILDREN | history.WATCH
        sent_ns = _clock_ns()
        result: list[str] | tuple[list[str], ZnodeStat]
        try:
            reply = connection.call(opcode, body)
            result = jute.read_children_and_stat(reply) if include_data else jute.read_children(reply)
        except BaseException as error:
            raise self._failed(error, connection, sent_ns, session_id, what, path) from None
        if watch is not None:
            self._watch(CHILD, path, watch)
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, what | history.NAMES, path, b"", reply)
        return result

    def multi(self, steps: Sequence[Step]) -> list[Result]:
        """Carry out all steps or none; return their results. Raises the error of the step that failed."""
        connection = self._session.connection or self._session.usable_connection()
        session_id = self._session.session_id
        body = multi_body(steps, self._paths)
        sent_ns = _clock_ns()
        reply = b""
        try:
            reply = connection.call(protocol.MULTI, body)
            results = multi_results(reply, steps, self._paths)
        except BaseException as error:
            # A transaction that has failed has a reply, with a transaction of its own.
            zxid = jute.REPLY.unpack_from(reply)[2] if reply else 0
            for step in steps:
                if what := _what_of(step):
                    value = getattr(step, "value", b"")
                    self._failed(
                        error, connection, sent_ns, session_id, what | history.IN_MULTI, step.path, value, zxid
                    )
            raise self._decided(error, connection) from None
        header = reply[: jute.RECORD]
        for step, result in zip(steps, results, strict=True):
            what, path, tail = _what_of(step) | history.IN_MULTI, step.path, b""
            if isinstance(result, str):
                path = result
            elif isinstance(result, ZnodeStat):
                what, tail = what | _STAT, jute.STAT.pack(*result)
            if what & history.KIND_MASK:
                rows = self._rows
                rows += (sent_ns, _clock_ns(), session_id, what, path, getattr(step, "value", b""), header + tail)
        return results

    def sync(self, path: str) -> None:
        """Have the member catch up with the leader before it answers later reads."""
        connection = self._session.connection or self._session.usable_connection()
        session_id = self._session.session_id
        sent_ns = _clock_ns()
        try:
            reply = connection.call(protocol.SYNC, self._paths[path])
        except BaseException as error:
            raise self._failed(error, connection, sent_ns, session_id, history.SYNC, path) from None
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, history.SYNC, path, b"", reply)

    def pipeline(self, requests: Iterable[Request], *, window: int = PIPELINE_WINDOW) -> Iterator[Result | ServerError]:
        """Send requests, at most `window` outstanding; yield their results in order. The history is then incomplete."""
        note_unrecorded(self._rows)
        yield from super().pipeline(requests, window=window)

    def note_all_read(self, member: str) -> None:
        """Note that all nodes of the load were read at the member, by its address."""
        self._note_of_session(history.ALL_READ, self._session.session_id, member, (0, 0, 0))

    def note_lock(self, path: str, *, held: bool) -> None:
        """Note that the lock at the path is held from now on, or until now."""
        kind = history.HELD if held else history.RELEASED
        self._note_of_session(kind, self._session.session_id, path, (0, 0, 0))

    def _failed(
        self,
        error: BaseException,
        connection: Any,
        sent_ns: int,
        session_id: int,
        what: int,
        path: str,
        value: bytes = b"",
        zxid: int = 0,
    ) -> BaseException:
        """Note an operation without a result, and return the error to raise."""
        error = self._decided(error, connection)
        result, xid = history.UNDECIDED, getattr(error, "xid", 0)
        if isinstance(error, ServerError):
            result, zxid = error.error_code, zxid or connection.last_zxid
        rows = self._rows
        rows += (sent_ns, _clock_ns(), session_id, what, path, value, _header(16, xid, zxid, result))
        return error

    @staticmethod
    def _decided(error: BaseException, connection: Any) -> BaseException:
        # What the connection raises has a number; what reading the reply raises has none yet.
        is_malformed = isinstance(error, jute.MALFORMED) and not getattr(error, "xid", 0)
        return connection.malformed(error) if is_malformed else error

    def _note_of_session(self, kind: int, session_id: int, path: str, reply: tuple[int, int, int]) -> None:
        """Note what has happened to the session; `reply` are the xid, the zxid and the result to note."""
        note(self._rows, session_id, kind, path, reply)


_KINDS: Final[dict[type[object], Callable[[Any], int]]] = {
    Create: lambda step: history.CREATE | CREATE_FLAGS[step.ephemeral + 2 * step.sequence],
    SetData: lambda _: history.SET,
    Delete: lambda _: history.DELETE,
}


def _what_of(step: Step) -> int:
    """Return kind and flags of a step; 0 for one that changes nothing."""
    kind = _KINDS.get(type(step))
    return 0 if kind is None else kind(step)
