"""User classes as they were written in 2019."""

import contextlib
import warnings
from typing import Any, ClassVar

import pytest
from locust import User, task

from tests.unit.load.fakes import FakeZooKeeper, Recorded, environment
from zk_locust.contract.errors import NoAuthError, NoNodeError
from zk_locust.load.locust_client import KazooLocustClient, ZKLocustClient
from zk_locust.load.older_locustfiles import ZKLocustMeta
from zk_locust.load.users import ZKLocust
from zk_locust.task_sets import ZKLocustTaskSet


class Base(User, metaclass=ZKLocustMeta):
    abstract = True
    given_environment: Any

    def __init__(self, environment: Any = None, mark: str = "") -> None:
        self.seen = environment or self.given_environment
        self.mark = mark


class First(ZKLocustTaskSet):
    pass


class Second(ZKLocustTaskSet):
    pass


def test_task_set_becomes_tasks_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class Older(Base):
            task_set = First

    assert Older.tasks == [First]
    assert Older.task_set is First


def test_a_task_set_replaces_that_of_the_base_class() -> None:
    class Parent(Base):
        task_set: Any = First

    class Child(Parent):
        task_set = Second

    assert Child.tasks == [Second]
    assert Parent.tasks == [First]


def test_todays_classes_are_as_locust_makes_them() -> None:
    class Today(Base):
        tasks: ClassVar[Any] = [First]  # type: ignore[misc]

        @task
        def own(self) -> None:
            pass

    assert Today.tasks == [First, Today.own]


def takes_none(self: Any) -> None:
    Base.__init__(self)


def hands_nothing_on(self: Any, *_: Any, **__: Any) -> None:
    Base.__init__(self)


def hands_it_on(self: Any, environment: Any) -> None:
    Base.__init__(self, environment)


def has_one_of_2019(self: Any, pseudo_root: str = "/mine") -> None:
    assert pseudo_root == "/mine"
    Base.__init__(self)


def hands_an_optional_one_on(self: Any, parent: Any = None) -> None:
    Base.__init__(self, parent)


@pytest.mark.parametrize("init", [takes_none, hands_nothing_on, hands_it_on, has_one_of_2019, hands_an_optional_one_on])
def test_each_user_knows_its_environment_whatever_its_class_takes(init: Any) -> None:
    made: Any = ZKLocustMeta("Made", (Base,), {"__init__": init, "__module__": __name__})
    environment = object()
    assert made(environment).seen is environment
    assert made(environment).given_environment is environment


def test_further_arguments_are_handed_on() -> None:
    assert Base(object(), mark="x").mark == "x"


def test_a_mistake_within_an_init_is_shown_as_it_is() -> None:
    class Mistaken(Base):
        def __init__(self, environment: Any) -> None:
            len(environment)

    with pytest.raises(TypeError, match="has no len"):
        Mistaken(3)


def test_a_client_takes_its_settings_as_arguments_and_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZK_LOCUST_HOSTS", "zk9")
    monkeypatch.setattr("zk_locust.load.locust_client.create_client", lambda *_: FakeZooKeeper())
    made = KazooLocustClient("zk1:2181", "/kl", "threading", {"mechanism": "PLAIN"}, 3)
    assert made.options.hosts == "zk1:2181"
    assert made.options.kazoo.handler == "threading"
    assert made.options.kazoo.sasl == '{"mechanism": "PLAIN"}'
    assert made.options.kazoo_timeout_s == 3.0
    assert made.join_path("/x") == "/kl/x"
    assert not made.is_connection_down()
    assert ZKLocustClient(hosts="zk1", pseudo_root="/kl", autostart=False).is_connection_down()


def test_a_client_without_arguments_has_the_environment_s_and_is_not_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZK_LOCUST_HOSTS", "zk9")
    made = KazooLocustClient()
    assert made.options.hosts == "zk9"
    assert made.options.kazoo_timeout_s == 10.0
    assert made.is_connection_down()


def test_a_user_hands_a_client_s_settings_on() -> None:
    class Slow(ZKLocust):
        tasks: ClassVar[Any] = [First]  # type: ignore[misc]

        def __init__(self) -> None:
            super().__init__(pseudo_root=None, handler="threading", timeout=2.5)

    made: Any = Slow(environment(Recorded(), hosts="zk1"))  # type: ignore[call-arg]
    assert made.client.options.kazoo.handler == "threading"
    assert made.client.options.kazoo_timeout_s == 2.5


def test_an_argument_of_2019_keeps_its_default_and_the_environment_is_nobody_s_pseudo_root() -> None:
    class Optional(ZKLocust):
        tasks: ClassVar[Any] = [First]  # type: ignore[misc]

        def __init__(self, pseudo_root: str = "/mine") -> None:
            super().__init__(pseudo_root=pseudo_root)

    class Required(ZKLocust):
        tasks: ClassVar[Any] = [First]  # type: ignore[misc]

        def __init__(self, pseudo_root: Any) -> None:
            super().__init__(pseudo_root=pseudo_root)

    def path(kind: Any) -> str:
        made: Any = kind(environment(Recorded(), hosts="zk1", pseudo_root="/asked"))
        return str(made.client.join_path("/x"))

    assert path(Optional) == "/mine/x"
    assert path(Required) == "/asked/x"


def test_the_pseudo_root_is_there_when_a_user_is_connected() -> None:
    class Writes(ZKLocust):
        tasks: ClassVar[Any] = [First]  # type: ignore[misc]

    recorded = Recorded()
    for nodes, asked in (([], ["exists", "create", "create"]), (["/a", "/a/b"], ["exists"])):
        zookeeper = FakeZooKeeper()
        zookeeper.nodes |= dict.fromkeys(nodes, b"")
        user: Any = Writes(environment(recorded, hosts="zk1", pseudo_root="/a/b"))
        user.client._zk = zookeeper
        user.on_start()
        assert "/a/b" in zookeeper.nodes
        assert [kind for kind, _ in zookeeper.requests] == asked
    assert recorded.fired == [], "none of it is a request of the load"
    user.client.stop()
    user.client._zk = zookeeper
    zookeeper.problems.append(NoAuthError())
    user.client._pseudo_root_known = False
    user.connect()
    assert recorded.kinds == [("connect", "NoAuthError")]


def test_a_client_of_2019_makes_its_pseudo_root(monkeypatch: pytest.MonkeyPatch) -> None:
    zookeeper = FakeZooKeeper()
    monkeypatch.setattr("zk_locust.load.locust_client.create_client", lambda *_: zookeeper)
    KazooLocustClient("zk1:2181", "/kl")
    assert "/kl" in zookeeper.nodes


def test_the_session_ends_after_an_on_stop_that_does_not_call_ours() -> None:
    class Stops(ZKLocust):
        tasks: ClassVar[Any] = [First]  # type: ignore[misc]
        problem: Exception | None = None

        def on_stop(self) -> None:
            assert not self.client.is_connection_down()
            if self.problem:
                raise self.problem

    for problem in (None, NoNodeError()):
        user: Any = Stops(environment(Recorded(), hosts="zk1", pseudo_root=""))
        user.problem = problem
        user.client._zk = zookeeper = FakeZooKeeper()
        user.on_start()
        with contextlib.suppress(NoNodeError):
            user.on_stop()
        assert zookeeper.stops == zookeeper.closes == 1
