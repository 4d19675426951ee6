"""Sessions of the libzookeeper client that end or are lost, members that go and come, and greenlets that are killed."""

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent
import psutil
import pytest
from kazoo.client import KazooClient
from kazoo.handlers.gevent import SequentialGeventHandler
from kazoo.protocol.states import WatchedEvent

from lab.zookeeper_server import ZooKeeperServers
from tests.integration.clients import User, begin, in_thread, require_library, restart, restart_in_turn, until
from tests.integration.libzookeeper.handling import (
    Start,
    Ticks,
    descriptor,
    member_of,
    on_a_follower,
    outcome_of,
    pause,
)
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.libzookeeper import LibZooKeeperClient, cdef, farewell, library
from zk_locust.contract.errors import (
    ConnectError,
    ConnectionLossError,
    OperationTimeoutError,
    SessionExpiredError,
)

pytestmark = pytest.mark.integration


# ---- Connections and sessions that end.


def test_a_send_that_fails_leaves_nothing_behind(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, session_s=20.0)
    client.create("/severed", b"0")
    session_id = client.session_id
    for _ in range(5):
        pause(standalone, 0)
        waiting = [gevent.spawn(outcome_of, client.get, "/severed") for _ in range(3)]
        gevent.sleep(0.05)
        # Without a turn of the loop in between: the library itself finds the connection broken, and closes it.
        farewell.sever(descriptor(client))
        waiting.append(gevent.spawn(outcome_of, client.set, "/severed", b"0"))
        standalone.resume(0)
        gevent.joinall(waiting, timeout=60, raise_error=True)
        assert {type(greenlet.value) for greenlet in waiting} == {ConnectionLossError}
        until(lambda: client.connected)
        results = [gevent.spawn(client.get, "/severed") for _ in range(3)]
        gevent.joinall(results, timeout=60, raise_error=True)
        assert [result.value[0] for result in results] == [b"0"] * 3
    assert client.session_id == session_id


def test_no_watcher_outlives_a_descriptor_that_was_closed_within_another_call(
    standalone: ZooKeeperServers, start: Start
) -> None:
    client = start(standalone.hosts, session_s=20.0)
    handle, loaded = client._handle, library.load()
    assert handle is not None
    session_id = client.session_id
    farewell.sever(descriptor(client))
    # The send fails, so the library closes the descriptor, and returns OK.
    assert loaded.lib.zoo_aget(handle.pointer, b"/", 0, loaded.completions.on_data, 0) == cdef.OK
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor(client))
    with pytest.raises(ConnectionLossError):
        handle.finish(handle.begin(), cdef.INVALID_STATE, 1)
    if handle._io is not None:
        os.fstat(handle._io.fd)
    until(lambda: client.connected)
    assert client.exists("/") is not None
    assert client.session_id == session_id


def test_a_session_that_ends_within_a_send_leaves_no_timer(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, session_s=20.0, operation_s=0.3)
    handle = client._handle
    assert handle is not None
    call = handle.begin()
    handle._on_ended(cdef.SESSION_EXPIRED)
    with pytest.raises(SessionExpiredError):
        handle.finish(call, cdef.OK, 1)
    assert handle._timer is None
    until(lambda: client.connected)


def test_time_is_over_and_the_late_reply_concerns_nobody(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, session_s=20.0, operation_s=0.3)
    client.create("/late", b"right")
    client.create("/late-other", b"wrong")
    session_id = client.session_id
    pause(standalone, 0)
    try:
        began = time.monotonic()
        with pytest.raises(OperationTimeoutError, match=r"within 0\.3 s"):
            client.get("/late-other")
        assert 0.25 < time.monotonic() - began < 5
        killed = gevent.spawn(client.get, "/late-other")
        gevent.sleep(0.05)
        killed.kill()
        with gevent.Timeout(0.1, False):
            client.get("/late-other")
    finally:
        standalone.resume(0)
    assert client.get("/late")[0] == b"right"
    assert client.session_id == session_id


def test_greenlets_killed_at_any_moment(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts)
    for number in range(3):
        client.create(f"/kills-{number}", str(number).encode())

    def reader(number: int) -> None:
        while True:
            assert client.get(f"/kills-{number}")[0] == str(number).encode()

    for turn in range(300):
        readers = [gevent.spawn(reader, number) for number in range(3)]
        gevent.sleep(0.0003 * (turn % 7))
        assert not any(reader.dead for reader in readers)
        gevent.killall(readers)
    assert client.get("/kills-2")[0] == b"2"


def test_stop_ends_the_session_at_once(standalone: ZooKeeperServers, start: Start) -> None:
    watcher, owner = start(standalone.hosts), start(standalone.hosts)
    for _ in range(5):
        owner.create("/mine", ephemeral=True)
        owner.stop()
        assert watcher.exists("/mine") is None
        with pytest.raises(ConnectionLossError, match="not started"):
            owner.get("/")
        owner.start()


