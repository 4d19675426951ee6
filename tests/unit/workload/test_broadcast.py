"""One writer and a watcher where requests fail: every error is counted, and the watches are set again."""

from typing import Any
from unittest.mock import Mock

import gevent
import pytest

from tests.unit.load.fakes import Recorded, locust_client
from tests.unit.load.watched import WatchedZooKeeper
from zk_locust.contract.errors import ConnectionLossError
from zk_locust.workload import broadcast
from zk_locust.workload.specification import Broadcast, Workload
from zk_locust.workload.task_set import WorkloadTaskSet

WORKLOAD = Workload(operations=(), broadcast=Broadcast(nodes=1, every_s=0.001))


class Environment:
    """Stands for Locust's: what the users of a process have in common."""


@pytest.fixture
def zookeeper(monkeypatch: pytest.MonkeyPatch) -> WatchedZooKeeper:
    monkeypatch.setattr(broadcast, "_LOOK_AGAIN_S", 0.001)
    made = WatchedZooKeeper()
    made.nodes |= dict.fromkeys(["/kl", "/kl/workload", "/kl/workload/broadcast"], b"")
    return made


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def environment() -> Environment:
    return Environment()


@pytest.fixture
def parts(zookeeper: WatchedZooKeeper, recorded: Recorded, environment: Environment) -> tuple[Any, Any]:
    writer, watcher = (
        broadcast.Role(environment, locust_client(zookeeper, recorded), WORKLOAD, number) for number in range(2)
    )
    assert isinstance(writer.acts, broadcast.Writer)
    assert isinstance(watcher.acts, broadcast.Watcher)
    writer.start()
    watcher.start()
    return writer, watcher


def test_a_write_is_delivered(parts: tuple[Any, Any], recorded: Recorded) -> None:
    writer, watcher = parts
    for _ in range(2):
        writer.run()
        watcher.run()
    assert recorded.kinds == [("set", None), ("watch_delivery", None), ("get_watch", None)] * 2


def test_a_watch_that_could_not_be_set_again_is_counted_and_set_later(
    parts: tuple[Any, Any], recorded: Recorded, zookeeper: WatchedZooKeeper
) -> None:
    writer, watcher = parts
    writer.run()
    zookeeper.problems = [ConnectionLossError("down"), ConnectionLossError("still down")]
    watcher.run()
    watcher.run()
    watcher.run()
    writer.run()
    watcher.run()
    assert recorded.kinds == [
        ("set", None), ("watch_delivery", None), ("get_watch", "ConnectionLossError"),
        ("user_prepare", "ConnectionLossError"), ("set", None), ("watch_delivery", None), ("get_watch", None),
    ]  # fmt: skip


def test_a_lost_session_is_no_delivery(parts: tuple[Any, Any], recorded: Recorded, zookeeper: WatchedZooKeeper) -> None:
    writer, watcher = parts
    writer.run()
    watcher.run()
    recorded.fired.clear()
    zookeeper.meanwhile = zookeeper.lose_the_session
    writer.run()
    watcher.run()
    assert recorded.kinds == [("set", None), ("get_watch", None)]


def test_a_write_whose_reply_was_lost_is_delivered_all_the_same(
    parts: tuple[Any, Any], recorded: Recorded, zookeeper: WatchedZooKeeper
) -> None:
    writer, watcher = parts
    writer.run()
    watcher.run()
    recorded.fired.clear()
    (path,) = writer.acts._channel.paths

    def carried_out() -> None:
        zookeeper.set(path, b"x")
        zookeeper.problems = [ConnectionLossError("the reply")]

    zookeeper.meanwhile = carried_out
    writer.run()
    watcher.run()
    writer.run()
    watcher.run()
    assert recorded.kinds == [
        ("set", "ConnectionLossError"), ("watch_delivery", None), ("get_watch", None),
        ("set", None), ("watch_delivery", None), ("get_watch", None),
    ]  # fmt: skip


def test_a_writer_that_leaves_is_replaced(
    parts: tuple[Any, Any], recorded: Recorded, zookeeper: WatchedZooKeeper, environment: Environment
) -> None:
    writer, watcher = parts
    third = broadcast.Role(environment, watcher._client, WORKLOAD, 2)
    third.start()
    writer.run()
    third.run()
    writer.stop()
    recorded.fired.clear()
    zookeeper.problems = [ConnectionLossError("down")]
    watcher.run()  # takes the part over, and cannot yet
    for _ in range(3):
        watcher.run()
        third.run()
    assert isinstance(watcher.acts, broadcast.Writer)
    assert isinstance(third.acts, broadcast.Watcher)
    assert recorded.kinds[0] == ("user_prepare", "ConnectionLossError")
    assert recorded.kinds[1:] == [("set", None), ("watch_delivery", None), ("get_watch", None)] * 2


def test_a_user_killed_while_it_prepares_gives_its_role_back(
    zookeeper: WatchedZooKeeper, recorded: Recorded, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zk_locust.workload.task_set.workload_of", lambda _: WORKLOAD)
    zookeeper.nodes["/kl/workload/users"] = b""
    user = Mock(client=locust_client(zookeeper, recorded), environment=environment, min_wait=None, max_wait=None)
    zookeeper.problems = [None, ConnectionLossError("down")]
    preparing = gevent.spawn(WorkloadTaskSet(user).on_start)
    gevent.sleep(0.01)
    preparing.kill()
    assert recorded.kinds == [("user_prepare", "ConnectionLossError")]
    assert isinstance(broadcast.Role(environment, user.client, WORKLOAD, 9).acts, broadcast.Writer)
