"""The lock recipe where a request fails half-way: no node stays in a queue, and no lock is held by two."""

import pytest

from tests.unit.load.fakes import Recorded, locust_client
from tests.unit.load.watched import WatchedZooKeeper
from zk_locust.errors import ConnectionLossError, OperationTimeoutError
from zk_locust.workload.locks import LockUser
from zk_locust.workload.specification import Locks
from zk_locust.workload.steps import Step

LOCK = "/kl/workload/locks/0"
STEP = Step("lock", 0, b"")


@pytest.fixture
def zookeeper() -> WatchedZooKeeper:
    made = WatchedZooKeeper()
    made.nodes |= dict.fromkeys(["/kl", "/kl/workload", "/kl/workload/locks", LOCK], b"")
    return made


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def user(zookeeper: WatchedZooKeeper, recorded: Recorded, number: int = 0, **locks: object) -> LockUser:
    return LockUser(locust_client(zookeeper, recorded), Locks(**{"timeout_s": 0.01, **locks}), number)  # type: ignore[arg-type]


def queue(zookeeper: WatchedZooKeeper) -> list[str]:
    return [path.removeprefix(f"{LOCK}/") for path in zookeeper.nodes if path.startswith(f"{LOCK}/")]


def test_a_lock_is_taken_and_released(zookeeper: WatchedZooKeeper, recorded: Recorded) -> None:
    user(zookeeper, recorded, check=True).run(STEP)
    assert recorded.kinds == [("lock_acquire", None), ("lock_release", None)]
    assert queue(zookeeper) == []


def test_who_comes_too_late_leaves_the_queue(zookeeper: WatchedZooKeeper, recorded: Recorded) -> None:
    zookeeper.create(f"{LOCK}/u9-", sequence=True)
    user(zookeeper, recorded).run(STEP)
    assert recorded.kinds == [("lock_acquire", "OperationTimeoutError")]
    assert [name[:3] for name in queue(zookeeper)] == ["u9-"]


def test_a_node_whose_making_was_not_acknowledged_is_removed_next_time(
    zookeeper: WatchedZooKeeper, recorded: Recorded
) -> None:
    mine = user(zookeeper, recorded)
    zookeeper.problems = [ConnectionLossError("the reply to the create")]
    mine.run(STEP)
    zookeeper.create(f"{LOCK}/u0-", sequence=True)  # it had been carried out
    mine.run(STEP)
    assert recorded.kinds == [
        ("lock_acquire", "ConnectionLossError"), ("lock_acquire", None), ("lock_release", None),
    ]  # fmt: skip
    assert queue(zookeeper) == []


def test_a_lock_that_could_not_be_released_is_released_next_time(
    zookeeper: WatchedZooKeeper, recorded: Recorded
) -> None:
    mine = user(zookeeper, recorded)
    # create, get_children, delete
    zookeeper.problems = [None, None, OperationTimeoutError("silent")]
    mine.run(STEP)
    assert len(queue(zookeeper)) == 1
    mine.run(STEP)
    assert recorded.kinds == [
        ("lock_acquire", None), ("lock_release", "OperationTimeoutError"),
        ("lock_acquire", None), ("lock_release", None),
    ]  # fmt: skip
    assert queue(zookeeper) == []


def test_a_second_holder_is_told_of_and_gives_its_lock_back(zookeeper: WatchedZooKeeper, recorded: Recorded) -> None:
    zookeeper.create(f"{LOCK}/holder")
    user(zookeeper, recorded, check=True).run(STEP)
    assert recorded.kinds == [("lock_acquire", "TwoHoldersError"), ("lock_release", None)]
    assert queue(zookeeper) == ["holder"]