def test_closing_does_not_stop_the_others(standalone: ZooKeeperServers, start: Start) -> None:
    clients = [start(standalone.hosts, session_s=20.0) for _ in range(6)]
    for client in clients:
        client.create("/busy", b"0") if client is clients[0] else None
    waiting = gevent.spawn(outcome_of, clients[0].get, "/busy")
    pause(standalone, 0)
    try:
        waiting = gevent.spawn(outcome_of, clients[0].get, "/busy")
        gevent.sleep(0.05)
        ticks = Ticks()
        clients[0].close()
        clients[1].close()
        stopping = [gevent.spawn(client.stop) for client in clients[2:]]
        gevent.sleep(0.1)
        stopping[0].kill()
        began = time.monotonic()
        gevent.joinall(stopping, timeout=60, raise_error=True)
        assert time.monotonic() - began < 3
        ticks.greenlet.kill()
        assert ticks.longest_s < 0.5
        assert isinstance(waiting.get(timeout=1), ConnectionLossError)
    finally:
        standalone.resume(0)
    for client in clients:
        client.close()
        assert not client.connected


def test_closed_within_its_own_callbacks_and_replies(standalone: ZooKeeperServers, start: Start) -> None:
    writer = start(standalone.hosts)
    writer.create("/closing", b"0")
    for end in (LibZooKeeperClient.close, LibZooKeeperClient.stop):
        client = start(standalone.hosts)
        done: list[WatchedEvent] = []

        def watch(
            event: WatchedEvent,
            client: LibZooKeeperClient = client,
            end: Callable[[LibZooKeeperClient], None] = end,
            done: list[WatchedEvent] = done,
        ) -> None:
            end(client)
            done.append(event)

        def user(client: LibZooKeeperClient = client) -> None:
            for _ in range(1000):
                outcome_of(client.get, "/closing")

        client.get("/closing", watch)
        users = [gevent.spawn(user) for _ in range(5)]
        gevent.sleep(0.02)
        writer.set("/closing", b"1")
        until(lambda done=done: done)  # type: ignore[misc]
        gevent.joinall(users, timeout=60, raise_error=True)


def test_a_session_ended_elsewhere(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts)
    client.create("/short-lived", ephemeral=True)
    client.create("/alive", b"0")
    events: list[WatchedEvent] = []
    client.get("/short-lived", events.append)
    session_id = client.session_id
    user = User(client, "/alive")
    user.goes_on()
    assert client._handle is not None
    password = library.load().ffi.buffer(client._lib.zoo_client_id(client._handle.pointer).passwd)[:]
    # kazoo does not always get to say that it closes the session; then it has not ended.
    while client.session_id == session_id:
        thief = KazooClient(standalone.hosts, client_id=(session_id, password), handler=SequentialGeventHandler())
        thief.start(10)
        thief.stop()
        thief.close()
        gevent.sleep(3)
    until(lambda: client.session_id not in (0, session_id) and client.connected)
    user.goes_on()
    user.stop()
    assert client.exists("/short-lived") is None
    assert events[-1] in (
        WatchedEvent("NONE", "EXPIRED_SESSION", None),
        WatchedEvent("DELETED", "CONNECTED", "/short-lived"),
    )
    # What is sent while the session is the other's waits for a connection, on a slow machine beyond its limit.
    assert user.kinds_of_failures() <= {SessionExpiredError, ConnectionLossError, OperationTimeoutError}


def test_operations_under_way_when_the_session_has_expired(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, session_s=1.0, operation_s=20.0)
    client.create("/expires", ephemeral=True)
    events: list[WatchedEvent] = []
    client.get_children("/expires", events.append)
    session_id = client.session_id
    farewell.sever(descriptor(client))
    # The hub stands still, as with a user who never yields, until the server has ended the session.
    time.sleep(2.5)
    users = [gevent.spawn(outcome_of, client.exists, "/expires") for _ in range(3)]
    with pytest.raises((ConnectionLossError, SessionExpiredError)):
        client.exists("/expires")
    until(lambda: client.connected or client.session_id != session_id)
    seen = {type(outcome_of(client.exists, "/expires")) for _ in range(20)}
    gevent.joinall(users, timeout=60, raise_error=True)
    seen |= {type(user.value) for user in users}
    assert seen <= {ConnectionLossError, SessionExpiredError, type(None)}
    assert SessionExpiredError in seen
    until(lambda: client.connected)
    assert client.session_id != session_id
    assert client.exists("/expires") is None
    until(lambda: events)
    assert events == [WatchedEvent("NONE", "EXPIRED_SESSION", None)]


# ---- No ensemble.


