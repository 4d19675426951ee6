"""Names, variables, errors and tasks that locustfiles of 2019 count on."""

import importlib
from types import SimpleNamespace
from typing import Any

import gevent
import kazoo.exceptions
import pytest
from kazoo.retry import RetryFailedError
from locust import tag

import zk_locust
from tests.unit.load.fakes import Recorded
from zk_locust.contract import errors
from zk_locust.contract.errors import ClientError, server_error
from zk_locust.contract.options import Options
from zk_locust.load import timer
from zk_locust.load.timer import LocustTimer, TimerSettings
from zk_locust.load.user_classes import comes_later, drives_zookeeper, may_run
from zk_locust.load.users import ZKLocust
from zk_locust.locustfiles.locust_connect_set_parallel import ParallelConnect, ParallelSet
from zk_locust.task_sets import ZKGetTaskSet, ZKLocustTaskSet, ZKSetTaskSet


@pytest.mark.parametrize("code", sorted(kazoo.exceptions.EXCEPTIONS))
def test_every_code_is_also_kazoos_own_error(code: int) -> None:
    error = server_error(code)
    assert isinstance(error, ClientError)
    assert isinstance(error, kazoo.exceptions.EXCEPTIONS[code])


def test_our_errors_are_kazoos_where_there_is_one() -> None:
    for name, ours in vars(errors).items():
        theirs = getattr(kazoo.exceptions, name, None)
        if isinstance(ours, type) and issubclass(ours, ClientError) and theirs is not None:
            assert issubclass(ours, theirs), name


@pytest.mark.parametrize(
    "error", [kazoo.exceptions.LockTimeout("late"), kazoo.exceptions.NoAuthError(), RetryFailedError()]
)
def test_kazoos_own_errors_are_counted_once(error: Exception) -> None:
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events):
        raise error
    assert recorded.fired == [("op", error)]
    with LocustTimer("op", events=recorded.events) as ctx:
        ctx.failure(error)
        raise error
    assert len(recorded.fired) == 2


@pytest.mark.parametrize(
    ("error", "ignored"),
    [
        (kazoo.exceptions.ConnectionLoss(), True),
        (kazoo.exceptions.ConnectionClosedError(), True),
        (RetryFailedError(), True),
        (kazoo.exceptions.NoNodeError(), False),
    ],
)
def test_kazoos_lost_connections_are_ignored_where_that_is_asked_for(error: Exception, ignored: bool) -> None:
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events, ignore_connection_down=True):
        raise error
    assert bool(recorded.fired) is not ignored


def test_a_timer_follows_the_user_of_its_greenlet_and_elsewhere_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Recorded(), Recorded()
    monkeypatch.setattr(timer, "_latest", TimerSettings(second.events))

    def use(user: Any) -> None:
        with LocustTimer("mine"):
            pass
        with LocustTimer("mine"):
            raise kazoo.exceptions.NoNodeError

    user = SimpleNamespace(timer_settings=TimerSettings(first.events, "try-suppress", context=lambda: {"a": 1}))
    gevent.spawn(use, user).join()
    assert first.fired == [("mine", None)]
    with LocustTimer("elsewhere"):
        pass
    assert second.fired == [("elsewhere", None)]


def test_an_error_that_is_registered_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "_counted", timer._counted)
    zk_locust.register_exceptions([ZeroDivisionError])
    recorded = Recorded()
    with LocustTimer("op", events=recorded.events):
        raise ZeroDivisionError
    assert len(recorded.fired) == 1


