"""What a recorded client notes of operations that got no reply, and of those that it does not record."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from tests.unit.consistency.histories import ROOT
from zk_locust.clients.history_rows import COLUMNS
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import jute
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.clients.native.requests import SetData
from zk_locust.contract import history_format as history
from zk_locust.contract.errors import ClientError


def killed(*_: Any) -> None:
    raise gevent.GreenletExit


def recorded(connection: Any) -> tuple[RecordedNativeClient, list[Any]]:
    journal = SimpleNamespace(rows=[])
    client = RecordedNativeClient(ClientSettings("127.0.0.1:1"), journal)
    client._session.connection = connection
    return client, journal.rows


WATCHING: list[tuple[str, int, Callable[[RecordedNativeClient, Any], object]]] = [
    ("get", history.GET, lambda client, watch: client.get(ROOT, watch)),
    ("exists", history.EXISTS, lambda client, watch: client.exists(ROOT, watch)),
    ("get_children", history.GET_CHILDREN, lambda client, watch: client.get_children(ROOT, watch)),
]


@pytest.mark.parametrize("watch", [None, print], ids=["without a watch", "with a watch"])
@pytest.mark.parametrize(("name", "kind", "ask"), WATCHING, ids=[name for name, _, _ in WATCHING])
def test_a_watch_without_a_reply_is_noted_as_one(name: str, kind: int, ask: Any, watch: Any) -> None:
    client, rows = recorded(SimpleNamespace(call=killed, last_zxid=0))
    with pytest.raises(gevent.GreenletExit):
        ask(client, watch)
    assert len(rows) == COLUMNS
    assert rows[3] == kind | (0 if watch is None else history.WATCH)


@pytest.mark.parametrize("include_data", [False, True], ids=["names", "with a stat"])
def test_the_names_of_children_are_noted(include_data: bool) -> None:
    reply = (
        jute.REPLY.pack(16, 1, 9, 0) + jute.strings(["a", "ä"]) + (jute.STAT.pack(*[0] * 11) if include_data else b"")
    )
    client, rows = recorded(SimpleNamespace(call=lambda *_: reply))
    result = client.get_children(ROOT, include_data=True)[0] if include_data else client.get_children(ROOT)
    result.clear()  # a caller may
    assert rows[3] == history.GET_CHILDREN | history.NAMES
    assert rows[5:7] == [b"", reply]


def test_a_value_alone_is_noted_as_the_read_that_it_is() -> None:
    client, rows = recorded(SimpleNamespace(call=killed, last_zxid=0))
    with pytest.raises(gevent.GreenletExit):
        client.get_value(ROOT)
    assert rows[3::COLUMNS] == [history.GET]


def test_a_pipeline_is_noted_as_not_recorded() -> None:
    client, rows = recorded(None)
    with pytest.raises(ClientError):  # it was never started
        list(client.pipeline([SetData(ROOT, b"")]))
    assert rows[3::COLUMNS] == [history.UNRECORDED]
