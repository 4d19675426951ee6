"""The libzookeeper client with a history: it notes each operation as the library's callback tells of its end.

The library tells neither the transaction nor the number of a reply. What a stat shows is noted: of which transaction a
`set` is, and which write a read shows. The others have the transaction 0, so their places in the order are not known.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, overload

from kazoo.protocol.states import ZnodeStat

from zk_locust.clients.history_rows import CREATE_FLAGS, Journal, clock_ns, header, note
from zk_locust.clients.interface import ClientSettings, Watch
from zk_locust.clients.libzookeeper import cdef
from zk_locust.clients.libzookeeper.client import LibZooKeeperClient
from zk_locust.clients.libzookeeper.completions import Call
from zk_locust.clients.libzookeeper.handle import Handle
from zk_locust.clients.native import jute
from zk_locust.clients.native.watches import Watch as AnyWatch
from zk_locust.contract import history_format as history

_Asked = tuple[int, int, str, bytes]
"""When it was sent, kind and flags, path and value."""
_SERVERS_ERRORS: Final = -100
"""Codes below are answers of a server (`ZOO_ERRORS`), but for those of a session that has ended."""
_CLOSING: Final = -116
_NO_ANSWERS: Final = (cdef.SESSION_EXPIRED, cdef.AUTH_FAILED, _CLOSING)


class RecordedLibZooKeeperClient(LibZooKeeperClient):
    """A LibZooKeeperClient that notes everything that the library tells in a journal."""

    __slots__ = ("_asking", "_journal")

    def __init__(
        self, settings: ClientSettings, journal: Journal, *, credentials: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        super().__init__(settings, credentials=credentials)
        self._journal = journal
        self._asking: _Asked | None = None

    def get(self, path: str, watch: Watch | None = None) -> tuple[bytes, ZnodeStat]:
        """Return value and stat."""
        self._ask(_watching(history.GET, watch), path)
        return super().get(path, watch)

    def exists(self, path: str, watch: Watch | None = None) -> ZnodeStat | None:
        """Return the stat, or None where there is no such node; then the watch waits for its creation."""
        self._ask(_watching(history.EXISTS, watch), path)
        return super().exists(path, watch)

    def set(self, path: str, value: bytes, version: int = -1) -> ZnodeStat:
        """Replace the value and return the new stat; `version` -1 matches any."""
        self._ask(history.SET, path, value)
        return super().set(path, value, version)

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        """Create a node that everybody may use; return its path, with the sequence number where there is one."""
        self._ask(history.CREATE | CREATE_FLAGS[ephemeral + 2 * sequence], path, value)
        return super().create(path, value, ephemeral=ephemeral, sequence=sequence)

    def delete(self, path: str, version: int = -1) -> None:
        """Remove a node without children."""
        self._ask(history.DELETE, path)
        super().delete(path, version)

    @overload
    def get_children(self, path: str, watch: Watch | None = ..., include_data: Literal[False] = ...) -> list[str]: ...
    @overload
    def get_children(
        self, path: str, watch: Watch | None = ..., *, include_data: Literal[True]
    ) -> tuple[list[str], ZnodeStat]: ...
    def get_children(self, path: str, watch: Watch | None = None, include_data: bool = False) -> Any:
        """Return the names of the children, in no order; with `include_data`, also the parent's stat."""
        self._ask(_watching(history.GET_CHILDREN, watch), path)
        if include_data:
            return super().get_children(path, watch, include_data=True)
        return super().get_children(path, watch)

    def add_auth(self, scheme: str, credential: bytes) -> None:
        """Add an identity to the session; the library repeats it to each member that it connects to."""
        self._asking = None
        super().add_auth(scheme, credential)

    def note_lock(self, path: str, *, held: bool) -> None:
        """Note that the lock at the path is held from now on, or until now."""
        note(self._journal.rows, self.session_id, history.HELD if held else history.RELEASED, path)

    def take_asked(self) -> _Asked | None:
        """Return what is being sent, once; None for what is not to be noted."""
        asked, self._asking = self._asking, None
        return asked

    def _ask(self, what: int, path: str, value: bytes = b"") -> None:
        self._asking = clock_ns(), what, path, value

    def _make_handle(self) -> Handle:
        settings = self.settings
        return _RecordedHandle(
            self._journal.rows, self._library, self, self._hosts, settings.session_timeout_s,
            settings.operation_timeout_s, self._credentials,
        )  # fmt: skip


