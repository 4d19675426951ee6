"""One writer and a watcher where requests fail: every error is counted, and the watches are set again."""

from typing import Any

import pytest

from tests.unit.load.fakes import Recorded, locust_client
from tests.unit.load.watched import WatchedZooKeeper
from zk_locust.errors import ConnectionLossError
from zk_locust.workload import broadcast
from zk_locust.workload.specification import Broadcast, Workload

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
def parts(zookeeper: WatchedZooKeeper, recorded: Recorded) -> tuple[Any, Any]:
    environment = Environment()
    writer, watcher = (
        broadcast.join(environment, locust_client(zookeeper, recorded), WORKLOAD, number) for number in range(2)
    )
    assert isinstance(writer, broadcast.Writer)
    assert isinstance(watcher, broadcast.Watcher)
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
    (path,) = writer._channel.paths

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
