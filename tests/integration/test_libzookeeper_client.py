"""The libzookeeper client against real servers: kazoo's answers, and members, sessions and greenlets that end."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kazoo.client import KazooClient
from kazoo.handlers.gevent import SequentialGeventHandler
from kazoo.protocol.states import WatchedEvent

from tests.integration.zookeeper_server import ZooKeeperServers, require_zookeeper
from tests.needs import missing
from zk_locust.clients.interface import ClientSettings, ZooKeeperClient
from zk_locust.clients.kazoo_client import KazooZooKeeperClient
from zk_locust.clients.libzookeeper import LibZooKeeperClient, farewell, library
from zk_locust.errors import (
    AuthFailedError,
    BadArgumentsError,
    ClientError,
    ConfigurationError,
    ConnectError,
    ConnectionLossError,
    NoAuthError,
    NoNodeError,
    OperationTimeoutError,
    SessionExpiredError,
)

pytestmark = pytest.mark.integration

Start = Callable[..., LibZooKeeperClient]


def require_library() -> None:
    """Skip the test where the C library is missing; fail it there with CI=true."""
    try:
        library.load()
    except ConfigurationError as error:
        missing(f"needs ZooKeeper's C library: {error}")


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    require_library()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("standalone")) as servers:
        yield servers


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    require_library()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("ensemble")) as servers:
        yield servers


@pytest.fixture(autouse=True)
def hub_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every test ends in time, and without an error in gevent's hub unless it takes it out of here."""
    errors: list[Any] = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *details: errors.append(details), raising=False)
    with gevent.Timeout(60, AssertionError("the test did not end")):
        yield errors
    assert not errors


@pytest.fixture
def start() -> Iterator[Start]:
    clients: list[LibZooKeeperClient] = []

    def start(
        hosts: str, *, session_s: float = 3.0, connect_s: float = 10.0, operation_s: float = 5.0, **options: Any
    ) -> LibZooKeeperClient:
        client = LibZooKeeperClient(ClientSettings(hosts, session_s, connect_s, operation_s), **options)
        clients.append(client)
        client.start()
        return client

    yield start
    for client in clients:
        client.stop()
        client.close()
    loaded = library.load().completions
    assert not loaded.calls
    assert not loaded.raised


def until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    with gevent.Timeout(timeout_s, AssertionError("the condition did not come true")):
        while not condition():
            gevent.sleep(0.02)


def in_thread(call: Callable[..., Any], *arguments: Any) -> Any:
    """Wait for servers without keeping the client's greenlets from running."""
    return gevent.get_hub().threadpool.apply(call, arguments)


def begin(servers: ZooKeeperServers, index: int) -> None:
    # A server ends with the thread that started it: not with one of the pool.
    servers.start(index, wait=False)
    in_thread(servers.wait_ready, index)


def restart(servers: ZooKeeperServers, index: int) -> None:
    in_thread(servers.stop, index)
    begin(servers, index)


def pause(servers: ZooKeeperServers, index: int) -> None:
    servers.pause(index)
    process = servers.members[index].process
    assert process is not None
    # Its threads stop one after another, and may answer until then.
    threads = Path(f"/proc/{process.pid}/task")
    until(lambda: all(") T " in (thread / "stat").read_text() for thread in threads.iterdir()))