def _watching(kind: int, watch: Watch | None) -> int:
    return kind if watch is None else kind | history.WATCH


class _RecordedHandle(Handle):
    """A handle that notes what the library's callbacks tell, in their order: that of the wire."""

    __slots__ = ("_asked", "_client", "_connections", "_rows")

    def __init__(self, rows: list[Any], library: Any, owner: RecordedLibZooKeeperClient, *arguments: Any) -> None:
        self._rows = rows
        self._client = owner
        self._asked: dict[int, _Asked] = {}
        self._connections = 0
        super().__init__(library, owner, *arguments)
        self.ready = _Ready(self._note)
        self.fired = _Fired(self._note_event)

    def begin(self, watch: tuple[int, str, AnyWatch] | None = None) -> Call:
        """Return a call for `finish`; pass its number to the library."""
        call = super().begin(watch)
        asked = self._client.take_asked()
        if asked is not None:
            self._asked[call.number] = asked
        return call

    def finish(self, call: Call, code: int, size_bytes: int) -> Any:
        """Wait for an operation and return its result. Raises ClientError."""
        if code != cdef.OK:
            self._asked.pop(call.number, None)  # it is not sent
        try:
            return super().finish(call, code, size_bytes)
        except BaseException:
            call.code = cdef.OPERATION_TIMEOUT  # if it was not noted: the greenlet was ended
            self._note(call)
            raise

    def _on_connected(self) -> None:
        rows = self._rows
        if self._connections:
            note(rows, self.session_id, history.LOST)
        self._connections += 1
        note(rows, self.session_id, history.CONNECTED)
        super()._on_connected()

    def _on_ended(self, code: int) -> None:
        if code == cdef.SESSION_EXPIRED:
            note(self._rows, self.session_id, history.EXPIRED)
        super()._on_ended(code)

    def _note(self, call: Call) -> None:
        asked = self._asked.pop(call.number, None)
        if asked is None:
            return
        sent_ns, what, path, value = asked
        kind, zxid, code, tail, result = what & history.KIND_MASK, 0, call.code, b"", call.result
        if code == cdef.OK:
            if kind == history.GET:
                value, result = result
            if isinstance(result, ZnodeStat):
                what, tail = what | history.STAT, jute.STAT.pack(*result)
                zxid = result.mzxid if kind == history.SET else 0
            elif kind == history.CREATE:
                path = result
        elif code > _SERVERS_ERRORS or code in _NO_ANSWERS:
            code = history.UNDECIDED
        rows = self._rows
        rows += (sent_ns, clock_ns(), self.session_id, what, path, value, header(16, 0, zxid, code) + tail)

    def _note_event(self, event: tuple[int, str]) -> None:
        kind, path = event
        note(self._rows, self.session_id, history.EVENT, path, (-1, -1, kind))


class _Ready(list[Call]):
    """Finished operations; each is noted as it is added."""

    def __init__(self, note_one: Any) -> None:
        super().__init__()
        self._note = note_one

    def append(self, call: Call) -> None:
        self._note(call)
        super().append(call)


class _Fired(list[tuple[int, str]]):
    """Watch events; each is noted as it is added."""

    def __init__(self, note_one: Any) -> None:
        super().__init__()
        self._note = note_one

    def append(self, event: tuple[int, str]) -> None:
        self._note(event)
        super().append(event)
