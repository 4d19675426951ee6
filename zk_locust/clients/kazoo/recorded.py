"""The kazoo client with a history: it notes each request as kazoo reads its reply, or gives it up.

kazoo tells applications of no transaction, but its connection reads the header of each reply. What that reads is noted
in the order of the wire, for each request that kazoo sends: those of its recipes too.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from kazoo.exceptions import ZookeeperError
from kazoo.protocol import serialization as wire
from kazoo.protocol.states import KazooState, KeeperState, ZnodeStat

from zk_locust.clients.history_rows import CREATE_FLAGS, Journal, clock_ns, header, note
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.kazoo.client import KazooZooKeeperClient
from zk_locust.clients.native import jute
from zk_locust.contract import history_format as history
from zk_locust.contract.sasl_options import KazooOptions

_KINDS: Final[dict[type[Any], int]] = {
    wire.Create: history.CREATE,
    wire.Create2: history.CREATE,
    wire.Delete: history.DELETE,
    wire.Exists: history.EXISTS,
    wire.GetData: history.GET,
    wire.SetData: history.SET,
    wire.GetChildren: history.GET_CHILDREN,
    wire.GetChildren2: history.GET_CHILDREN,
    wire.Sync: history.SYNC,
}
_WITH_STAT: Final = (history.EXISTS, history.GET, history.SET)
_NOT_ITS_OWN: Final = (0, -2)
"""Codes of steps of a transaction that another step has ended."""
_SENT: Final = "zk_locust_sent_ns"
"""The attribute of kazoo's result that says when its request was made; it goes once the request was noted."""


