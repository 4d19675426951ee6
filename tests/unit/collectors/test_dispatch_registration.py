"""Dispatchers beside a load: what is refused before it, when they begin, and what they leave behind."""

import os
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.env import Environment
from locust.event import Events

from tests import waiting
from tests.unit.collectors.dispatched_ensemble import NAMES, Ensemble
from zk_dispatch import (
    EnsembleMember,
    FunctionDispatcher,
    ProgrammedDispatcher,
    RandomDispatcher,
    registration,
    settings,
)
from zk_dispatch.registration import Dispatching, register_dispatcher
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.stage_names import MEASURED, WARM_UP
from zk_locust.load.stages import happened, load_ended, stage_changed


@pytest.fixture
def registrations(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(registration, "_registrations", found)
    for name in [name for name in os.environ if name.startswith("ZK_DISPATCH_")]:
        monkeypatch.delenv(name)
    return found


def environment(**given: Any) -> Any:
    parsed = SimpleNamespace(hosts=",".join(NAMES), zk_admin_port=8080, zk_admin_scheme="http")
    vars(parsed).update(given)
    return Environment(events=Events(), parsed_options=parsed)


SCRIPTS = {"zk_dispatch_disable_script": "true", "zk_dispatch_enable_script": "true"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hosts": None}, r"--hosts \[\]: the ensemble's address is missing; give --hosts"),
        ({}, r"--zk-dispatch-disable-script \[\]: .*ZK_DISPATCH_DISABLE_SCRIPT and ZK_DISPATCH_ENABLE_SCRIPT, which"),
        (
            {"zk_dispatch_disable_script": "true"},
            r"--zk-dispatch-enable-script \[\]: .* of ZK_DISPATCH_ENABLE_SCRIPT, which are not set; .*dispatch: true",
        ),
        (
            {"zk_dispatch_program": "disable 4\nsleep 1"},
            r"--zk-dispatch-program \[disable 4 sleep 1\]: line 1 \[disable 4\]: the connect string has 3 members",
        ),
        ({"zk_dispatch_program": "enable 0\nsleep 1"}, r"scripts of ZK_DISPATCH_ENABLE_SCRIPT, which"),
        ({"hosts": "zk1,zk2", **SCRIPTS}, r"register_dispatcher \[at random\]: of 2 members, none may be missing"),
    ],
)
def test_what_cannot_work_is_refused_before_the_load(
    registrations: list[Any], given: dict[str, Any], said: str
) -> None:
    register_dispatcher()
    assert len(registrations) == 1
    with pytest.raises(ConfigurationError, match=said):
        Dispatching(environment(**given)).check()
    Dispatching(environment(**SCRIPTS)).check()
    Dispatching(environment(zk_dispatch_requests="x")).check()
    Dispatching(environment(zk_dispatch_program="sleep 1")).check()


class Own:
    """A dispatcher of a locustfile's own."""

    def run(self, hosts_and_ports: Sequence[str], quorum_size: int) -> None:
        pass


