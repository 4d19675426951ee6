"""The load's own node: it is removed when the load has ended, and nothing that anybody else has made."""

from typing import Any
from unittest.mock import Mock

import gevent
import pytest

from tests.unit.load.fakes import FakeZooKeeper, Recorded, environment
from zk_locust.clients import bulk
from zk_locust.contract.errors import ClientError, ConnectError, NoAuthError, NotEmptyError, OperationTimeoutError
from zk_locust.load import own_node as node_cleanup
from zk_locust.load.marked_trees import FLEET_MARK, MARK, is_own_name, own_node, remove_tree
from zk_locust.load.stages import happened

RUN = "/zk-locust-20261124T031500Z-quick"


@pytest.fixture
def zookeeper(monkeypatch: pytest.MonkeyPatch) -> FakeZooKeeper:
    """An ensemble that every client reaches."""
    found = FakeZooKeeper()
    monkeypatch.setattr(bulk, "create_client", lambda *_: found)
    return found


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def load_of(recorded: Recorded, root: str = "/kl", **values: Any) -> Any:
    return environment(recorded, **{"hosts": "zk1", "remove_nodes": True, "pseudo_root": root} | values)


def works_at(load: Any) -> str:
    """Return the node below which the users of a load work now."""
    return str(load.parsed_options.pseudo_root)


def make_nodes(zookeeper: FakeZooKeeper, *paths: str) -> None:
    zookeeper.nodes |= dict.fromkeys(paths, b"")


def test_a_load_that_is_not_to_remove_its_nodes_works_where_it_is_told(
    zookeeper: FakeZooKeeper, recorded: Recorded
) -> None:
    load = load_of(recorded, remove_nodes=False)
    node_cleanup.make_own_node(load)
    assert works_at(load) == "/kl"
    make_nodes(zookeeper, "/kl", "/kl/a")
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/", "/kl", "/kl/a"}
    assert zookeeper.starts == 0


