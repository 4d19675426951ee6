"""The three clients held against each other on a real ensemble: the same operations, answers, errors and watch events.

Each works below a root of its own with a session of its own, so that all three find the same state.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from kazoo.protocol.states import WatchedEvent

from lab.zookeeper_server import ZooKeeperServers, four_letters
from tests.integration.clients import require_library
from tests.needs import require_zookeeper
from zk_locust.clients.interface import ClientSettings, ZooKeeperClient
from zk_locust.clients.kazoo.client import KazooZooKeeperClient
from zk_locust.clients.libzookeeper import LibZooKeeperClient
from zk_locust.clients.native import NativeClient
from zk_locust.contract.errors import ClientError, NoNodeError, ServerError

pytestmark = pytest.mark.integration

Operation = tuple[Any, ...]

# Few nodes, so that most operations meet one that is there: a wrong version must be seen to be refused.
node_paths = st.sampled_from(["/a", "/a", "/a", "/ü", "/a/b", "/a/b", "/ü/a", "/a/b/ü"])
versions = st.sampled_from([-1, -1, 0, 1, 2])
values = st.binary(max_size=40)
flags = st.booleans()
operations = st.one_of(
    st.tuples(st.just("create"), node_paths, values, flags, flags),
    st.tuples(st.just("create"), node_paths, values, st.just(False), st.just(False)),
    # A name that is a number only.
    st.tuples(st.just("create"), node_paths.map(lambda path: path + "/"), values, flags, st.just(True)),
    st.tuples(st.just("set"), node_paths, values, versions),
    st.tuples(st.just("delete"), node_paths, versions),
    st.tuples(st.just("get"), node_paths, flags),
    st.tuples(st.just("exists"), node_paths, flags),
    st.tuples(st.just("get_children"), node_paths, flags, flags),
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    require_library()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("ensemble")) as servers:
        yield servers


def clients_of(common: ClientSettings) -> list[Any]:
    # kazoo's gevent handler needs a patched process.
    return [KazooZooKeeperClient(common, handler="threading"), NativeClient(common), LibZooKeeperClient(common)]


@pytest.fixture(scope="module")
def clients(servers: ZooKeeperServers) -> Iterator[list[ZooKeeperClient]]:
    # A machine that stands still for seconds is no difference between clients. Nor is an ensemble that leaves a
    # write waiting until its member gets another request, as 3.8.0 sometimes does: the C library sends no ping while
    # it waits, and gives the connection up after two thirds of the session's time.
    clients = clients_of(ClientSettings(servers.hosts, session_timeout_s=20.0, operation_timeout_s=60.0))
    others = [NativeClient(ClientSettings(host, session_timeout_s=20.0)) for host in servers.hosts.split(",")]
    for client in [*clients, *others]:
        client.start()
    asking = [gevent.spawn(keep_asking, client) for client in others]
    yield clients
    gevent.killall(asking)
    for client in [*clients, *others]:
        client.stop()
        client.close()


def keep_asking(client: ZooKeeperClient) -> None:
    """Give the client's member another request each half second."""
    while True:
        with contextlib.suppress(ClientError):
            client.exists("/")
        gevent.sleep(0.5)


class Driver:
    """One client below its own root, and what its watches were told: (number of the watch, event)."""

    def __init__(self, client: ZooKeeperClient, number: int) -> None:
        self.client = client
        self.root = f"/{type(client).__name__}-{number}"
        self.events: list[tuple[int, WatchedEvent]] = []
        client.create(self.root)

    def answer(self, place: int, operation: Operation) -> object:
        """Return what the operation came to, without what differs between two trees: times, transactions, sessions."""
        if isinstance(self.client, KazooZooKeeperClient):
            # It stops its thread. In this one, the others would answer no ping and lose their connections.
            return gevent.get_hub().threadpool.apply(self._answer, (place, operation))
        return self._answer(place, operation)

    def _answer(self, place: int, operation: Operation) -> object:
        kind, path, *rest = operation
        path = self.root + path
        watch = self._watch(place) if rest and rest[-1] is True else None
        try:
            match kind:
                case "create":
                    made = self.client.create(path, rest[0], ephemeral=rest[1], sequence=rest[2])
                    return made.removeprefix(self.root)
                case "set":
                    return comparable(self.client.set(path, rest[0], version=rest[1]))
                case "delete":
                    self.client.delete(path, version=rest[0])
                    return None
                case "get":
                    value, stat = self.client.get(path, watch)
                    return value, comparable(stat)
                case "exists":
                    found = self.client.exists(path, watch)
                    return found and comparable(found)
                case _ if rest[0]:
                    children, stat = self.client.get_children(path, watch, include_data=True)
                    return sorted(children), comparable(stat)
                case _:
                    return sorted(self.client.get_children(path, watch))
        except ServerError as error:
            return type(error).__name__  # kazoo's are its own errors too

    def told(self) -> tuple[list[WatchedEvent], list[tuple[int, WatchedEvent]]]:
        """Return all events in order, and which watch was told what."""
        # Events come in order: nothing is under way any more when this one is there.
        last: list[WatchedEvent] = []
        self.client.exists(f"{self.root}/last", last.append)
        self.client.create(f"{self.root}/last")
        with gevent.Timeout(60, AssertionError("no event for a node that was created")):
            while not last:
                gevent.sleep(0.001)
        told = [(place, event._replace(path=event.path.removeprefix(self.root))) for place, event in self.events]
        return [event for _, event in told], sorted(told)

    def _watch(self, place: int) -> Any:
        return lambda event: self.events.append((place, event))


def comparable(stat: Any) -> tuple[object, ...]:
    """All fields take part: the transactions by their order, the times by their closeness."""
    return (
        *(stat.version, stat.cversion, stat.aversion, bool(stat.ephemeralOwner), stat.dataLength, stat.numChildren),
        stat.czxid <= stat.mzxid,
        stat.czxid <= stat.pzxid,
        abs(stat.ctime / 1000 - time.time()) < 3600,
        stat.ctime <= stat.mtime,
    )


counter = iter(range(1_000_000))


def test_each_knows_its_session_and_the_member_as_the_connect_string_names_it(servers: ZooKeeperServers) -> None:
    member = servers.members[1]
    common = ClientSettings(f"localhost:{member.client_port}")
    for client in clients_of(common):
        assert client.last_connection[0] == 0
        client.start()
        client.exists("/")
        xid = client.last_xid
        session, address = client.last_connection
        assert str(address) == common.hosts
        (line,) = (
            line for line in four_letters(member.client_port, "cons").splitlines() if f"sid={session:#x}," in line
        )
        if isinstance(client, NativeClient):
            assert f"lcxid={xid:#x}," in line
            with pytest.raises(NoNodeError) as refused:
                client.get("/nowhere")
            assert refused.value.xid == xid + 1
        else:
            assert xid == 0
        client.stop()
        assert client.last_connection == (session, address), "what has failed has been there"
        client.close()


# Not made smaller: each missing event costs its full time limit.
@settings(max_examples=200, deadline=None, phases=[Phase.generate])
@given(sequence=st.lists(operations, min_size=5, max_size=25))
def test_the_same_answers_and_events(clients: list[ZooKeeperClient], sequence: list[Operation]) -> None:
    number = next(counter)
    kazoo, *others = [Driver(client, number) for client in clients]
    for place, operation in enumerate(sequence):
        wanted = kazoo.answer(place, operation)
        for driver in others:
            assert driver.answer(place, operation) == wanted, (driver.root, operation)
    wanted_events = kazoo.told()
    for driver in others:
        assert driver.told() == wanted_events, driver.root
