"""What clients note that read replies by a library: of transactions, and of requests that got no reply."""

from types import SimpleNamespace
from typing import Any

import pytest
from kazoo.exceptions import NoNodeError, RolledBackError, RuntimeInconsistency
from kazoo.protocol import serialization as wire
from kazoo.protocol.states import KazooState, ZnodeStat

from tests.unit.consistency.histories import ROOT, X, Y
from zk_locust.clients.history_rows import COLUMNS
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.kazoo.handlers import TimedResult
from zk_locust.clients.kazoo.recorded import RecordedKazooClient
from zk_locust.clients.native import jute
from zk_locust.contract import history_format as history

STAT = ZnodeStat(1, 5, 0, 0, 2, 0, 0, 0, 3, 0, 1)


class Recorded:
    """A recorded kazoo client that is not connected, and what it has noted."""

    def __init__(self, chroot: str = "") -> None:
        self.rows: list[Any] = []
        self.client = RecordedKazooClient(ClientSettings(f"127.0.0.1:1{chroot}"), SimpleNamespace(rows=self.rows))
        self.kazoo = self.client._kazoo

    def send(self, request: Any, xid: int) -> TimedResult:
        """Have a request be under way."""
        result = TimedResult()
        result.zk_locust_sent_ns = 7
        self.kazoo._pending.append((request, result, xid))
        return result

    def arrive(self, xid: int, zxid: int, code: int, record: bytes = b"") -> None:
        """Have its reply arrive."""
        self.kazoo._connection._read_response(wire.ReplyHeader(xid, zxid, code), record, 0)

    def noted(self) -> list[tuple[int, str, bytes, tuple[int, int, int]]]:
        """Return kind and flags, path, value, and (xid, zxid, result) of each row."""
        rows = [self.rows[at : at + COLUMNS] for at in range(0, len(self.rows), COLUMNS)]
        return [(row[3], row[4], row[5], jute.REPLY.unpack_from(row[6])[1:]) for row in rows]


def test_a_reply_is_noted_with_its_transaction_and_what_it_shows() -> None:
    of = Recorded("/below")
    of.send(wire.GetData(f"/below{X}", print), 1)
    of.arrive(1, 9, 0, jute.buffer(b"abc") + jute.STAT.pack(*STAT))
    of.send(wire.Create(f"/below{X}/n-", b"v", [], 3), 2)
    of.arrive(2, 10, 0, jute.string(f"/below{X}/n-0000000004"))
    of.send(wire.Exists(f"/below{Y}", None), 3)
    of.arrive(3, 11, -101)
    of.send(wire.GetChildren2(f"/below{X}", None), 4)
    of.arrive(4, 12, 0, jute.strings(["b", "a"]) + jute.STAT.pack(*STAT))
    of.send(wire.GetChildren(f"/below{X}", print), 5)
    of.arrive(5, 13, 0, jute.strings([]))
    create = history.CREATE | history.EPHEMERAL | history.SEQUENCE
    children = history.GET_CHILDREN | history.NAMES
    assert of.noted() == [
        (history.GET | history.STAT | history.WATCH, X, b"abc", (1, 9, 0)),
        (create, f"{X}/n-0000000004", b"v", (2, 10, 0)),
        (history.EXISTS, Y, b"", (3, 11, -101)),
        (children, X, b"", (4, 12, 0)),
        (children | history.WATCH, X, b"", (5, 13, 0)),
    ]
    records = [of.rows[at][jute.RECORD :] for at in (6 + 3 * COLUMNS, 6 + 4 * COLUMNS)]
    assert records == [jute.strings(["b", "a"]) + jute.STAT.pack(*STAT), jute.strings([])]
    assert of.rows[6].endswith(jute.STAT.pack(*STAT))


def test_the_time_limit_that_a_member_grants_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    of = Recorded()
    granted = wire.Connect(0, 0, 4_500, 77, b"", False), None
    monkeypatch.setattr(of.client, "_invoke", lambda *_: granted)
    connect = wire.Connect(0, 0, 4_000, 0, b"", False)
    assert of.kazoo._connection._invoke(1.0, connect) == granted
    of.kazoo._session_id = 77
    of.kazoo._live.set()
    of.client._note_state(KazooState.CONNECTED)
    assert of.noted() == [(history.CONNECTED, "", b"", (4_500, 0, 0))]


def test_steps_of_a_transaction_have_the_error_of_the_one_that_failed() -> None:
    steps = [wire.SetData(X, b"1", -1), wire.Delete(Y, -1), wire.CheckVersion(X, 1), wire.SetData(ROOT, b"2", -1)]
    of = Recorded()
    result = of.send(wire.Transaction(steps), 4)
    result.set([RolledBackError(), NoNodeError(), RuntimeInconsistency(), RuntimeInconsistency()])
    request, _, xid = of.kazoo._pending.pop()
    of.client._note(request, result, xid, 12, 0)
    in_multi, told = history.IN_MULTI, (4, 12, history.NO_NODE)
    assert of.noted() == [
        (history.SET | in_multi, X, b"1", told),
        (history.DELETE | in_multi, Y, b"", told),
        (history.SET | in_multi, ROOT, b"2", told),
    ]


def test_what_got_no_reply_is_undecided_once_and_ends_with_the_watches() -> None:
    of = Recorded()
    of.kazoo.state = KazooState.CONNECTED
    of.send(wire.SetData(X, b"1", -1), 5)
    waiting = TimedResult()
    waiting.zk_locust_sent_ns = 8
    of.kazoo._queue.append((wire.Delete(Y, -1), waiting))
    of.kazoo._notify_pending("CONNECTING")
    of.client.close()
    assert [row for row in of.noted() if row[0] < history.EVENT] == [
        (history.SET, X, b"1", (5, 0, history.UNDECIDED)),
        (history.DELETE, Y, b"", (0, 0, history.UNDECIDED)),
    ]
    of.client._note_state(KazooState.SUSPENDED)
    assert [row[0] for row in of.noted()][-2:] == [history.LOST, history.WATCHES_ENDED]