def outcome_of(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call in a greenlet came to: its result, or its error as a value."""
    try:
        return call(*arguments)
    except ClientError as error:
        return error


def member_of(client: LibZooKeeperClient, servers: ZooKeeperServers) -> int:
    until(lambda: client.connected)
    return [member.address for member in servers.members].index(str(client.member))


def on_a_follower(start: Start, servers: ZooKeeperServers, **options: Any) -> tuple[LibZooKeeperClient, int]:
    """Return a client and the follower it is connected to: a paused leader would stop everybody."""
    followers = in_thread(servers.followers)
    while True:
        client = start(servers.hosts, **options)
        if member_of(client, servers) in followers:
            return client, member_of(client, servers)
        client.stop()


class User:
    """Reads and writes without end; counts what succeeded and what failed. Only ClientError may come."""

    def __init__(self, client: ZooKeeperClient, path: str) -> None:
        self.client, self.path = client, path
        self.done = 0
        self.failed: list[ClientError] = []
        self.longest_s = 0.0
        self.greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        written = 0
        while True:
            began = time.monotonic()
            try:
                if self.done % 2:
                    written += 1
                    self.client.set(self.path, str(written).encode())
                else:
                    assert int(self.client.get(self.path)[0]) <= written
                self.done += 1
            except ClientError as error:
                self.failed.append(error)
                gevent.sleep(0.01)
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            gevent.sleep(0.001)

    def goes_on(self, timeout_s: float = 20.0) -> None:
        done = self.done
        until(lambda: self.done > done + 20, timeout_s)

    def stop(self) -> None:
        assert not self.greenlet.dead, self.greenlet.exception
        self.greenlet.kill()

    def kinds_of_failures(self) -> set[type[ClientError]]:
        return {type(error) for error in self.failed}


class Ticks:
    """How long the hub kept a greenlet from running that wants to run every 5 ms."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            before = time.monotonic()
            gevent.sleep(0.005)
            self.longest_s = max(self.longest_s, time.monotonic() - before)


# ---- The same answers as kazoo's.

names = st.sampled_from(["a", "b", "ü"])
node_paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
versions = st.sampled_from([-1, -1, -1, 0, 1, 2])
values = st.binary(max_size=40)
flags = st.booleans()
operations = st.one_of(
    st.tuples(st.just("create"), node_paths, values, flags, flags),
    st.tuples(st.just("create"), node_paths, values, st.just(False), st.just(False)),
    st.tuples(st.just("set"), node_paths, values, versions),
    st.tuples(st.just("delete"), node_paths, versions),
    st.tuples(st.just("get"), node_paths),
    st.tuples(st.just("exists"), node_paths),
    st.tuples(st.just("get_children"), node_paths, flags),
)


def answer(client: ZooKeeperClient, root: str, operation: tuple[Any, ...]) -> object:
    """Return what the operation came to, without what differs between two trees: times, transactions, sessions."""
    kind, path, *rest = operation
    path = root + path
    try:
        match kind:
            case "create":
                return client.create(path, rest[0], ephemeral=rest[1], sequence=rest[2]).removeprefix(root)
            case "set":
                return comparable(client.set(path, rest[0], version=rest[1]))
            case "delete":
                client.delete(path, version=rest[0])
                return None
            case "get":
                value, stat = client.get(path)
                return value, comparable(stat)
            case "exists":
                found = client.exists(path)
                return found and comparable(found)
            case _ if rest[0]:
                children, stat = client.get_children(path, include_data=True)
                return sorted(children), comparable(stat)
            case _:
                return sorted(client.get_children(path))
    except ClientError as error:
        return type(error)


def comparable(stat: Any) -> tuple[object, ...]:
    """All fields take part: the transactions by their order, the times by their closeness."""
    return (
        *(stat.version, stat.cversion, stat.aversion, bool(stat.ephemeralOwner), stat.dataLength, stat.numChildren),
        stat.czxid <= stat.mzxid,
        stat.czxid <= stat.pzxid,
        abs(stat.ctime / 1000 - time.time()) < 3600,
        stat.ctime <= stat.mtime,
    )


@pytest.fixture(scope="module")
def pair(standalone: ZooKeeperServers) -> Iterator[tuple[LibZooKeeperClient, KazooZooKeeperClient]]:
    ours = LibZooKeeperClient(ClientSettings(standalone.hosts))
    # kazoo's gevent handler wants the whole process to be patched.
    kazoo = KazooZooKeeperClient(ClientSettings(standalone.hosts), handler="threading")
    for client in (ours, kazoo):
        client.start()
    yield ours, kazoo
    for client in (ours, kazoo):
        client.stop()
        client.close()


counter = iter(range(1_000_000))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(operations, min_size=1, max_size=20))
def test_the_same_answers_as_kazoo(
    pair: tuple[LibZooKeeperClient, KazooZooKeeperClient], sequence: list[tuple[Any, ...]]
) -> None:
    ours, kazoo = pair
    number = next(counter)
    roots = f"/ours-{number}", f"/kazoo-{number}"
    for root in roots:
        ours.create(root)
    for operation in sequence:
        assert answer(ours, roots[0], operation) == answer(kazoo, roots[1], operation), operation


def test_what_kazoo_wrote_is_read_whole(pair: tuple[LibZooKeeperClient, KazooZooKeeperClient]) -> None:
    ours, kazoo = pair
    kazoo.create("/whole", bytes(range(256)))
    kazoo.create("/whole/ü")
    assert ours.get("/whole") == kazoo.get("/whole")
    assert ours.exists("/whole") == kazoo.exists("/whole")
    assert ours.get_children("/whole", include_data=True) == kazoo.get_children("/whole", include_data=True)
    kazoo.kazoo.set("/whole", None)
    assert ours.get("/whole")[0] == b""
    assert ours.create("/whole/empty") == "/whole/empty"
    assert kazoo.get("/whole/empty")[0] == b""


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
    gevent.joinall(readers + writers, timeout=5, raise_error=True)
    assert {reader.value[0] for reader in readers} == {large}
    for size in (2 * 1024 * 1024, 20 * 1024 * 1024):
        began = time.monotonic()
        with pytest.raises(ConnectionLossError):
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


# ---- Connections and sessions that end.


def descriptor(client: LibZooKeeperClient) -> int:
    assert client._handle is not None
    return int(client._handle._descriptor[0])


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
        gevent.joinall(waiting, timeout=10, raise_error=True)
        assert {type(greenlet.value) for greenlet in waiting} == {ConnectionLossError}
        until(lambda: client.connected)
        results = [gevent.spawn(client.get, "/severed") for _ in range(3)]
        gevent.joinall(results, timeout=10, raise_error=True)
        assert [result.value[0] for result in results] == [b"0"] * 3
    assert client.session_id == session_id


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
        assert 0.25 < time.monotonic() - began < 1.0
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


def test_a_user_error_in_a_call_wakes_nobody_later(standalone: ZooKeeperServers, start: Start) -> None:
    client = start(standalone.hosts, operation_s=0.2)
    with pytest.raises(TypeError):
        client.set("/", "text")  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        client.delete("/nowhere", 2**40)
    began = time.monotonic()
    gevent.sleep(0.5)
    assert time.monotonic() - began > 0.45


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
        gevent.joinall(stopping, timeout=10, raise_error=True)
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
        gevent.joinall(users, timeout=10, raise_error=True)


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
    gevent.joinall(users, timeout=10, raise_error=True)
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
        assert time.monotonic() - began < 2
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
            gevent.sleep(0.01)
            assert psutil.Process().num_fds() > before
            starting.kill()
            assert not client.connected
            gevent.sleep(0.01)
            assert psutil.Process().num_fds() <= before
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
    gevent.joinall([gevent.spawn(client.stop) for client in clients], timeout=10, raise_error=True)
    for client in clients:
        client.close()
    until(lambda: psutil.Process().num_fds() <= before, 5)


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
    for index in range(3):
        restart(ensemble, index)
        for user in users:
            user.goes_on()
    for user in users:
        user.stop()
        assert user.kinds_of_failures() <= {ConnectionLossError, OperationTimeoutError}
    assert [client.session_id for client in clients] == sessions
