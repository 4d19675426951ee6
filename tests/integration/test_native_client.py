"""The native client against real servers: what it can do, and what happens when members go and come."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from kazoo.client import KazooClient
from kazoo.handlers.gevent import SequentialGeventHandler
from kazoo.protocol.states import WatchedEvent

from lab.zookeeper_server import ZooKeeperServers
from tests.integration.clients import User, begin, in_thread, restart, starter, until
from tests.needs import require_zookeeper
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import Check, Create, Delete, NativeClient, SetData
from zk_locust.contract.errors import (
    BadVersionError,
    ClientError,
    ConnectionLossError,
    NoAuthError,
    NodeExistsError,
    OperationTimeoutError,
    SessionExpiredError,
)

pytestmark = pytest.mark.integration

Start = Callable[..., NativeClient]


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("standalone")) as servers:
        yield servers


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("ensemble")) as servers:
        yield servers


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    with gevent.Timeout(90, AssertionError("the test did not end")):
        yield


@pytest.fixture
def start() -> Iterator[Start]:
    yield from starter(NativeClient)


def member_of(client: NativeClient, servers: ZooKeeperServers) -> int:
    assert client.member is not None
    return [member.address for member in servers.members].index(str(client.member))


@pytest.fixture(scope="module")
def kazoo(standalone: ZooKeeperServers) -> Iterator[Any]:
    client = KazooClient(standalone.hosts, handler=SequentialGeventHandler())
    client.start(10)
    yield client
    client.stop()
    client.close()


def test_a_chroot_is_the_root_of_everything(standalone: ZooKeeperServers, start: Start) -> None:
    outside = start(standalone.hosts)
    outside.create("/chroot")
    outside.create("/chroot/app")
    inside = start(standalone.hosts + "/chroot/app")
    events: list[WatchedEvent] = []
    assert inside.create("/n-", b"1", sequence=True) == "/n-0000000000"
    assert inside.get_children("/", events.append) == ["n-0000000000"]
    assert outside.get("/chroot/app/n-0000000000")[0] == b"1"
    assert inside.create("/n-0000000000/", sequence=True) == "/n-0000000000/0000000000"
    outside.create("/chroot/app/other")
    until(lambda: events)
    assert events == [WatchedEvent("CHILD", "CONNECTED", "/")]
    assert inside.multi([Create("/m", b"2"), SetData("/m", b"3", 0), Check("/m", 1), Delete("/m")])[0] == "/m"


def test_a_transaction_is_all_or_nothing(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts)
    with pytest.raises(BadVersionError, match="step 2 of the transaction, /multi"):
        client.multi([Create("/multi"), Check("/multi", 7), Delete("/multi")])
    with pytest.raises(BadVersionError, match="step 2 of the transaction, /multi"):
        client.multi([Create("/multi"), SetData("/multi", b"", 7)])
    with pytest.raises(BadVersionError, match="step 2 of the transaction, /multi"):
        client.multi([Create("/multi"), Delete("/multi", 7)])
    assert client.exists("/multi") is None


def test_values_up_to_the_limit_and_beyond(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts)
    session_id = client.session_id
    large = bytes(range(256)) * 4090
    client.create("/large", large)
    assert client.get("/large")[0] == large
    for size in (2 * 1024 * 1024, 20 * 1024 * 1024):
        began = time.monotonic()
        with pytest.raises(ConnectionLossError, match=rf"request of {size // 1000}\d+ bytes: .* jute\.maxbuffer"):
            client.set("/large", bytes(size))
        assert time.monotonic() - began < 5
    assert client.get("/large")[0] == large
    assert client.session_id == session_id


def test_a_pipeline_fills_a_tree(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts)
    client.create("/tree")
    client.create("/tree/7")
    results = list(client.pipeline(Create(f"/tree/{number}", b"x") for number in range(5000)))
    assert [number for number, result in enumerate(results) if isinstance(result, NodeExistsError)] == [7]
    assert results[8] == "/tree/8"
    assert len(client.get_children("/tree")) == 5000
    assert list(client.pipeline(Delete(f"/tree/{number}") for number in range(5000))) == [None] * 5000


def test_credentials_open_what_is_theirs_and_stay_with_the_session(
    standalone: ZooKeeperServers, start: Start, kazoo: Any
) -> None:
    from kazoo.security import make_digest_acl

    owner = start(standalone.hosts, credentials=[("digest", b"user:secret")])
    kazoo.create("/private", b"1", acl=[make_digest_acl("user", "secret", all=True)])
    stranger = start(standalone.hosts)
    with pytest.raises(NoAuthError):
        stranger.get("/private")
    assert owner.get("/private")[0] == b"1"
    stranger.add_auth("digest", b"user:secret")
    assert stranger.get("/private")[0] == b"1"
    restart(standalone, 0)
    until(lambda: stranger.connected and owner.connected)
    assert stranger.get("/private")[0] == owner.get("/private")[0] == b"1"


def test_stop_ends_the_session_at_once(standalone: ZooKeeperServers, start: Start) -> None:
    watcher, owner = start(standalone.hosts), start(standalone.hosts)
    owner.create("/mine", ephemeral=True)
    owner.stop()
    assert watcher.exists("/mine") is None


# ---- Sessions that end.


def test_a_session_ended_elsewhere(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts)
    client.create("/short-lived", ephemeral=True)
    events: list[WatchedEvent] = []
    states: list[str] = []
    client.add_listener(states.append)
    client.get("/short-lived", events.append)
    session_id = client.session_id
    user_errors: list[ClientError] = []

    def user() -> None:
        while client.session_id == session_id or not client.connected:
            try:
                client.exists("/")
            except ClientError as error:
                user_errors.append(error)
            gevent.sleep(0.001)

    users = [gevent.spawn(user) for _ in range(3)]
    thief = NativeClient(ClientSettings(standalone.hosts))
    thief._session.session_id, thief._session._password = session_id, client._session._password
    thief.start()
    assert thief.session_id == session_id
    thief.stop()
    thief.close()
    gevent.joinall(users, timeout=60, raise_error=True)
    assert client.exists("/short-lived") is None
    assert client.session_id != session_id
    assert states == ["SUSPENDED", "LOST", "CONNECTED"]
    assert events[-1].type in ("NONE", "DELETED")
    assert {type(error) for error in user_errors} <= {SessionExpiredError, ConnectionLossError}


# ---- Members that go and come.


def test_a_killed_member_costs_a_moment(ensemble: ZooKeeperServers, start: Start) -> None:
    client = start(ensemble.hosts)
    client.create("/killed", b"0")
    session_id = client.session_id
    events: list[WatchedEvent] = []
    client.exists("/appears", events.append)
    client.get("/killed", events.append)
    user = User(client, "/killed")
    user.goes_on()
    index = member_of(client, ensemble)
    in_thread(ensemble.kill, index)
    user.goes_on()
    user.stop()
    assert client.session_id == session_id
    assert 1 <= len(user.failed) <= 3
    assert {type(error) for error in user.failed} <= {ConnectionLossError}
    begin(ensemble, index)
    client.create("/appears")
    until(lambda: len(events) == 2)
    assert {event.path for event in events} == {"/killed", "/appears"}


def test_a_paused_member_is_left_in_time_to_keep_the_session(ensemble: ZooKeeperServers, start: Start) -> None:
    client = start(ensemble.hosts, session_s=3.0, operation_s=1.0)
    client.create("/paused", b"0")
    client.create("/paused/alive", ephemeral=True)
    session_id = client.session_id
    user = User(client, "/paused")
    user.goes_on()
    leader = in_thread(ensemble.leader)
    followers = in_thread(ensemble.followers)
    # A follower: a paused leader would stop everybody.
    index = followers[0]
    while member_of(client, ensemble) != index:
        client._session.connection.abort(ConnectionLossError, "to another member")  # type: ignore[union-attr]
        until(lambda: client.connected)
    assert index != leader
    user.failed.clear()
    user.longest_s = 0.0
    ensemble.pause(index)
    try:
        until(lambda: user.failed)
        user.goes_on(6)
    finally:
        ensemble.resume(index)
    user.stop()
    assert client.session_id == session_id
    assert client.exists("/paused/alive") is not None
    assert {type(error) for error in user.failed} <= {ConnectionLossError, OperationTimeoutError}
    assert user.longest_s < 1.8
    in_thread(ensemble.wait_ready, index)


def test_every_member_restarted_in_turn(ensemble: ZooKeeperServers, start: Start) -> None:
    clients = [start(ensemble.hosts) for _ in range(4)]
    for number, client in enumerate(clients):
        client.create(f"/restarted-{number}", b"0")
    sessions = [client.session_id for client in clients]
    users = [User(client, f"/restarted-{number}") for number, client in enumerate(clients)]
    for index in range(3):
        restart(ensemble, index)
        for user in users:
            user.goes_on()
    for user in users:
        user.stop()
    assert [client.session_id for client in clients] == sessions
    assert all(user.longest_s < 7 for user in users)


def test_an_outage_longer_than_the_session(ensemble: ZooKeeperServers, start: Start) -> None:
    client = start(ensemble.hosts, session_s=1.0, operation_s=0.5)
    client.create("/outage", b"0")
    client.create("/outage/gone", ephemeral=True)
    session_id = client.session_id
    user = User(client, "/outage")
    user.goes_on()
    for index in range(3):
        ensemble.pause(index)
    gevent.sleep(2.5)
    for index in range(3):
        ensemble.resume(index)
    user.goes_on(30)
    user.stop()
    assert user.longest_s < 1.5
    for index in range(3):
        in_thread(ensemble.wait_ready, index)
    # Frozen servers count no time, so either may be: what must hold is that node and session go together.
    if client.session_id == session_id:
        assert client.exists("/outage/gone") is not None
    else:
        until(lambda: client.exists("/outage/gone") is None)


def test_a_client_that_was_frozen_past_its_session(ensemble: ZooKeeperServers, start: Start) -> None:
    client = start(ensemble.hosts, session_s=1.0)
    client.create("/frozen", ephemeral=True)
    session_id = client.session_id
    # The hub stands still: no pings, as with a user who never yields.
    time.sleep(3)
    seen = []
    for _ in range(200):
        try:
            client.exists("/frozen")
        except ClientError as error:
            seen.append(type(error))
        if client.connected and client.session_id != session_id:
            break
        gevent.sleep(0.01)
    assert SessionExpiredError in seen or ConnectionLossError in seen
    assert client.exists("/frozen") is None
    assert client.session_id != session_id


def test_no_quorum_then_quorum(ensemble: ZooKeeperServers, start: Start) -> None:
    client = start(ensemble.hosts, session_s=20.0, operation_s=0.5)
    client.create("/quorum", b"0")
    session_id = client.session_id
    user = User(client, "/quorum")
    user.goes_on()
    for index in (0, 1):
        in_thread(ensemble.kill, index)
    until(lambda: user.failed)
    gevent.sleep(1.5)
    assert user.longest_s < 1.5
    for index in (0, 1):
        ensemble.start(index, wait=False)
    for index in (0, 1, 2):
        in_thread(ensemble.wait_ready, index)
    user.goes_on()
    user.stop()
    assert client.session_id == session_id
    assert {type(error) for error in user.failed} <= {ConnectionLossError, OperationTimeoutError}
