"""The operations that time something else than a reply: the delivery of a watch, and the opening of a session."""

from typing import Any

import gevent
import pytest
from gevent import GreenletExit

from tests.unit.load.fakes import FakeZooKeeper, Recorded, environment, locust_client
from tests.unit.load.watched import WatchedZooKeeper
from zk_locust.contract.errors import ConfigurationError, ConnectError
from zk_locust.load import users
from zk_locust.load.operations import ZKConnectOp, ZKWatchOp, session
from zk_locust.load.task_sets import ZKSetTaskSet
from zk_locust.load.users import ZKLocust


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def test_a_watch_is_counted_once_it_has_fired(recorded: Recorded) -> None:
    ZKWatchOp(locust_client(WatchedZooKeeper(), recorded)).task(None)
    assert recorded.kinds == [("watch", None)]


def test_the_event_of_another_s_write_is_not_counted(recorded: Recorded) -> None:
    zookeeper = WatchedZooKeeper()
    zookeeper.nodes["/shared"] = b""
    zookeeper.meanwhile = lambda: zookeeper.set("/shared", b"another's")
    op = ZKWatchOp(locust_client(zookeeper, recorded), "/shared")
    op.task(None)
    assert recorded.fired == []
    op.task(None)
    assert recorded.kinds == [("watch", None)]


def test_a_lost_connection_is_no_delivery(recorded: Recorded) -> None:
    zookeeper = WatchedZooKeeper()
    zookeeper.meanwhile = zookeeper.lose_the_session
    ZKWatchOp(locust_client(zookeeper, recorded, operation_timeout=10.0)).task(None)
    assert recorded.kinds == [("watch", "OperationTimeoutError")]


def test_a_mistake_of_this_machine_s_is_a_failed_connect_and_not_thousands_a_second(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(session.gevent, "sleep", pauses.append)  # type: ignore[attr-defined]
    zookeeper = FakeZooKeeper()
    zookeeper.start_problems = [ConfigurationError("--kazoo-tls-ca", "x.pem", "it is not there", "name another")]
    ZKConnectOp(locust_client(zookeeper, recorded)).task(None)
    assert recorded.kinds == [("connect", "ConfigurationError")]
    assert pauses == [session.PAUSE_AFTER_MISTAKE_S]
    assert zookeeper.closes == 1


def test_a_session_is_ended_also_where_it_was_not_to_be_had(recorded: Recorded) -> None:
    zookeeper = FakeZooKeeper()
    zookeeper.start_problems = [ConnectError("down")]
    ZKConnectOp(locust_client(zookeeper, recorded)).task(None)
    assert recorded.kinds == [("connect", "ConnectError")]
    assert (zookeeper.stops, zookeeper.closes) == (1, 1)


class Setter(ZKLocust):
    tasks = [ZKSetTaskSet]  # noqa: RUF012


class Silent(FakeZooKeeper):
    """An ensemble that takes the connection and never answers."""

    def start(self) -> None:
        gevent.sleep(60)


@pytest.mark.parametrize(("worth_telling_s", "told"), [(0.0, True), (60.0, False)])
def test_a_user_without_a_session_when_the_load_ends_is_told_of(
    worth_telling_s: float, told: bool, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zk_locust.load.locust_client.create_client", lambda *_: Silent())
    monkeypatch.setattr(users, "_WORTH_TELLING_S", worth_telling_s)
    user: Any = Setter(environment(recorded))
    connecting = gevent.spawn(user.on_start)
    gevent.sleep(0.01)
    connecting.kill()
    assert isinstance(connecting.value, GreenletExit)
    assert recorded.kinds == ([("connect", "ClientError")] if told else [])
    if told:
        assert str(recorded.fired[0][1]).startswith("no session yet after 0.0 s, when the load ended")
