"""What the libzookeeper client answers, against a real server: nodes, credentials, watches, bad calls."""

import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from kazoo.protocol.states import WatchedEvent

from lab.zookeeper_server import ZooKeeperServers
from tests.integration.clients import restart, until
from tests.integration.libzookeeper.handling import Start, descriptor, pause
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.kazoo.client import KazooZooKeeperClient
from zk_locust.clients.libzookeeper import LibZooKeeperClient, farewell
from zk_locust.contract.errors import (
    AuthFailedError,
    BadArgumentsError,
    ConnectionLossError,
    NoAuthError,
    NoNodeError,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def pair(standalone: ZooKeeperServers) -> Iterator[tuple[LibZooKeeperClient, KazooZooKeeperClient]]:
    ours = LibZooKeeperClient(ClientSettings(standalone.hosts))
    # kazoo's gevent handler needs the complete process to be patched.
    kazoo = KazooZooKeeperClient(ClientSettings(standalone.hosts), handler="threading")
    for client in (ours, kazoo):
        client.start()
    yield ours, kazoo
    for client in (ours, kazoo):
        client.stop()
        client.close()


def test_everything_that_kazoo_wrote_is_read(pair: tuple[LibZooKeeperClient, KazooZooKeeperClient]) -> None:
    ours, kazoo = pair
    kazoo.create("/complete", bytes(range(256)))
    kazoo.create("/complete/ü")
    assert ours.get("/complete") == kazoo.get("/complete")
    assert ours.exists("/complete") == kazoo.exists("/complete")
    assert ours.get_children("/complete", include_data=True) == kazoo.get_children("/complete", include_data=True)
    kazoo.kazoo.set("/complete", None)
    assert ours.get("/complete")[0] == b""
    assert ours.create("/complete/empty") == "/complete/empty"
    assert kazoo.get("/complete/empty")[0] == b""


def test_paths_that_are_none(pair: tuple[LibZooKeeperClient, KazooZooKeeperClient]) -> None:
    ours = pair[0]
    for path in ("", "a", "/a/", "//", "/a\0b", "/a/../b"):
        with pytest.raises(BadArgumentsError):
            ours.get(path)
    with pytest.raises(BadArgumentsError):
        ours.create("/control\x01character")


def test_a_chroot_is_the_root_of_everything(standalone: ZooKeeperServers, start: Start) -> None:
    outside = start(standalone.hosts)
    outside.create("/chroot")
    outside.create("/chroot/app")
    inside = start(standalone.hosts + "/chroot/app")
    events: list[WatchedEvent] = []
    assert inside.create("/n-", b"1", sequence=True) == "/n-0000000000"
    assert inside.get_children("/", events.append) == ["n-0000000000"]
    inside.get("/n-0000000000", events.append)
    outside.set("/chroot/app/n-0000000000", b"2")
    outside.create("/chroot/app/other")
    until(lambda: len(events) == 2)
    assert events == [
        WatchedEvent("CHANGED", "CONNECTED", "/n-0000000000"),
        WatchedEvent("CHILD", "CONNECTED", "/"),
    ]


def test_values_up_to_the_limit_and_beyond(standalone: ZooKeeperServers, start: Start) -> None:
    # A third of the session's time limit is when the library would be asked again what it waits for.
    client = start(standalone.hosts, session_s=30.0)
    session_id = client.session_id
    large = bytes(range(256)) * 4090
    client.create("/large", large)
    # More than fits into the buffers of the socket while the server does not read.
    pause(standalone, 0)
    writers = [gevent.spawn(client.set, "/large", large) for _ in range(16)]
    readers = [gevent.spawn(client.get, "/large") for _ in range(8)]
    gevent.sleep(0.1)
    standalone.resume(0)
    gevent.joinall(readers + writers, timeout=60, raise_error=True)
    assert {reader.value[0] for reader in readers} == {large}
    for size in (2 * 1024 * 1024, 20 * 1024 * 1024):
        began = time.monotonic()
        with pytest.raises(ConnectionLossError, match=rf"request of {size // 1000}\d+ bytes: .* jute\.maxbuffer"):
            client.set("/large", bytes(size))
        assert time.monotonic() - began < 4
    assert client.get("/large")[0] == large
    assert client.session_id == session_id


def test_credentials_open_what_is_theirs_and_stay_with_the_session(
    standalone: ZooKeeperServers, start: Start, pair: tuple[LibZooKeeperClient, KazooZooKeeperClient]
) -> None:
    from kazoo.security import make_digest_acl

    pair[1].kazoo.create("/private", b"1", acl=[make_digest_acl("user", "secret", all=True)])
    owner = start(standalone.hosts, credentials=[("digest", b"user:secret")])
    stranger = start(standalone.hosts)
    with pytest.raises(NoAuthError):
        stranger.get("/private")
    stranger.add_auth("digest", b"user:secret")
    assert stranger.get("/private")[0] == owner.get("/private")[0] == b"1"
    restart(standalone, 0)
    until(lambda: stranger.connected and owner.connected and pair[0].connected and pair[1].connected)
    assert stranger.get("/private")[0] == owner.get("/private")[0] == b"1"


def test_credentials_that_are_refused(standalone: ZooKeeperServers, start: Start) -> None:
    with pytest.raises(AuthFailedError):
        start(standalone.hosts, credentials=[("nonsense", b"x")])
    client = start(standalone.hosts)
    with pytest.raises(AuthFailedError):
        client.add_auth("nonsense", b"x")
    with pytest.raises(AuthFailedError):
        client.get("/")
    client.stop()
    client.start()
    assert client.exists("/") is not None


def test_a_refusal_that_is_lost_with_its_connection_comes_again(
    standalone: ZooKeeperServers, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the member whose refusal is lost: when that happens cannot be chosen."""
    asked: list[str] = []
    exists = LibZooKeeperClient.exists

    def lost_once(client: LibZooKeeperClient, path: str) -> object:
        asked.append(path)
        if len(asked) == 1:
            raise ConnectionLossError("connection loss")
        return exists(client, path)

    monkeypatch.setattr(LibZooKeeperClient, "exists", lost_once)
    with pytest.raises(AuthFailedError):
        start(standalone.hosts, credentials=[("nonsense", b"x")])
    asked.clear()
    start(standalone.hosts, credentials=[("digest", b"user:secret")])
    assert asked == ["/", "/"]


def test_a_user_error_in_a_call_wakes_nobody_later(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, operation_s=0.2)
    with pytest.raises(TypeError):
        client.set("/", "text")  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        client.delete("/nowhere", 2**40)
    began = time.monotonic()
    gevent.sleep(0.5)
    assert time.monotonic() - began > 0.45


# ---- Watches.


def test_a_watch_fires_once_and_may_issue_operations(standalone: ZooKeeperServers, start: Start) -> None:
    client, other = start(standalone.hosts), start(standalone.hosts)
    seen: list[tuple[WatchedEvent, bytes]] = []

    def watch(event: WatchedEvent) -> None:
        seen.append((event, client.get("/watched")[0]))

    assert client.exists("/watched", watch) is None
    other.create("/watched", b"1")
    until(lambda: seen)
    client.get("/watched", watch)
    client.exists("/watched", watch)
    for value in (b"2", b"3", b"4"):
        other.set("/watched", value)
    until(lambda: len(seen) == 2)
    gevent.sleep(0.1)
    assert [event for event, _ in seen] == [
        WatchedEvent("CREATED", "CONNECTED", "/watched"),
        WatchedEvent("CHANGED", "CONNECTED", "/watched"),
    ]
    events: list[WatchedEvent] = []
    client.get("/watched", events.append)
    client.get_children("/watched", events.append)
    client.get_children("/watched", print, include_data=False)
    other.delete("/watched")
    until(lambda: events)
    gevent.sleep(0.1)
    # Once, although its data and its children were watched.
    assert events == [WatchedEvent("DELETED", "CONNECTED", "/watched")]
    with pytest.raises(NoNodeError):
        client.get("/watched", events.append)
    later: list[WatchedEvent] = []
    client.exists("/watched", later.append)
    other.create("/watched")
    until(lambda: later)
    gevent.sleep(0.1)
    assert len(events) == 1


def test_a_watch_that_raises_harms_nobody(standalone: ZooKeeperServers, start: Start, hub_errors: list[Any]) -> None:
    client = start(standalone.hosts)
    events: list[WatchedEvent] = []

    def broken(event: WatchedEvent) -> None:
        raise ZeroDivisionError

    client.create("/raises")
    client.get("/raises", broken)
    client.get("/raises", events.append)
    client.set("/raises", b"")
    until(lambda: events and hub_errors)
    assert hub_errors.pop()[1] is ZeroDivisionError
    assert client.exists("/raises") is not None


def test_watches_are_set_again_after_a_connection_is_lost(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, session_s=20.0)
    events: list[WatchedEvent] = []
    client.create("/kept-watch")
    client.get("/kept-watch", events.append)
    client.exists("/kept-watch/child", events.append)
    assert client._handle is not None
    client._handle.problem = ""
    farewell.sever(descriptor(client))
    until(lambda: client._handle and client._handle.problem)
    until(lambda: client.connected)
    client.create("/kept-watch/child")
    client.set("/kept-watch", b"1")
    until(lambda: len(events) == 2)
