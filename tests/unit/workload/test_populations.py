"""What is made and removed: the tree, and the nodes of a user, which stay as many as they should be whatever fails."""

# ruff: noqa: ARG002 - the arguments are those of the interface

from collections import deque
from itertools import islice
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.load.fakes import FakeZooKeeper, Recorded, locust_client
from zk_locust.clients.native import NativeClient
from zk_locust.contract.errors import ConnectionLossError, NodeExistsError, NoNodeError, NotEmptyError
from zk_locust.load.marked_trees import make_parents, remove_tree
from zk_locust.workload.operations import Operations
from zk_locust.workload.specification import Locks, Tree, Values, Workload, size_of_all
from zk_locust.workload.steps import steps
from zk_locust.workload.tree import fill

ROOT = "/kl/workload"


class WithEphemerals(FakeZooKeeper):
    """Takes ephemeral nodes; a problem that is `after` comes when the request has been carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.lost_replies: deque[bool] = deque()

    def create(self, path: str, value: bytes = b"", *, ephemeral: bool = False, sequence: bool = False) -> str:
        made = super().create(path, value)
        self._lose_reply()
        return made

    def delete(self, path: str, version: int = -1) -> None:
        if path not in self.nodes:
            raise NoNodeError(path)
        super().delete(path)
        self._lose_reply()

    def _lose_reply(self) -> None:
        if self.lost_replies and self.lost_replies.popleft():
            raise ConnectionLossError("the reply")


def filled(zookeeper: FakeZooKeeper, workload: Workload) -> int:
    client = cast(NativeClient, zookeeper)
    make_parents(client, ROOT)
    return fill(client, ROOT, workload)


@pytest.mark.parametrize("tree", [Tree(1), Tree(20), Tree(30, 2, 5), Tree(30, 3, 3)])
def test_a_tree_is_filled_and_removed(tree: Tree) -> None:
    zookeeper = FakeZooKeeper()
    workload = Workload(tree=tree, values=Values("uniform", 5, 9), locks=Locks(2))
    assert filled(zookeeper, workload) == size_of_all(workload)
    below = [path for path in zookeeper.nodes if path.startswith(ROOT)]
    assert len(below) == size_of_all(workload)
    values = [zookeeper.nodes[path] for path in below if path.rpartition("/")[2].startswith("n")]
    assert len(values) == tree.nodes
    assert {len(value) for value in values} <= set(range(5, 10))
    zookeeper.nodes[f"{ROOT}/made/more"] = b""
    told: list[int] = []
    assert remove_tree(cast(NativeClient, zookeeper), ROOT, told.append) == len(below) + 1
    assert told == list(range(1, len(below) + 2))
    assert zookeeper.nodes.keys() == {"/", "/kl"}
    assert remove_tree(cast(NativeClient, zookeeper), ROOT) == 0


def test_a_tree_that_is_there_already_is_not_taken_for_the_stated_one() -> None:
    zookeeper = FakeZooKeeper()
    filled(zookeeper, Workload())
    with pytest.raises(NodeExistsError):
        filled(zookeeper, Workload())


def test_nodes_that_come_while_a_tree_is_removed_are_removed_too_but_not_forever() -> None:
    zookeeper: Any = FakeZooKeeper()
    zookeeper.nodes |= dict.fromkeys(["/a", "/a/b", "/a/b/c"], b"")
    delete, more = zookeeper.delete, ["/a/late"]

    def deleting(path: str) -> None:
        delete(path)
        if path == "/a/b" and more:
            zookeeper.nodes[more.pop()] = b""

    zookeeper.delete = deleting
    assert remove_tree(zookeeper, "/a") == 4
    assert zookeeper.nodes.keys() == {"/"}
    zookeeper.nodes |= dict.fromkeys(["/a", "/a/b"], b"")

    def making_it_anew(path: str) -> None:
        delete(path)
        zookeeper.nodes["/a/b"] = b""

    zookeeper.delete = making_it_anew
    with pytest.raises(NotEmptyError, match="/a gets new nodes"):
        remove_tree(zookeeper, "/a")


def user(workload: Workload) -> tuple[WithEphemerals, Recorded, Operations]:
    zookeeper, recorded = WithEphemerals(), Recorded()
    filled(zookeeper, workload)
    return zookeeper, recorded, Operations(locust_client(zookeeper, recorded), workload, 0)


def own(zookeeper: FakeZooKeeper) -> int:
    return sum(path.startswith(f"{ROOT}/made/") for path in zookeeper.nodes)


def ephemerals(zookeeper: FakeZooKeeper) -> int:
    return sum(path.count("/") > f"{ROOT}/tree/n".count("/") for path in zookeeper.nodes if "/tree/" in path)


def run(operations: Operations, workload: Workload, count: int) -> None:
    table = operations.table()
    for step in islice(steps(workload, 0), count):
        table[step.operation](step)


def test_a_user_creates_and_deletes_as_often_as_the_weights_say() -> None:
    workload = Workload(operations=(("create", 1), ("delete", 1)), tree=Tree(1))
    zookeeper, recorded, operations = user(workload)
    run(operations, workload, 2000)
    assert {error for _, error in recorded.kinds} == {None}
    names = [name for name, _ in recorded.kinds]
    assert own(zookeeper) == names.count("create") - names.count("delete")
    assert own(zookeeper) < 150
    chosen = [step.operation for step in islice(steps(workload, 0), 2000)]
    assert names.count("create") == chosen.count("create") + operations._owed_deletes
    assert operations._owed_deletes < 100


@given(st.lists(st.booleans(), max_size=40))
def test_lost_replies_leave_no_node_behind(lost: list[bool]) -> None:
    workload = Workload(operations=(("create", 1), ("delete", 1)), tree=Tree(1))
    zookeeper, _, operations = user(workload)
    zookeeper.lost_replies.extend(lost)
    run(operations, workload, 200)
    table = operations.table()
    for _ in range(len(operations._made) + len(lost)):
        if operations._made:
            table["delete"](next(steps(workload, 1)))
    assert own(zookeeper) == 0


@given(st.lists(st.booleans(), max_size=40))
def test_churn_keeps_the_population_whatever_replies_are_lost(lost: list[bool]) -> None:
    workload = Workload(operations=(("churn", 1),), tree=Tree(10), ephemerals_per_user=3)
    zookeeper, recorded, operations = user(workload)
    operations.make_ephemerals()
    assert ephemerals(zookeeper) == 3
    zookeeper.lost_replies.extend(lost)
    run(operations, workload, 100)
    assert ephemerals(zookeeper) == 3
    assert not lost or any(lost) == any(error for _, error in recorded.kinds)


def test_churn_after_the_session_has_expired_brings_the_population_back() -> None:
    workload = Workload(operations=(("churn", 1),), tree=Tree(10), ephemerals_per_user=3)
    zookeeper, recorded, operations = user(workload)
    operations.make_ephemerals()
    for path in [path for path in zookeeper.nodes if path.startswith(f"{ROOT}/tree/n") and path.count("/") > 4]:
        del zookeeper.nodes[path]
    run(operations, workload, 6)
    assert ephemerals(zookeeper) == 3
    assert [error for _, error in recorded.kinds].count("NoNodeError") == 3