def test_a_load_that_removes_its_nodes_works_below_one_of_its_own(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    load = load_of(recorded, "/deep/kl")
    node_cleanup.make_own_node(load)
    root = works_at(load)
    assert root.startswith("/deep/kl/")
    assert is_own_name(root.rpartition("/")[2])
    assert zookeeper.nodes[root] == MARK
    make_nodes(zookeeper, f"{root}/a", f"{root}/a/b", "/other")
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/", "/other"}, "the nodes above it were made for it, and hold nothing else"
    assert works_at(load) == "/deep/kl", "the next load of this process starts anew"
    assert zookeeper.starts == zookeeper.stops == 2


@pytest.mark.parametrize("client", ["native", "kazoo"])
@pytest.mark.parametrize("there", [True, False])
def test_what_others_have_made_before_and_make_meanwhile_stays(
    zookeeper: FakeZooKeeper, recorded: Recorded, client: str, there: bool
) -> None:
    before = ["/kl", "/kl/precious", "/kl/precious/child"] if there else []
    make_nodes(zookeeper, *before)
    load = load_of(recorded, client=client)
    node_cleanup.make_own_node(load)
    meanwhile = ["/kl/new", "/kl/new/child", "/kl/precious2", "/beside"]
    make_nodes(zookeeper, *meanwhile, f"{works_at(load)}/own", f"{works_at(load)}/own/child")
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/", "/kl", *before, *meanwhile}


def test_a_run_has_its_node_at_the_root(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    load = load_of(recorded, RUN)
    node_cleanup.make_own_node(load)
    assert (works_at(load), zookeeper.nodes[RUN]) == (RUN, MARK)
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/"}


def test_a_node_of_that_name_that_somebody_else_has_made_stays(
    zookeeper: FakeZooKeeper, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    make_nodes(zookeeper, RUN, f"{RUN}/precious")
    load = load_of(recorded, RUN)
    node_cleanup.make_own_node(load)
    assert works_at(load).startswith(f"{RUN}/zk-locust-")
    assert f"{RUN} is there already, and no load has made it: it stays" in caplog.text
    make_nodes(zookeeper, f"{works_at(load)}/own")
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/", RUN, f"{RUN}/precious"}


def test_a_load_that_is_started_again_takes_up_what_it_could_not_remove(
    zookeeper: FakeZooKeeper, recorded: Recorded
) -> None:
    load = load_of(recorded, RUN, client="native")
    node_cleanup.make_own_node(load)
    make_nodes(zookeeper, f"{RUN}/own")
    zookeeper.start_problems = [ConnectError("down")]
    node_cleanup.remove_nodes(load)
    node_cleanup.make_own_node(load)
    assert works_at(load) == RUN
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/"}


def test_a_load_that_stops_twice_removes_its_nodes_once(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    make_nodes(zookeeper, "/kl", "/kl/precious")
    load = load_of(recorded)
    node_cleanup.make_own_node(load)
    root = works_at(load)
    node_cleanup.remove_nodes(load)
    make_nodes(zookeeper, root)
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/", "/kl", "/kl/precious", root}


def test_a_removal_outlives_whoever_asked_for_it_and_the_next_one_waits(
    zookeeper: FakeZooKeeper, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object) -> FakeZooKeeper:
        gevent.sleep(0.05)
        return zookeeper

    load = load_of(recorded)
    node_cleanup.make_own_node(load)
    root = works_at(load)
    make_nodes(zookeeper, f"{root}/own")
    monkeypatch.setattr(bulk, "create_client", slow)
    first = gevent.spawn(node_cleanup.remove_nodes, load)
    gevent.sleep(0)
    first.kill()
    assert root in zookeeper.nodes
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/"}


def test_where_the_ensemble_is_down_at_the_start_the_users_make_the_node_and_it_is_removed_all_the_same(
    zookeeper: FakeZooKeeper, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    make_nodes(zookeeper, "/kl", "/kl/precious")
    zookeeper.start_problems = [ConnectError("down")]
    load = load_of(recorded, client="native")
    node_cleanup.make_own_node(load)
    root = works_at(load)
    assert f"The load's own node {root} could not be made yet: down" in caplog.text
    make_nodes(zookeeper, root, f"{root}/own", "/kl/meanwhile")
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/", "/kl", "/kl/precious", "/kl/meanwhile"}


def test_nodes_that_cannot_be_removed_are_said_and_nothing_else(
    zookeeper: FakeZooKeeper, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    load = load_of(recorded, client="native")
    node_cleanup.make_own_node(load)
    root = works_at(load)
    zookeeper.start_problems = [ConnectError("down")]
    node_cleanup.remove_nodes(load)
    assert f"The load's nodes at {root} are still there: down" in caplog.text
    assert zookeeper.closes == 2


def test_where_the_native_client_cannot_get_in_the_users_client_does_it(
    zookeeper: FakeZooKeeper, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[tuple[Any, ...]] = []

    def choose(_: Any, *name: str) -> FakeZooKeeper:
        chosen.append(name)
        return zookeeper

    monkeypatch.setattr(bulk, "create_client", choose)
    load = load_of(recorded)
    zookeeper.start_problems = [ConnectError("TLS")]
    node_cleanup.make_own_node(load)
    zookeeper.start_problems = [ConnectError("TLS")]
    make_nodes(zookeeper, f"{works_at(load)}/a", f"{works_at(load)}/a/b")
    node_cleanup.remove_nodes(load)
    assert zookeeper.nodes.keys() == {"/"}
    assert chosen == [("native",), ()] * 2


class TestLeftTrees:
    """What killed runs have left is removed by the next run of the fleet, and by nobody else."""

    LEFT = "/zk-locust-20261123T000000Z-quick"
    OF_A_GUEST = "/zk-locust-20261123T111111Z-guest"
    NAMED_ALIKE = "/zk-locust-20261123T222222Z-mine"
    OTHERS = ("/zk-locust-notes", "/precious", "/precious/zk-locust-20261123T000000Z-quick")

    @pytest.fixture
    def events(self) -> Any:
        """What has happened, and to whom."""
        found: list[tuple[str, str, str]] = []

        def hear(event: str, subject: str, detail: str, **_: Any) -> None:
            found.append((event, subject, detail))

        happened.add_listener(hear)
        yield found
        happened.remove_listener(hear)

    @pytest.fixture(autouse=True)
    def nodes(self, zookeeper: FakeZooKeeper) -> None:
        zookeeper.nodes |= {self.LEFT: FLEET_MARK, self.OF_A_GUEST: MARK, self.NAMED_ALIKE: b""}
        make_nodes(zookeeper, f"{self.LEFT}/a", f"{self.LEFT}/a/b", f"{self.OF_A_GUEST}/a", *self.OTHERS)

    def test_the_next_run_removes_what_runs_of_the_fleet_have_left(
        self, zookeeper: FakeZooKeeper, recorded: Recorded, events: list[tuple[str, str, str]]
    ) -> None:
        before = set(zookeeper.nodes)
        load = load_of(recorded, RUN, remove_left_trees=True)
        node_cleanup.make_own_node(load)
        assert set(zookeeper.nodes) == (before - {self.LEFT, f"{self.LEFT}/a", f"{self.LEFT}/a/b"}) | {RUN}
        assert zookeeper.nodes[RUN] == FLEET_MARK, "so that the next run knows it again"
        assert events == [("left-tree-removed", self.LEFT, "3 nodes")]

    def test_who_has_not_the_ensemble_for_himself_removes_none(
        self, zookeeper: FakeZooKeeper, recorded: Recorded, events: list[tuple[str, str, str]]
    ) -> None:
        before = set(zookeeper.nodes)
        node_cleanup.make_own_node(load_of(recorded, RUN))
        assert set(zookeeper.nodes) == before | {RUN}
        assert zookeeper.nodes[RUN] == MARK
        assert events == []

    def test_a_tree_that_takes_too_long_stays_for_the_next_run(
        self,
        zookeeper: FakeZooKeeper,
        recorded: Recorded,
        events: list[tuple[str, str, str]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def slow(_: Any, __: str, progress: Any) -> int:
            progress(1)
            gevent.sleep(60)
            return 3

        monkeypatch.setattr(node_cleanup, "remove_tree", slow)
        monkeypatch.setattr(node_cleanup, "_LEFT_TREES_S", 0.01)
        node_cleanup.make_own_node(load_of(recorded, RUN, remove_left_trees=True))
        assert events == [("left-tree-removed", self.LEFT, "1 nodes; the rest stays for the next run")]
        assert zookeeper.nodes[RUN] == FLEET_MARK

    def test_all_trees_together_have_one_time_limit(
        self,
        zookeeper: FakeZooKeeper,
        recorded: Recorded,
        events: list[tuple[str, str, str]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def slow(_: Any, path: str, __: Any) -> int:
            tried.append(path)
            gevent.sleep(60)
            return 1

        tried: list[str] = []
        paths = [self.LEFT, f"{self.LEFT}-2", f"{self.LEFT}-3"]
        zookeeper.nodes |= dict.fromkeys(paths, FLEET_MARK)
        monkeypatch.setattr(node_cleanup, "remove_tree", slow)
        monkeypatch.setattr(node_cleanup, "_LEFT_TREES_S", 0.05)
        node_cleanup.make_own_node(load_of(recorded, RUN, remove_left_trees=True))
        assert tried == paths[:1]
        assert events == [("left-tree-removed", path, "0 nodes; the rest stays for the next run") for path in paths], (
            "also what was not tried any more"
        )

    @pytest.mark.parametrize(
        "error", [NotEmptyError("it gets new nodes"), OperationTimeoutError("no reply"), NoAuthError("not yours")]
    )
    def test_a_tree_that_cannot_be_removed_keeps_neither_the_next_one_nor_the_mark_away(
        self,
        zookeeper: FakeZooKeeper,
        recorded: Recorded,
        events: list[tuple[str, str, str]],
        monkeypatch: pytest.MonkeyPatch,
        error: ClientError,
    ) -> None:
        def refuse_first(client: Any, path: str, progress: Any) -> int:
            if path == self.LEFT:
                progress(1)
                raise error
            return remove_tree(client, path, progress)

        second = f"{self.LEFT}-2"
        zookeeper.nodes[second] = FLEET_MARK
        monkeypatch.setattr(node_cleanup, "remove_tree", refuse_first)
        node_cleanup.make_own_node(load_of(recorded, RUN, remove_left_trees=True))
        assert zookeeper.nodes[RUN] == FLEET_MARK, "so that the next run can remove it"
        assert second not in zookeeper.nodes
        assert events == [
            ("left-tree-removed", self.LEFT, f"1 nodes; the rest stays: {error}"),
            ("left-tree-removed", second, "1 nodes"),
        ]

    def test_where_trees_cannot_be_looked_for_the_node_is_marked_all_the_same(
        self, zookeeper: FakeZooKeeper, recorded: Recorded, caplog: pytest.LogCaptureFixture
    ) -> None:
        zookeeper.get_children = Mock(side_effect=OperationTimeoutError("no reply"))  # type: ignore[method-assign]
        node_cleanup.make_own_node(load_of(recorded, RUN, remove_left_trees=True))
        assert zookeeper.nodes[RUN] == FLEET_MARK
        assert "Could not look for nodes that earlier runs have left: no reply" in caplog.text
        assert "could not be made" not in caplog.text

    def test_a_node_that_may_not_be_read_is_nobody_of_ours(self, zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
        zookeeper.problems = [None, None, NoAuthError(self.LEFT)]  # of making the node, listing, reading
        node_cleanup.make_own_node(load_of(recorded, RUN, remove_left_trees=True))
        assert self.LEFT in zookeeper.nodes
        assert zookeeper.nodes[RUN] == FLEET_MARK


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("zk-locust-20261124T031500Z-quick", True),
        ("zk-locust-20261124T031500Z-a1b2c3", True),
        ("zk-locust-20261124T031500Z", False),
        ("zk-locust-quick", False),
        ("zk-locust", False),
        ("my-zk-locust-20261124T031500Z-quick", False),
    ],
)
def test_a_load_knows_the_names_that_loads_give(name: str, own: bool) -> None:
    assert is_own_name(name) == own
    assert (own_node(f"/kl/{name}") == f"/kl/{name}") == own


def test_two_loads_have_two_nodes() -> None:
    assert own_node("/kl") != own_node("/kl")
