"""The lock recipe where a request fails half-way: no node stays in a queue, and no lock is held by two."""

import pytest

from tests.unit.load.fakes import Recorded, locust_client
from tests.unit.load.watched import WatchedZooKeeper
from zk_locust.contract.errors import ConnectionLossError, OperationTimeoutError
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


def turns(zookeeper: WatchedZooKeeper, users: list[LockUser], recorded: Recorded) -> list[tuple[str, str | None]]:
    """Let everybody have two turns; return what those have come to."""
    recorded.fired.clear()
    for one in users * 2:
        one.run(STEP)
    assert queue(zookeeper) == []
    return recorded.kinds


GOOD = [("lock_acquire", None), ("lock_release", None)]


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_holder_who_could_not_check_out_is_no_second_holder_later(
    carried_out: bool, zookeeper: WatchedZooKeeper, recorded: Recorded
) -> None:
    users = [user(zookeeper, recorded, number, check=True, timeout_s=1) for number in range(2)]
    # create, get_children, create holder; get holder, delete holder
    zookeeper.problems = [None, None, None, None, ConnectionLossError("the check-out")]
    users[0].run(STEP)
    assert recorded.kinds == [("lock_acquire", None), ("lock_release", "ConnectionLossError")]
    assert sorted(name[:3] for name in queue(zookeeper)) == ["hol", "u0-"], "the place is kept until the other is gone"
    if carried_out:
        zookeeper.delete(f"{LOCK}/holder")
    assert turns(zookeeper, users, recorded) == GOOD * 4


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_check_in_whose_reply_was_lost_is_no_second_holder_later(
    carried_out: bool, zookeeper: WatchedZooKeeper, recorded: Recorded
) -> None:
    users = [user(zookeeper, recorded, number, check=True, timeout_s=1) for number in range(2)]
    # create, get_children, create holder; the check-out fails as well
    zookeeper.problems = [None, None, ConnectionLossError("the check-in"), ConnectionLossError("still down")]
    users[0].run(STEP)
    assert recorded.kinds == [("lock_acquire", "ConnectionLossError"), ("lock_release", "ConnectionLossError")]
    if carried_out:
        zookeeper.create(f"{LOCK}/holder", b"u0-")
    assert turns(zookeeper, users, recorded) == GOOD * 4


def test_the_holder_of_somebody_else_is_never_removed(zookeeper: WatchedZooKeeper, recorded: Recorded) -> None:
    mine = user(zookeeper, recorded, check=True)
    zookeeper.problems = [None, None, ConnectionLossError("the check-in"), ConnectionLossError("still down")]
    mine.run(STEP)
    zookeeper.create(f"{LOCK}/holder", b"u1-")
    mine.run(STEP)
    assert recorded.kinds[2:] == [("lock_acquire", "TwoHoldersError"), ("lock_release", None)]
    assert queue(zookeeper) == ["holder"]


def test_what_is_left_at_one_lock_is_removed_before_another_is_taken(
    zookeeper: WatchedZooKeeper, recorded: Recorded
) -> None:
    zookeeper.nodes["/kl/workload/locks/1"] = b""
    mine = user(zookeeper, recorded, check=True, count=2)
    zookeeper.problems = [None, None, None, None, ConnectionLossError("the check-out")]
    mine.run(STEP)
    mine.run(Step("lock", 1, b""))
    assert queue(zookeeper) == []
    assert recorded.kinds[2:] == GOOD


def test_a_holder_s_node_of_our_own_that_was_not_seen_yet_is_no_second_holder(
    zookeeper: WatchedZooKeeper, recorded: Recorded
) -> None:
    zookeeper.create(f"{LOCK}/holder", b"u0-")  # this member had not heard of it when we looked
    user(zookeeper, recorded, check=True).run(STEP)
    assert recorded.kinds == GOOD
    assert queue(zookeeper) == []