@pytest.mark.parametrize("hosts", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2", "nowhere.invalid:2181"])
def test_nobody_there_is_reported_within_the_connect_time_limit(hosts: str, hub_errors: list[Any]) -> None:
    require_library()
    client = LibZooKeeperClient(ClientSettings(hosts, connect_timeout_s=0.5))
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(ConnectError, match=hosts.partition(",")[0].partition(":")[0]) as caught:
            client.start()
        assert time.monotonic() - began < 5
        assert "nowhere" in hosts or "Connection refused" in str(caught.value)
    with pytest.raises(ConnectionLossError):
        client.get("/")
    client.stop()
    client.close()
    client.close()
    with pytest.raises(ConnectionLossError, match="closed"):
        client.start()
    # gevent's resolver reports a name without an address there as well.
    hub_errors[:] = [error for error in hub_errors if not isinstance(error[2], socket.gaierror)]


def test_a_start_that_is_killed_leaves_nothing_open(capfd: pytest.CaptureFixture[str]) -> None:
    require_library()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = psutil.Process().num_fds()
        client = LibZooKeeperClient(ClientSettings(f"127.0.0.1:{silent.getsockname()[1]}", connect_timeout_s=20))
        for _ in range(10):
            starting = gevent.spawn(client.start)
            until(lambda: psutil.Process().num_fds() > before)
            starting.kill()
            assert not client.connected
            until(lambda: psutil.Process().num_fds() <= before)
    # The library's own log would be here.
    assert capfd.readouterr().err == ""


def test_many_clients_in_one_process(standalone: ZooKeeperServers) -> None:
    gevent.sleep(0.1)
    before = psutil.Process().num_fds()
    clients = [LibZooKeeperClient(ClientSettings(standalone.hosts)) for _ in range(100)]
    gevent.joinall([gevent.spawn(client.start) for client in clients], timeout=30, raise_error=True)
    assert len({client.session_id for client in clients}) == 100
    for number, client in enumerate(clients[:15]):
        client.create(f"/many-{number}", b"0")
    users = [User(client, f"/many-{number}") for number, client in enumerate(clients[:15])]
    for user in users:
        user.goes_on()
    restart(standalone, 0)
    for user in users:
        user.goes_on()
        user.stop()
    until(lambda: all(client.connected for client in clients))
    gevent.joinall([gevent.spawn(client.stop) for client in clients], timeout=60, raise_error=True)
    for client in clients:
        client.close()
    until(lambda: psutil.Process().num_fds() <= before, 30)


# ---- Members that go and come.


def test_a_killed_member_costs_a_moment(ensemble: ZooKeeperServers, start: Start) -> None:
    client = start(ensemble.hosts, session_s=10.0)
    client.create("/killed", b"0")
    client.create("/killed-alive", ephemeral=True)
    session_id = client.session_id
    events: list[WatchedEvent] = []
    client.exists("/appears", events.append)
    user = User(client, "/killed")
    user.goes_on()
    index = member_of(client, ensemble)
    in_thread(ensemble.kill, index)
    user.goes_on()
    user.stop()
    assert client.session_id == session_id
    assert client.exists("/killed-alive") is not None
    assert len(user.failed) >= 1
    assert user.kinds_of_failures() <= {ConnectionLossError, OperationTimeoutError}
    begin(ensemble, index)
    client.create("/appears")
    until(lambda: events)
    assert [event.path for event in events] == ["/appears"]


def test_a_paused_member_is_left_in_time_to_keep_the_session(ensemble: ZooKeeperServers, start: Start) -> None:
    client, index = on_a_follower(start, ensemble, session_s=3.0, operation_s=1.0)
    client.create("/paused", b"0")
    client.create("/paused-alive", ephemeral=True)
    session_id = client.session_id
    user = User(client, "/paused")
    user.goes_on()
    pause(ensemble, index)
    try:
        until(lambda: user.failed)
        user.goes_on(8)
    finally:
        ensemble.resume(index)
    user.stop()
    assert client.session_id == session_id
    assert client.exists("/paused-alive") is not None
    assert user.kinds_of_failures() <= {ConnectionLossError, OperationTimeoutError}
    assert user.longest_s < 1.5
    in_thread(ensemble.wait_ready, index)


def test_every_member_restarted_in_turn(ensemble: ZooKeeperServers, start: Start) -> None:
    clients = [start(ensemble.hosts, session_s=10.0) for _ in range(4)]
    for number, client in enumerate(clients):
        client.create(f"/restarted-{number}", b"0")
    sessions = [client.session_id for client in clients]
    users = [User(client, f"/restarted-{number}") for number, client in enumerate(clients)]
    restart_in_turn(ensemble, users)
    for user in users:
        user.stop()
        assert user.kinds_of_failures() <= {ConnectionLossError, OperationTimeoutError}
    assert [client.session_id for client in clients] == sessions
