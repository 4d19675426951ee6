"""The kazoo client through what kazoo itself does badly, and as locustfiles of 2019 use it."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import kazoo.exceptions
import pytest
from kazoo.protocol.states import WatchedEvent

from lab.zookeeper_server import ZooKeeperServers
from tests.integration.clients import User, restart_in_turn, starter, until
from tests.needs import require_zookeeper
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.kazoo.client import KazooZooKeeperClient
from zk_locust.contract import errors

pytestmark = pytest.mark.integration

Start = Callable[..., KazooZooKeeperClient]


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path) as servers:
        yield servers


@pytest.fixture
def start() -> Iterator[Start]:
    yield from starter(KazooZooKeeperClient)


def session_id_of(client: KazooZooKeeperClient) -> int:
    """Return the session's number; 0 while there is none."""
    of_session = client.kazoo.client_id
    return of_session[0] if of_session else 0


def names_of_failures(user: User) -> set[str]:
    """Return names, not classes: an error of this client is kazoo's as well, so that its class is a third one."""
    return {kind.__name__ for kind in user.kinds_of_failures()}


def test_an_outage_of_many_operations_keeps_the_time_limit_and_ends(standalone: ZooKeeperServers) -> None:
    settings = ClientSettings(standalone.hosts, session_timeout_s=4, operation_timeout_s=0.01)
    client = KazooZooKeeperClient(settings)
    client.start()
    try:
        standalone.kill(0)
        # kazoo's own pipe holds less than three hundred, and then blocks the process.
        for _ in range(400):
            with pytest.raises((errors.ConnectionLossError, errors.OperationTimeoutError)):
                client.get("/")
        standalone.start(0)
        deadline = time.monotonic() + 20
        while True:
            try:
                client.get("/")
                break
            except errors.ClientError:
                assert time.monotonic() < deadline, "the load does not resume"
    finally:
        client.stop()
        client.close()


def test_a_silent_member_is_left(tmp_path: Path) -> None:
    require_zookeeper()
    with ZooKeeperServers(3, tmp_path) as servers:
        settings = ClientSettings(servers.hosts, session_timeout_s=6, operation_timeout_s=0.5)
        client = KazooZooKeeperClient(settings)
        client.start()
        port = client.kazoo._connection._socket.getpeername()[1]
        paused = next(place for place, member in enumerate(servers.members) if member.client_port == port)
        servers.pause(paused)
        try:
            deadline = time.monotonic() + 25
            failed = 0
            while True:
                try:
                    client.exists("/")
                    break
                except errors.ClientError:
                    failed += 1
                    assert time.monotonic() < deadline, f"{failed} operations at a member that says nothing"
            assert client.kazoo._connection._socket.getpeername()[1] != port
        finally:
            servers.resume(paused)
            client.stop()
            client.close()


def test_a_session_that_has_expired_is_followed_by_a_new_one(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, session_s=1.0)
    client.create("/expires", ephemeral=True)
    client.create("/stays", b"0")
    events: list[WatchedEvent] = []
    client.get("/", events.append)
    states: list[str] = []
    client.kazoo.add_listener(states.append)
    session_id = session_id_of(client)
    user = User(client, "/stays")
    user.goes_on()
    # The hub stands still: no pings, as with a user who never yields, until the server has ended the session.
    time.sleep(2.5)
    user.goes_on()
    user.stop()
    assert session_id_of(client) not in (0, session_id)
    assert client.exists("/expires") is None
    assert "LOST" in states
    assert states[-1] == "CONNECTED"
    until(lambda: events)
    assert [event.type for event in events] == ["NONE"], "what was watched ended with the session"
    assert names_of_failures(user) <= {"ConnectionLossError", "SessionExpiredError"}


def test_every_member_restarted_in_turn(tmp_path: Path, start: Start) -> None:
    require_zookeeper()
    with ZooKeeperServers(3, tmp_path) as servers:
        clients = [start(servers.hosts, session_s=10.0) for _ in range(4)]
        for number, client in enumerate(clients):
            client.create(f"/restarted-{number}", b"0")
        sessions = [session_id_of(client) for client in clients]
        users = [User(client, f"/restarted-{number}") for number, client in enumerate(clients)]
        restart_in_turn(servers, users)
        for user in users:
            user.stop()
            assert names_of_failures(user) <= {"ConnectionLossError", "OperationTimeoutError"}
        assert any(user.failed for user in users), "what was under way when a member went is an error"
        assert [session_id_of(client) for client in clients] == sessions
        for client in clients:
            client.stop()


def test_calls_and_errors_of_2019(standalone: ZooKeeperServers) -> None:
    client = KazooZooKeeperClient(ClientSettings(standalone.hosts))
    client.start()
    try:
        assert client.create("/a/b/c", b"", makepath=True) == "/a/b/c"
        client.create("/session", b"1", None, True)
        assert client.get("/session")[1].ephemeralOwner != 0
        kinds: list[type[Exception]] = [kazoo.exceptions.NodeExistsError, errors.NodeExistsError]
        for kind in kinds:
            with pytest.raises(kind) as raised:
                client.create("/session")
            assert repr(raised.value) == "NodeExistsError('NodeExistsError')"
        client.delete("/a", recursive=True)
        assert client.exists("/a") is None
        with pytest.raises(kazoo.exceptions.NoNodeError):
            client.delete("/a")
    finally:
        client.stop()
        client.close()


def test_a_credential_is_in_no_log(standalone: ZooKeeperServers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = KazooZooKeeperClient(ClientSettings(standalone.hosts), credentials=[("digest", b"alice:swordfish")])
    client.start()
    client.stop()
    client.close()
    assert "Auth(…)" in caplog.text
    assert "swordfish" not in caplog.text
