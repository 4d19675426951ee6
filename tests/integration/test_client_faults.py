"""Connections that are dropped and sessions that are ended, at real members: what their clients see of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState

from lab.zookeeper_server import Member, ZooKeeperServers
from tests import waiting
from tests.needs import require_root, require_zookeeper
from zk_locust.contract.process_identity import Identity, identity_of
from zk_locust.host_faults import connections, sessions
from zk_locust.host_faults.errors import FaultError

pytestmark = pytest.mark.integration

CLIENTS = 6
LIMIT_S = 60


class User:
    """A client of one member, and the states that it has seen."""

    def __init__(self, member: Member) -> None:
        self.client = KazooClient(hosts=member.address, timeout=30)
        self.seen: list[str] = []
        self.client.add_listener(self.seen.append)
        self.client.start(LIMIT_S)
        self.session = self.session_now

    @property
    def session_now(self) -> int:
        return int(self.client._session_id or 0)

    @property
    def was_dropped(self) -> bool:
        """Whether it was disconnected and has its old session again."""
        return self.seen[1:] == [KazooState.SUSPENDED, KazooState.CONNECTED] and self.session_now == self.session

    @property
    def has_expired(self) -> bool:
        return KazooState.LOST in self.seen and self.session_now not in (0, self.session)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def member(servers: ZooKeeperServers, request: pytest.FixtureRequest) -> Member:
    leads = getattr(request, "param", "follower") == "leader"
    return servers.members[servers.leader() if leads else servers.followers()[0]]


@pytest.fixture
def users(member: Member) -> Iterator[list[User]]:
    found = [User(member) for _ in range(CLIENTS)]
    try:
        yield found
    finally:
        for user in found:
            user.client.stop()
            user.client.close()


def note(percent: float, member: Member) -> dict[str, Any]:
    return {"id": "run.1.zk1", "percent": percent, "client_port": member.client_port}


def process_of(member: Member) -> Identity:
    assert member.process is not None
    return identity_of(member.process.pid)


def settings(member: Member) -> dict[str, str]:
    return {"admin.serverAddress": "127.0.0.1", "admin.serverPort": str(member.admin_port)}


def test_a_server_knows_no_other_password_than_that_of_the_id(users: list[User]) -> None:
    for user in users:
        assert sessions.password_of(user.session) == user.client._session_passwd


@pytest.mark.parametrize(("member", "percent"), [("leader", 100), ("follower", 50)], indirect=["member"])
def test_ended_sessions_are_expired_for_their_clients(member: Member, users: list[User], percent: int) -> None:
    users[0].client.create("/mine", ephemeral=True)
    told = note(percent, member)
    sessions.expire(told, settings(member))
    count = CLIENTS * percent // 100
    assert told["met"] == count
    waiting.until(lambda: sum(user.has_expired for user in users) == count, limit_s=LIMIT_S)
    assert all(user.has_expired or user.session_now == user.session for user in users)
    lives = not users[0].has_expired
    waiting.until(lambda: bool(users[0].client.exists("/mine")) is lives, limit_s=LIMIT_S)


def test_a_session_that_its_client_resumes_meanwhile_is_ended_nevertheless(
    member: Member, users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is faster the first time: it has its session again, and our connection has ended."""
    closed, tries = sessions._closed, []

    def late(host: str, port: int, session_id: int) -> bool | None:
        tries.append(session_id)
        return False if len(tries) == 1 else closed(host, port, session_id)

    monkeypatch.setattr(sessions, "_closed", late)
    assert sessions.end("127.0.0.1", member.client_port, users[0].session)
    assert len(tries) == 2
    waiting.until(lambda: users[0].has_expired, limit_s=LIMIT_S)


def test_a_session_that_has_ended_is_not_counted(member: Member, users: list[User]) -> None:
    assert sessions.end("127.0.0.1", member.client_port, users[0].session)
    assert not sessions.end("127.0.0.1", member.client_port, users[0].session)


def test_sessions_that_nobody_tells_are_an_error(member: Member) -> None:
    with pytest.raises(FaultError, match=r"the AdminServer \[127\.0\.0\.1:1\] does not tell the sessions"):
        sessions.expire(note(100, member), {"admin.serverPort": "1"})


@pytest.mark.parametrize(("means", "percent"), [("ss", 100), ("ss", 50), ("pidfd", 50)])
def test_dropped_connections_leave_the_sessions(
    member: Member, users: list[User], means: str, percent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_root("a member's connections are dropped")
    if means == "pidfd":
        monkeypatch.setattr(connections, "_reset", lambda *_: 0)
    else:
        monkeypatch.setattr(connections, "_shut", lambda *_: 0)
    told = note(percent, member)
    connections.drop(told, process_of(member), member.client_port)
    count = CLIENTS * percent // 100
    assert told["met"] == count
    waiting.until(lambda: sum(user.was_dropped for user in users) == count, limit_s=LIMIT_S)
    assert {user.session_now for user in users} == {user.session for user in users}


def test_without_connections_nothing_is_met(member: Member) -> None:
    told = note(100, member)
    connections.drop(told, process_of(member), 1)
    assert told["met"] == 0
