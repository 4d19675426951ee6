"""Service time ends when the reply reached the machine, where the user's client knows it."""

import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import gevent
import pytest

from tests.unit.load.fakes import FakeZooKeeper, Recorded, environment, locust_client, options
from tests.unit.native.fake_server import OK, FakeServer, Request, reply
from zk_locust.clients.interface import NO_REPLY
from zk_locust.clients.native import arrival, protocol
from zk_locust.load import timer
from zk_locust.load.locust_client import LocustClient
from zk_locust.load.timer import LocustTimer
from zk_locust.load.users import ZKLocust

_BLOCK_MS = 50.0


@pytest.fixture(autouse=True)
def _adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "_latest", timer.TimerSettings())


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def client(recorded: Recorded) -> Iterator[LocustClient]:
    """Return a client of a server that answers, and then occupies the hub, which is also the client's."""

    def act(request: Request) -> None:
        request.link.sendall(reply(request.xid, OK.get(request.opcode, b"")))
        if request.opcode == protocol.GET_DATA:
            time.sleep(_BLOCK_MS / 1000)

    with FakeServer(act) as server:
        made = LocustClient(options(hosts=server.hosts, client="native"), events=recorded.events)
        made.start()
        zookeeper = made.get_zk_client()
        for _ in range(100):  # the kernel begins to stamp shortly after the first socket has asked for it
            zookeeper.exists("/a")
            if made.last_arrival_ns():
                break
            gevent.sleep(0.01)
        yield made
        made.stop()


def timed_ms(client: LocustClient, after_s: float = 0.0) -> float:
    """Time a get, and return how long the block took, milliseconds."""
    began = time.perf_counter()
    with client.timer("get"):
        client.get_zk_client().get("/a")
        if after_s:
            gevent.sleep(after_s)
    return 1000 * (time.perf_counter() - began)


def test_what_a_reply_waits_for_in_the_worker_is_not_service_time(client: LocustClient, recorded: Recorded) -> None:
    block_ms = timed_ms(client)
    (service_ms,) = recorded.times_ms
    assert 0 < service_ms <= block_ms - 0.9 * _BLOCK_MS


def test_an_operation_that_ends_after_its_reply_ends_by_the_clock(client: LocustClient, recorded: Recorded) -> None:
    timed_ms(client, after_s=0.02)
    (service_ms,) = recorded.times_ms
    assert service_ms >= _BLOCK_MS + 20


def test_an_arrival_before_the_sending_is_not_used(
    client: LocustClient, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the wall clock had been set forward by a second between arrival and handling.
    monkeypatch.setattr(arrival, "_second", -1)  # the clocks are compared when stamps show another second
    monkeypatch.setattr(arrival, "_second_ns", 0)
    monkeypatch.setattr(arrival, "_wall_ns", lambda: time.time_ns() + 1_000_000_000)
    timed_ms(client)
    (service_ms,) = recorded.times_ms
    assert service_ms >= _BLOCK_MS


def test_timers_of_a_users_greenlet_know_it_and_those_of_nobody_do_not(recorded: Recorded) -> None:
    kind: Any = type("User", (ZKLocust,), {"abstract": True})
    user = kind(environment(recorded, hosts="127.0.0.1:1", client="native"))
    assert user.timer_settings.last_reply is user.client._made().last_reply

    def run(user: Any) -> Any:
        del user
        return LocustTimer("op")._settings

    assert gevent.spawn(run, user).get() is user.timer_settings
    assert LocustTimer("op")._settings.last_reply is NO_REPLY


def test_clients_that_do_not_know_it_end_by_the_clock(recorded: Recorded) -> None:
    client = locust_client(FakeZooKeeper(), recorded)
    assert client.last_arrival_ns() == 0
    client._zk = mock.Mock(spec_set=["get", "stop", "close"])  # of a locustfile
    timed_ms(client, after_s=0.01)
    assert recorded.times_ms[0] >= 10
    client.stop()
    assert client.last_arrival_ns() == 0
