"""Who fills and removes trees: nobody in another way than the load itself."""

# ruff: noqa: ARG002 - the arguments are those of the interface

from typing import Any

import gevent
import pytest

from tests.unit.load.fakes import FakeZooKeeper, options
from zk_locust.clients import bulk
from zk_locust.clients.native import Create, Delete, GetChildren, Request, SetData
from zk_locust.contract.errors import AuthFailedError, ConnectError, NoNodeError, NotEmptyError
from zk_locust.load.marked_trees import remove_tree


class Plain(FakeZooKeeper):
    """A client that has no pipeline."""

    pipeline: Any = property()

    def delete(self, path: str, version: int = -1) -> None:
        if path not in self.nodes:
            raise NoNodeError(path)
        if self.get_children(path):
            raise NotEmptyError(path)
        super().delete(path)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, FakeZooKeeper]]:
    """Return the clients that are made, with their names, in order; that of the users is named `users`."""
    found: list[tuple[str, FakeZooKeeper]] = []

    def create(_: Any, name: str = "users") -> FakeZooKeeper:
        found.append((name, FakeZooKeeper()))
        return found[-1][1]

    monkeypatch.setattr(bulk, "create_client", create)
    return found


def names(made: list[tuple[str, FakeZooKeeper]]) -> list[str]:
    return [name for name, _ in made]


@pytest.mark.parametrize("client", ["kazoo", "native", "libzookeeper"])
def test_the_native_client_does_it_where_it_may(client: str, made: list[tuple[str, FakeZooKeeper]]) -> None:
    with bulk.bulk_session(options(hosts="zk1", client=client)) as session:
        assert session is made[0][1]
    assert names(made) == ["native"]
    assert (made[0][1].starts, made[0][1].stops, made[0][1].closes) == (1, 1, 1)


@pytest.mark.parametrize(
    "asked",
    [
        {"kazoo_tls": True},
        {"kazoo_tls_ca": "ca.pem"},
        {"kazoo_tls_cert": "client.pem"},
        {"kazoo_sasl_options": '{"mechanism": "PLAIN"}'},
        {"kazoo_create_client": "package.module:make"},
    ],
)
def test_where_the_load_is_protected_nothing_is_sent_in_another_way(
    asked: dict[str, Any], made: list[tuple[str, FakeZooKeeper]]
) -> None:
    with bulk.bulk_session(options(hosts="zk1", client="kazoo", **asked)):
        pass
    assert names(made) == ["users"]


@pytest.mark.parametrize("error", [ConnectError("TLS"), AuthFailedError("SASL")])
def test_where_the_native_client_cannot_get_in_the_users_client_does_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = {"native": FakeZooKeeper(), "users": FakeZooKeeper()}
    clients["native"].start_problems = [error]
    monkeypatch.setattr(bulk, "create_client", lambda _, name="users": clients[name])
    with bulk.bulk_session(options(hosts="zk1", client="kazoo")) as session:
        assert session is clients["users"]
    assert (clients["native"].closes, clients["users"].closes) == (1, 1)
    clients["native"].start_problems = [error]
    with pytest.raises(type(error)), bulk.bulk_session(options(hosts="zk1", client="native")):
        pass
    assert clients["native"].closes == 2


def test_a_shared_session_gives_what_each_request_has_come_to() -> None:
    client = Plain()
    requests: list[Request] = [Create("/a", b"x"), Create("/a"), Create("/a/b")]
    requests += [GetChildren("/a"), Delete("/a"), Delete("/c")]
    results = [
        type(found).__name__ if isinstance(found, Exception) else found for found in bulk.pipeline(client, requests)
    ]
    assert results == ["/a", "NodeExistsError", "/a/b", ["b"], "NotEmptyError", "NoNodeError"]
    assert remove_tree(client, "/a") == 2
    assert client.nodes.keys() == {"/"}
    with pytest.raises(TypeError, match="is not a request for trees"):
        list(bulk.pipeline(client, [SetData("/", b"")]))


class Slow(Plain):
    """A client whose replies take their time, as over a network."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = self.most_under_way = 0
        self.sent: list[str] = []
        self.lost_at = ""

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        self.sent.append(path)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if path == self.lost_at:
                raise ConnectError("lost")
            gevent.sleep(0.01)
            return path
        finally:
            self.under_way -= 1


def test_requests_are_under_way_together_and_keep_their_order() -> None:
    client = Slow()
    paths = [f"/{number}" for number in range(40)]
    assert list(bulk.pipeline(client, map(Create, paths), window=8)) == paths
    assert client.sent == paths
    assert client.most_under_way == 8


def test_a_session_that_is_lost_ends_the_pipeline_and_leaves_nothing_under_way() -> None:
    client = Slow()
    client.lost_at = "/0"
    found = bulk.pipeline(client, (Create(f"/{number}") for number in range(1000)), window=4)
    with pytest.raises(ConnectError, match="lost"):
        list(found)
    assert client.under_way == 0
    assert len(client.sent) < 20