def test_hosts_come_from_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZK_LOCUST_HOSTS", "KAZOO_LOCUST_HOSTS", "KAZOO_LOCUST_PSEUDO_ROOT"):
        monkeypatch.delenv(name, raising=False)
    assert zk_locust.get_zk_hosts() is None
    assert zk_locust.split_zk_hosts() == []
    monkeypatch.setenv("KAZOO_LOCUST_HOSTS", "a:1, b:2/root")
    monkeypatch.setenv("KAZOO_LOCUST_PSEUDO_ROOT", "/older")
    assert zk_locust.split_zk_hosts() == ["a:1", "b:2"]
    for nothing in (None, SimpleNamespace()):
        assert (Options.of(nothing).hosts, Options.of(nothing).pseudo_root) == ("a:1, b:2/root", "/older")
    with pytest.raises(ValueError, match="no address"):
        zk_locust.split_zk_hosts("a:1,,b:2")
    monkeypatch.setenv("ZK_LOCUST_HOSTS", "c:3")
    assert Options.of(None).hosts == "c:3"
    assert Options.of(SimpleNamespace(hosts=None)).hosts is None, "a command line has been read: it has the last word"
    assert zk_locust.split_zk_host_port("a") == ("a", None)


def test_tags_stay_with_the_class_that_has_them() -> None:
    @tag("one")
    class Tagged(ZKSetTaskSet):
        pass

    class Sibling(ZKSetTaskSet):
        pass

    @tag("one")
    class Later(ZKLocustTaskSet):
        pass

    class LaterToo(ZKLocustTaskSet):
        pass

    class Heir(Tagged):
        pass

    def tags(kind: Any) -> set[str]:
        return getattr(kind.tasks[0], "locust_tag_set", set())

    assert tags(Tagged) == tags(Later) == tags(Heir) == {"one"}
    assert not any(map(tags, (Sibling, ZKSetTaskSet, ZKGetTaskSet, LaterToo)))
    assert comes_later(Later.tasks[0])


def test_what_is_picked_says_what_is_needed() -> None:
    class Set(ZKLocust):
        task_set = ZKSetTaskSet

    class Made(ZKLocust):
        task_set = ZKLocustTaskSet

    def picked(*classes: type) -> Any:
        return SimpleNamespace(user_classes=list(classes))

    assert not drives_zookeeper(picked(object))
    assert drives_zookeeper(picked(object, Set))
    assert drives_zookeeper(picked()), "nobody has said yet"
    assert may_run(picked(Set), ZKSetTaskSet)
    assert not may_run(picked(Set), ZKGetTaskSet)
    assert may_run(picked(Made), ZKGetTaskSet), "its tasks are made with it"


def test_one_user_connects_beside_ten_that_write() -> None:
    assert (ParallelConnect.weight, ParallelSet.weight) == (1, 10)


def test_settings_that_were_constants_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"HOSTS": "zk1", "CLIENT": "native", "MIN_WAIT": "5", "MAX_WAIT": "1s", "PSEUDO_ROOT": "/mine"}
    for name, value in given.items():
        monkeypatch.setenv(f"ZK_LOCUST_{name}", value)
    from zk_locust import CLIENT_IMPL, MAX_WAIT, MIN_WAIT, PSEUDO_ROOT, ZK_HOSTS

    assert (ZK_HOSTS, CLIENT_IMPL, MIN_WAIT, MAX_WAIT, PSEUDO_ROOT) == ("zk1", "native", 5.0, 1000.0, "/mine")


@pytest.mark.parametrize(
    ("module", "name", "caught"),
    [
        ("kazoo", "KazooLocustNoHostsException", errors.ConfigurationError),
        ("kazoo", "KazooLocustArgumentsException", errors.ConfigurationError),
        ("kazoo", "KazooLocustStartedException", errors.ConnectionLossError),
        ("kazoo", "KazooLocustStoppedException", errors.ConnectionLossError),
        ("zkpython", "ZKClientError", errors.NoNodeError),
    ],
)
def test_errors_of_the_clients_catch_what_is_raised_today(module: str, name: str, caught: type[Exception]) -> None:
    home = importlib.import_module(f"zk_locust.backend_{module}")
    assert issubclass(caught, getattr(home, name))
    assert issubclass(getattr(home, name), zk_locust.ZKLocustException)


def test_the_errors_of_zkpython_can_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    from zk_locust.backend_zkpython import ZKPYTHON_EXCEPTIONS

    monkeypatch.setattr(timer, "_counted", timer._counted)
    zk_locust.register_exceptions(ZKPYTHON_EXCEPTIONS)
    assert ClientError in timer._counted