class RecordedKazooClient(KazooZooKeeperClient):
    """A KazooZooKeeperClient that notes everything in a journal. Its handler must be one of gevent's."""

    def __init__(
        self,
        settings: ClientSettings,
        journal: Journal,
        options: KazooOptions | None = None,
        *,
        credentials: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        super().__init__(settings, options, credentials=credentials)
        self._rows = journal.rows
        self._session_id = self._timeout_ms = 0
        kazoo = self._kazoo
        connection = kazoo._connection
        self._call: Callable[..., Any] = kazoo._call
        self._notify_pending: Callable[..., Any] = kazoo._notify_pending
        self._invoke: Callable[..., Any] = connection._invoke
        self._read_response: Callable[..., Any] = connection._read_response
        self._read_event: Callable[..., Any] = connection._read_watch_event
        kazoo._call, kazoo._notify_pending = self._note_call, self._note_given_up
        connection._invoke = self._note_granted
        connection._read_response, connection._read_watch_event = self._note_response, self._note_event
        kazoo.add_listener(self._note_state)

    def close(self) -> None:
        """Close two descriptors that kazoo keeps otherwise, and note what it still waits for."""
        self._note_waiting()
        super().close()

    def note_all_read(self, member: str) -> None:
        """Note that all nodes of the load were read at the member, by its address."""
        note(self._rows, self._session_id, history.ALL_READ, member)

    def note_lock(self, path: str, *, held: bool) -> None:
        """Note that the lock at the path is held from now on, or until now."""
        note(self._rows, self._session_id, history.HELD if held else history.RELEASED, path)

    # ---- In the greenlets of users.

    def _note_call(self, request: Any, result: Any) -> Any:
        if result is not None:
            setattr(result, _SENT, clock_ns())
        return self._call(request, result)

    # ---- In kazoo's own greenlet.

    def _note_granted(self, limit_s: float, request: Any, xid: int | None = None) -> Any:
        answer = self._invoke(limit_s, request, xid)
        if isinstance(request, wire.Connect):
            self._timeout_ms = answer[0].time_out
        return answer

    def _note_response(self, head: Any, buffer: Any, offset: int) -> Any:
        pending = self._kazoo._pending
        request, result, _ = pending[0] if pending else (None, None, 0)
        answer = self._read_response(head, buffer, offset)
        if isinstance(request, wire.Close):
            note(self._rows, self._session_id, history.CLOSED, "", (head.xid, head.zxid, 0))
        else:
            self._note(request, result, head.xid, head.zxid, head.err, buffer[offset:])
        return answer

    def _note_event(self, buffer: Any, offset: int) -> None:
        event, _ = wire.Watch.deserialize(buffer, offset)
        note(self._rows, self._session_id, history.EVENT, self._kazoo.unchroot(event.path), (-1, -1, event.type))
        self._read_event(buffer, offset)

    def _note_state(self, state: str) -> None:
        kazoo = self._kazoo
        if state == KazooState.CONNECTED:
            self._session_id = int(kazoo.client_id[0])
            note(self._rows, self._session_id, history.CONNECTED, "", (self._timeout_ms, 0, 0))
        elif state == KazooState.SUSPENDED:
            note(self._rows, self._session_id, history.LOST)
            # kazoo ends them, and sets none again.
            note(self._rows, self._session_id, history.WATCHES_ENDED)
        elif kazoo.client_state == KeeperState.EXPIRED_SESSION:
            note(self._rows, self._session_id, history.EXPIRED)

    def _note_given_up(self, state: str) -> None:
        self._note_waiting()
        self._notify_pending(state)

    def _note_waiting(self) -> None:
        kazoo = self._kazoo
        for request, result, xid in tuple(kazoo._pending):
            self._note(request, result, xid, 0, history.UNDECIDED)
        for request, result in tuple(kazoo._queue):
            self._note(request, result, 0, 0, history.UNDECIDED)

    def _note(self, request: Any, result: Any, xid: int, zxid: int, code: int, record: bytes = b"") -> None:
        """Note a request, once. `code` is 0 for one whose result kazoo has, which it has read from the `record`."""
        sent_ns = getattr(result, _SENT, 0)
        if not sent_ns:
            return
        setattr(result, _SENT, 0)
        if not code and result.exception is not None:  # the reply is malformed
            code = history.UNDECIDED
        if isinstance(request, wire.Transaction):
            self._note_steps(request.operations, result, sent_ns, xid, zxid, code)
        elif kind := _KINDS.get(type(request)):
            self._add(request, kind, sent_ns, result.value if not code else None, xid, zxid, code, record)

    def _note_steps(self, steps: Sequence[Any], result: Any, sent_ns: int, xid: int, zxid: int, code: int) -> None:
        results = result.value if not code else [None] * len(steps)
        failures = [int(each.code) for each in results if isinstance(each, ZookeeperError)]
        if failures:  # steps that were not carried out because another one has failed have codes of their own
            code = next((each for each in failures if each not in _NOT_ITS_OWN), failures[0])
        for step, told in zip(steps, results if not code else [None] * len(steps), strict=False):
            if kind := _KINDS.get(type(step)):
                self._add(step, kind | history.IN_MULTI, sent_ns, told, xid, zxid, code)

    def _add(
        self, request: Any, what: int, sent_ns: int, told: Any, xid: int, zxid: int, code: int, record: bytes = b""
    ) -> None:
        kind, path, tail, value = what & history.KIND_MASK, self._kazoo.unchroot(request.path), b"", b""
        if kind == history.CREATE:
            what |= CREATE_FLAGS[request.flags & 3]
            path = path if told is None else self._kazoo.unchroot(told if isinstance(told, str) else told[0])
        elif getattr(request, "watcher", None) is not None:
            what |= history.WATCH
        if kind in (history.CREATE, history.SET):
            value = request.data or b""
        elif kind == history.GET and told is not None:
            value = told[0]
        elif kind == history.GET_CHILDREN and told is not None:
            what, tail = what | history.NAMES, record
        stat = told[1] if kind == history.GET and told is not None else told
        if kind in _WITH_STAT and isinstance(stat, ZnodeStat):
            what, tail = what | history.STAT, jute.STAT.pack(*stat)
        rows = self._rows
        rows += (sent_ns, clock_ns(), self._session_id, what, path, value, header(16, xid, zxid, code) + tail)
