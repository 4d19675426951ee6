"""Operations, task sets and users, on an ensemble of a dictionary."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from gevent import GreenletExit
from locust.env import Environment
from locust.user.task import LOCUST_STATE_STOPPING

import zk_locust
from tests.unit.load.fakes import FakeZooKeeper, Recorded, environment, locust_client
from zk_locust.clients import create_client
from zk_locust.contract.errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLossError,
    NoNodeError,
    OperationTimeoutError,
)
from zk_locust.load import session, users
from zk_locust.load.mixes import GETS_PER_SET
from zk_locust.load.operations import AbstractOp, ZKGetOp, ZKIncrementingSetOp, ZKSetOp
from zk_locust.load.task_sets import ZKGetTaskSet, ZKSetAndGetTaskSet, ZKSetTaskSet
from zk_locust.load.users import ZKLocust

OPERATIONS: list[type[Any]] = [ZKGetOp, ZKSetOp, ZKIncrementingSetOp]


@pytest.fixture
def zookeeper() -> FakeZooKeeper:
    return FakeZooKeeper()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.mark.parametrize("kind", OPERATIONS)
def test_preparing_makes_the_node_and_is_not_counted(
    kind: type[Any], zookeeper: FakeZooKeeper, recorded: Recorded
) -> None:
    op = kind(locust_client(zookeeper, recorded, "/a/b", val_size=5, key_size=6), key_space_size=1)
    for _ in range(3):
        op.task(None)
    assert recorded.kinds == [(kind.default_label, None)] * 3
    assert zookeeper.nodes.keys() == {"/", "/a", "/a/b", "/a/b/c-0000"}
    assert len(zookeeper.nodes["/a/b/c-0000"]) == 5
    assert len([kind for kind, _ in zookeeper.requests if kind == "create"]) == 3, "nothing is made twice"


def test_users_may_share_a_node(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    for _ in range(2):
        ZKSetOp(locust_client(zookeeper, recorded), key_space_size=1).task(None)
    assert recorded.kinds == [("set", None)] * 2


@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_preparation_that_fails_is_counted_as_such_and_tried_again(
    kind: type[Any], zookeeper: FakeZooKeeper, recorded: Recorded
) -> None:
    zookeeper.problems = [ConnectionLossError("down"), None, OperationTimeoutError("silent")]
    op = kind(locust_client(zookeeper, recorded))
    for _ in range(4):
        op.task(None)
    label = kind.default_label
    assert recorded.kinds == [
        (f"{label}_prepare", "ConnectionLossError"), (f"{label}_prepare", "OperationTimeoutError"),
        (label, None), (label, None),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_failed_request_is_counted_and_the_next_goes_on(
    kind: type[Any], zookeeper: FakeZooKeeper, recorded: Recorded
) -> None:
    op = kind(locust_client(zookeeper, recorded))
    op.task(None)
    zookeeper.problems = [NoNodeError("gone")]
    op.task(None)
    op.task(None)
    assert recorded.kinds == [(op.label, None), (op.label, "NoNodeError"), (op.label, None)]


def test_a_user_stopped_while_it_prepares_is_counted_as_nothing(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    zookeeper.problems = [GreenletExit()]
    with pytest.raises(GreenletExit):
        ZKGetOp(locust_client(zookeeper, recorded)).task(None)
    assert recorded.fired == []


def test_a_get_counts_the_bytes(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    ZKGetOp(locust_client(zookeeper, recorded, val_size=33)).task(None)
    assert recorded.lengths == [33]


def test_a_set_writes_the_same_value_again_and_again(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    op = ZKSetOp(locust_client(zookeeper, recorded, val_size=16), key_space_size=1)
    written = []
    for _ in range(3):
        op.task(None)
        written.append(zookeeper.nodes["/kl/c-000000"])
    assert len(set(written)) == 1
    assert len(written[0]) == 16


def test_an_incrementing_set_counts_up(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    op = ZKIncrementingSetOp(locust_client(zookeeper, recorded, val_size=4), key_space_size=1)
    written = []
    for _ in range(3):
        op.task(None)
        written.append(zookeeper.nodes["/kl/c-000000"])
    assert written == [b"0001", b"0002", b"0003"]


def test_keys_in_sequence_follow_one_another_and_wrap(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    client = locust_client(zookeeper, recorded, "")
    for _ in range(6):
        ZKGetOp(client, sequential_keys=True, key_space_size=3).task(None)
    assert len(zookeeper.nodes) == 1 + 3


@pytest.mark.parametrize("kind", OPERATIONS)
def test_arguments_may_be_given_by_place(kind: type[Any], zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    kind(locust_client(zookeeper, recorded), None, False, 1, 5, 3, "own").task(None)
    assert zookeeper.nodes.keys() == {"/", "/kl", "/kl/c-000"}
    assert len(zookeeper.nodes["/kl/c-000"]) == 3
    assert recorded.kinds == [("own", None)]


def test_an_operation_may_have_another_label(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    ZKGetOp(locust_client(zookeeper, recorded), label="read").task(None)
    assert recorded.kinds == [("read", None)]


def test_what_may_interrupt_is_asked_before_every_request(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    asked: list[object] = []
    op = ZKGetOp(locust_client(zookeeper, recorded), asked.append)
    op.task("task set")
    op.task("task set")
    assert asked == ["task set"] * 2

    def interrupt(_: object) -> None:
        raise GreenletExit

    with pytest.raises(GreenletExit):
        ZKGetOp(locust_client(zookeeper, recorded), interrupt).task(None)
    assert len(recorded.fired) == 2


@pytest.mark.parametrize(
    ("task_set", "expected"),
    [
        (ZKSetTaskSet, {"set": 1}),
        (ZKGetTaskSet, {"get": 1}),
        (ZKSetAndGetTaskSet, {"incr_set": 1, "get": GETS_PER_SET}),
    ],
)
def test_a_task_set_is_its_mix_of_operations(
    task_set: type[Any], expected: dict[str, int], zookeeper: FakeZooKeeper, recorded: Recorded
) -> None:
    user = Mock(client=locust_client(zookeeper, recorded), min_wait=None, max_wait=None, wait_function=None)
    instance = task_set(user)
    found: dict[str, int] = {}
    for task in instance._choices:
        operation: AbstractOp = task.__self__
        found[operation.label] = found.get(operation.label, 0) + 1
    assert found == expected
    assert [task.__name__ for task in task_set.tasks] == ["run_operation"], "Locust's page lists the names"
    for _ in range(300):  # one of eleven is left out once in 10^12
        instance.run_operation()
    assert {name for name, _ in recorded.kinds} == set(expected)


class Setter(ZKLocust):
    tasks = [ZKSetTaskSet]  # noqa: RUF012


def user_of(zookeeper: FakeZooKeeper, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, **values: Any) -> ZKLocust:
    monkeypatch.setattr("zk_locust.load.locust_client.create_client", lambda *_: zookeeper)
    monkeypatch.setattr(users, "_CONNECT_PAUSE_S", 0.001)
    return Setter(environment(recorded, **values))


@pytest.mark.parametrize("behavior", ["log-failure", "try-suppress", "propagate"])
def test_a_user_connects_again_and_again_until_it_works(
    behavior: str, zookeeper: FakeZooKeeper, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    zookeeper.start_problems = [ConnectError("down"), ConnectError("down")]
    user = user_of(zookeeper, recorded, monkeypatch, exception_behavior=behavior)
    user.on_start()
    assert zookeeper.connected
    assert recorded.kinds == ([] if behavior == "try-suppress" else [("connect", "ConnectError")] * 2)
    user.on_stop()
    assert (zookeeper.stops, zookeeper.closes) == (1, 1)


def test_a_user_that_is_to_stop_connects_no_more(
    zookeeper: FakeZooKeeper, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    zookeeper.start_problems = [ConnectError("down")] * 3
    user = user_of(zookeeper, recorded, monkeypatch)
    user._state = LOCUST_STATE_STOPPING
    user.on_start()
    assert zookeeper.starts == 1


def test_a_connect_that_works_is_no_request(
    zookeeper: FakeZooKeeper, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_of(zookeeper, recorded, monkeypatch).on_start()
    assert zookeeper.starts == 1
    assert recorded.fired == []


@pytest.mark.parametrize(
    ("options", "of_class", "expected"),
    [
        ({}, {}, (0, 0)),
        ({"min_wait": 30.0}, {}, (0.03, 0.03)),
        ({"min_wait": 30.0, "max_wait": 60.0}, {}, (0.03, 0.06)),
        ({"min_wait": 30.0, "max_wait": 60.0}, {"min_wait": 1, "max_wait": 2}, (0.001, 0.002)),
        ({"max_wait": 60.0}, {"min_wait": 100}, (0.1, 0.1)),
    ],
)
def test_the_wait_of_the_class_wins_over_the_options(
    options: dict[str, float], of_class: dict[str, float], expected: tuple[float, float],
    zookeeper: FakeZooKeeper, recorded: Recorded, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in of_class.items():
        monkeypatch.setattr(Setter, name, value)
    user = user_of(zookeeper, recorded, monkeypatch, **options)
    waits = [user.wait_time() for _ in range(50)]
    assert expected[0] <= min(waits) <= max(waits) <= expected[1]


def test_the_public_names_are_there_and_no_others() -> None:
    assert zk_locust.ZKLocust is ZKLocust
    for name in zk_locust.__all__:
        assert getattr(zk_locust, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'ZKLocustTaskSett'"):
        _ = zk_locust.ZKLocustTaskSett


def test_an_unknown_client_is_refused_with_the_nearest(zookeeper: FakeZooKeeper, recorded: Recorded) -> None:
    client = locust_client(zookeeper, recorded)
    with pytest.raises(ConfigurationError, match=r"--client \[kazo\]: unknown client, did you mean kazoo\?; choose"):
        create_client(client.options, "kazo")


def test_without_hosts_a_load_is_refused_once(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        session.on_init(environment(recorded), runner=object())
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("zk-locust: --hosts []: the ensemble's address is missing; give --hosts")


def test_with_a_page_a_load_is_refused_when_it_is_started_there(
    recorded: Recorded, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(session, "_start_collectors", lambda *_: None)
    options: Any = SimpleNamespace(
        hosts=None, client="kazoo", stats_events=None, report_dir=str(tmp_path / "report"), num_users=1, spawn_rate=1
    )
    user_class = type("Set", (ZKLocust,), {"tasks": [ZKSetTaskSet]})
    given = Environment(user_classes=[user_class], events=recorded.events, parsed_options=options)
    session.on_init(given, runner=object(), web_ui=object())
    started: list[int] = []
    recorded.events.test_start.add_listener(lambda **_: started.append(1))
    with pytest.raises(GreenletExit):
        recorded.events.test_start.fire(environment=given)
    options.hosts = "zk1"
    recorded.events.test_start.fire(environment=given)
    options.client = "telnet"
    options.stats_events = "/etc/passwd"
    with pytest.raises(GreenletExit):
        recorded.events.test_start.fire(environment=given)
    assert started == [1]
    assert options.stats_events == str(tmp_path / "report" / "events.csv"), (
        "whoever sees the page must not say where files are written"
    )
    assert [record.message.partition("]")[0] for record in caplog.records] == [
        "The load is not started: --hosts [", "The load is not started: --client [telnet",
    ]  # fmt: skip