@pytest.mark.parametrize(
    ("registered", "program", "kind"),
    [
        ([{"dispatcher": Own(), "fn": print}], "sleep 1", Own),
        ([{"fn": print}], "sleep 1", FunctionDispatcher),
        ([{}], "sleep 1", ProgrammedDispatcher),
        ([{}, {}], None, RandomDispatcher),
        ([], "sleep 1", ProgrammedDispatcher),
    ],
)
def test_the_order_is_that_of_2019(
    registrations: list[Any],
    registered: list[dict[str, Any]],
    program: str | None,
    kind: type,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for each in registered:
        register_dispatcher(**each)
    assert len(registrations) == min(1, len(registered))
    dispatching = Dispatching(environment(zk_dispatch_program=program, **SCRIPTS))
    assert [type(each) for each in dispatching._chosen()] == [kind]
    dispatching.check()
    is_left_out = program is not None and kind in (Own, FunctionDispatcher)
    assert ("--zk-dispatch-program is not run" in caplog.text) == is_left_out


@pytest.fixture
def events() -> Iterator[list[tuple[str, str, str]]]:
    found: list[tuple[str, str, str]] = []

    def listen(environment: Any, event: str, subject: str, detail: str) -> None:
        found.append((event, subject, detail))

    happened.add_listener(listen)
    yield found
    happened.remove_listener(listen)


def begun(given: Any, controller: Any, monkeypatch: pytest.MonkeyPatch) -> Dispatching:
    """Start what is registered beside a load, with a controller in place of scripts."""
    for module in (registration, settings):
        monkeypatch.setattr(module, "controller_of", lambda *_: controller)
    dispatching = Dispatching(given)
    monkeypatch.setattr(registration, "Dispatching", lambda _: dispatching)
    registration.start(given, SimpleNamespace())
    given.events.test_start.fire(environment=given)
    return dispatching


def test_members_are_disabled_from_the_measured_stage_on_and_enabled_at_the_end(
    registrations: list[Any], events: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def example(controller: Any, members: Any, **_: Any) -> None:
        controller.disable(members[0])
        controller.sleep_ms(1_000_000)

    register_dispatcher(fn=example)
    assert registrations
    given, ensemble = environment(), Ensemble()
    begun(given, ensemble, monkeypatch)
    try:
        stage_changed.fire(environment=given, stage=WARM_UP, planned_s=None, elapsed_s=0.0)
        given.events.spawning_complete.fire(user_count=1)
        gevent.sleep(0.2)
        assert ensemble.done == []
        stage_changed.fire(environment=object(), stage=MEASURED, planned_s=None, elapsed_s=0.0)
        stage_changed.fire(environment=given, stage=MEASURED, planned_s=None, elapsed_s=0.0)
        waiting.until(lambda: gevent.sleep(0.01) or ensemble.done, limit_s=60)
        given.events.test_stopping.fire(environment=given)
        assert ensemble.done == [("disable", NAMES[0])]
    finally:
        load_ended.fire(environment=given)
    given.events.quit.fire(exit_code=0)
    assert ensemble.done == [("disable", NAMES[0]), ("enable", NAMES[0])]
    assert events == [
        ("member-disabled", NAMES[0], "it was unknown"),
        ("member-enabled", NAMES[0], "the load has ended"),
    ]


def test_each_member_is_enabled_at_the_end_whatever_happens_to_another(
    registrations: list[Any], events: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ensemble, attempts = Ensemble(), list[str]()
    lasting, passing, other = NAMES

    def enable(member: EnsembleMember) -> bool:
        name = member.host_and_port
        attempts.append(name)
        if name == lasting:
            raise OSError("no such shell")
        ensemble.refuses = name == passing and attempts.count(name) == 1
        return Ensemble.enable(ensemble, member)

    vars(ensemble)["enable"] = enable

    class Broken(FunctionDispatcher):
        def restore(self) -> None:
            raise LookupError("which one?")

    def example(controller: Any, members: Any, **_: Any) -> None:
        for member in members:
            controller.disable(member)

    for each in (Broken(fn=print), FunctionDispatcher(fn=example)):
        register_dispatcher(dispatcher=each)
    assert registrations
    given = environment()
    begun(given, ensemble, monkeypatch)
    stage_changed.fire(environment=given, stage=MEASURED, planned_s=None, elapsed_s=0.0)
    given.events.spawning_complete.fire(user_count=3)
    waiting.until(lambda: gevent.sleep(0.01) or len(ensemble.done) == 3, limit_s=60)
    del events[:]
    load_ended.fire(environment=given)
    assert attempts == [*NAMES]
    assert events == [
        ("dispatch-failed", "dispatcher", "LookupError: which one?"),
        ("dispatch-failed", lasting, "enable: OSError: no such shell"),
        ("dispatch-failed", passing, "enable: it does not want to"),
        ("member-enabled", other, "the load has ended"),
    ]
    given.events.quit.fire(exit_code=0)
    assert attempts[3:] == [lasting, passing]
    assert ensemble.up == {lasting: False, passing: True, other: True}


def test_an_error_of_a_function_is_told_and_the_load_goes_on(
    registrations: list[Any], events: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(**_: Any) -> None:
        raise LookupError("which one?")

    register_dispatcher(fn=mistaken)
    assert registrations
    given = environment()
    begun(given, Ensemble(), monkeypatch)
    waiting.until(lambda: gevent.sleep(0.01) or events, limit_s=60)
    load_ended.fire(environment=given)
    assert events == [("dispatch-failed", "dispatcher", "LookupError: which one?")]
