"""Dispatchers, what they disable and enable, and what disables and enables for them."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.env import Environment
from locust.event import Events

from tests import waiting
from zk_dispatch import (
    AbstractController,
    AbstractDispatcher,
    EnsembleMember,
    FunctionDispatcher,
    ProgrammedDispatcher,
    RandomDispatcher,
    RunController,
    ShellScriptController,
    registration,
    settings,
)
from zk_dispatch.dispatchers import Load
from zk_dispatch.members import members_to_ask
from zk_dispatch.registration import Dispatching, register_dispatcher
from zk_locust.contract.dispatch_requests import Reply, read_request
from zk_locust.contract.dispatch_settings import Pauses
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.stage_names import MEASURED, WARM_UP
from zk_locust.load.stages import happened, load_ended, stage_changed

NAMES = ("zk1:2181", "zk2:2181", "zk3:2181")


class Ended(BaseException):
    """Ends a dispatcher, which runs in a loop."""


class Ensemble(AbstractController):
    """Members that say their role at once. The first one that is up leads, where a majority is."""

    def __init__(self, names: Sequence[str] = NAMES, observers: Sequence[str] = ()) -> None:
        self.up = dict.fromkeys(names, True)
        self.observers = observers
        self.done: list[tuple[str, str]] = []
        self.least = len(names)
        self.refuses = False

    def state(self, name: str) -> str:
        voters = [each for each in self.up if each not in self.observers]
        serving = [each for each in voters if self.up[each]]
        if not self.up[name] or len(serving) <= len(voters) // 2:
            return "unknown"
        return "observer" if name in self.observers else "leader" if name == serving[0] else "follower"

    def disable(self, member: EnsembleMember) -> bool:
        return self._set("disable", member, False)

    def enable(self, member: EnsembleMember) -> bool:
        return self._set("enable", member, True)

    def _set(self, action: str, member: EnsembleMember, up: bool) -> bool:
        self.done.append((action, member.host_and_port))
        if self.refuses:
            self.problem = "it does not want to"
            return False
        self.up[member.host_and_port] = up
        self.least = min(self.least, sum(self.up[each] for each in self.up if each not in self.observers))
        return True

    def member(self, name: str) -> EnsembleMember:
        found = EnsembleMember(name)

        def ping() -> str:
            found.state = self.state(name)
            return found.state

        vars(found)["ping"] = ping
        return found


def ran(dispatcher: AbstractDispatcher, ensemble: Ensemble, pauses: int, quorum_size: int = 2) -> list[tuple[str, str]]:
    """Run a dispatcher until it has paused so often; return what it has told of members."""
    told: list[tuple[str, str]] = []
    load = Load(lambda: None, lambda event, subject, _: told.append((event, subject)), Pauses(), ensemble.member)
    dispatcher.join(load, ensemble)
    left = [pauses]

    def pause(_ms: float, cause: str | None = None) -> None:
        assert cause != ""
        left[0] -= 1
        if left[0] < 0:
            raise Ended

    vars(dispatcher)["sleep_ms"] = pause
    with pytest.raises(Ended):
        dispatcher.run([*ensemble.up], quorum_size)
    return told


def test_a_program_disables_the_leader_and_enables_all() -> None:
    ensemble = Ensemble()
    program = "poll_initial_hatch_complete 500\nsleep 10000\ndisable_leader\nsleep 5000\nenable_all"
    told = ran(ProgrammedDispatcher(program=program), ensemble, 2)
    assert ensemble.done == [("disable", "zk1:2181"), ("enable", "zk1:2181")]
    assert told == [("member-disabled", "zk1:2181"), ("member-enabled", "zk1:2181")]


def test_a_program_names_members_by_their_places_and_waits_for_them() -> None:
    ensemble = Ensemble()
    dispatcher = ProgrammedDispatcher(program="disable 2\nsleep 1\nenable 2\npoll_up 2 1\ndisable 0\nsleep 1\nenable 0")
    ran(dispatcher, ensemble, 2)
    assert [*ensemble.done] == [
        *(("disable", "zk3:2181"), ("enable", "zk3:2181"), ("disable", "zk1:2181"), ("enable", "zk1:2181")),
        ("disable", "zk3:2181"),
    ]
    ensemble = Ensemble()
    ensemble.refuses, ensemble.up["zk3:2181"] = True, False
    ran(ProgrammedDispatcher(program="poll_up 2 500\nsleep 1"), ensemble, 5)  # it polls as long as the member is down


def test_followers_take_turns_and_a_majority_stays() -> None:
    program = "disable_follower\nsleep 1\ndisable_follower\nsleep 1\ndisable_follower\nsleep 1\nenable_all\nsleep 1"
    for _ in range(10):  # which of them is first, chance decides
        ensemble = Ensemble(("a:1", "b:1", "c:1", "d:1", "e:1"))
        ran(ProgrammedDispatcher(program=program), ensemble, 7, quorum_size=3)
        disabled = [name for action, name in ensemble.done if action == "disable"]
        assert len(disabled) == 4
        assert {*disabled} == {"b:1", "c:1", "d:1", "e:1"}  # each once, and never the leader
        assert ensemble.least == 3


@pytest.mark.parametrize(("observers", "least"), [((), 2), (("zk4:2181",), 2)])
def test_chance_leaves_a_majority_and_observers_alone(observers: tuple[str, ...], least: int) -> None:
    ensemble = Ensemble((*NAMES, *observers), observers)
    ran(RandomDispatcher(), ensemble, 200)
    assert ensemble.least == least
    assert {action for action, _ in ensemble.done} == {"disable", "enable"}
    assert not {name for _, name in ensemble.done}.intersection(observers)
    assert len({name for _, name in ensemble.done}) == 3


def test_what_is_not_done_is_told_and_the_dispatcher_goes_on() -> None:
    ensemble = Ensemble()
    ensemble.refuses = True
    told = ran(ProgrammedDispatcher(program="disable 0\nsleep 1\nenable 0"), ensemble, 2)
    assert told == [("dispatch-failed", "zk1:2181")] * 5
    assert len(ensemble.done) == 5


def test_the_end_of_a_run_is_no_failure() -> None:
    ensemble = Ensemble()
    ensemble.refuses = ensemble.too_late = True
    assert ran(ProgrammedDispatcher(program="disable 0\nsleep 1"), ensemble, 2) == []
    assert ensemble.done == [("disable", "zk1:2181")] * 3


def test_a_function_has_what_those_of_2019_ask_for() -> None:
    ensemble, seen = Ensemble(), list[Any]()

    def example(controller: Any, members: Any, **kwargs: Any) -> None:
        controller.wait_initial_hatch_complete()
        seen.append(kwargs)
        controller.disable_leader(members)
        assert [each.host_and_port for each in controller.ping_ensemble(members)[1]] == ["zk1:2181"]
        controller.disable_follower(members)  # there is no more than a majority
        assert [(each.host, each.port, each.is_up()) for each in members] == [
            *(("zk1", 2181, False), ("zk2", 2181, True), ("zk3", 2181, True))
        ]
        controller.enable_all(members)
        controller.disable(members[2])
        controller.enable(member=members[2])
        while True:
            controller.sleep_ms(10, cause="a test")

    ran(FunctionDispatcher(fn=example), ensemble, 1)
    assert seen == [{"hosts_and_ports": [*NAMES], "quorum_size": 2}]
    assert ensemble.done == [
        *(("disable", "zk1:2181"), ("enable", "zk1:2181"), ("disable", "zk3:2181"), ("enable", "zk3:2181"))
    ]


# Scripts


@pytest.fixture
def member() -> EnsembleMember:
    found = EnsembleMember("[::1]:2999")
    found.state = "leader"
    return found


def test_a_script_knows_its_member(member: EnsembleMember, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "said"
    for kind in ("DISABLE", "ENABLE"):
        script = f'echo {kind} "$ZK_MEMBER_HOST_AND_PORT $ZK_MEMBER_HOST $ZK_MEMBER_PORT $ZK_MEMBER_STATE" >>{said}'
        monkeypatch.setenv(f"ZK_DISPATCH_{kind}_SCRIPT", script)
    controller = ShellScriptController()
    assert controller.missing() == []
    assert controller.disable(member)
    assert controller.enable(member)
    assert said.read_text() == "DISABLE [::1]:2999 ::1 2999 leader\nENABLE [::1]:2999 ::1 2999 leader\n"


def test_a_script_that_fails_or_hangs_is_no_end(member: EnsembleMember, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    controller = ShellScriptController("exit 3", f"sh -c 'echo $$ >{pid}; exec sleep 1000' & wait", limit_s=0.5)
    assert not controller.disable(member)
    assert controller.problem == "ZK_DISPATCH_DISABLE_SCRIPT ended with exit code 3"
    assert not controller.enable(member)
    assert controller.problem == "ZK_DISPATCH_ENABLE_SCRIPT did not end within 0.5 s, and was killed"
    waiting.until(lambda: not Path(f"/proc/{pid.read_text().strip()}/fd/0").exists(), limit_s=30)
    with pytest.raises(ValueError, match="ZK_DISPATCH_ENABLE_SCRIPT is not set; set it to a shell script"):
        ShellScriptController("true").enable(member)


# A run of the playbooks


def test_a_run_is_asked_by_lines_and_answers_by_lines(member: EnsembleMember, tmp_path: Path) -> None:
    file = tmp_path / "dispatch.jsonl"
    controller = RunController(file)
    answers = [
        Reply(1, True),
        Reply(2, False, "no\x1b[2J majority"),
        Reply(3, False, "the measured stage ends", too_late=True),
        Reply(4, False, "no route"),
    ]

    def answer() -> None:
        for reply in answers:
            while not file.exists() or len(file.read_text().splitlines()) < reply.id:
                gevent.sleep(0.01)
            with Path(f"{file}.answers").open("a") as said:
                said.write("what is this\n" + reply.as_line())

    answering = gevent.spawn(answer)
    assert controller.disable(member)
    assert not controller.enable(member)
    assert controller.problem.startswith("no")
    assert "\x1b" not in controller.problem
    assert not controller.disable(member)
    assert (controller.too_late, controller.problem) == (True, "the measured stage ends")
    assert not controller.disable(member)
    assert (controller.too_late, controller.problem) == (False, "no route")
    answering.join()
    assert RunController(file)._asked == 4
    requests = [read_request(line) for line in file.read_text().splitlines()]
    assert [(each.do, str(each.member)) for each in requests if each] == [
        *(("disable", "[::1]:2999"), ("enable", "[::1]:2999"), ("disable", "[::1]:2999"), ("disable", "[::1]:2999"))
    ]


def test_a_controller_that_was_killed_is_not_waited_for_without_end(
    member: EnsembleMember, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zk_dispatch.controllers._ANSWER_LIMIT_S", 0.2)
    controller = RunController(tmp_path / "dispatch.jsonl")
    assert not controller.disable(member)
    assert "has not answered within 0.2 s" in controller.problem


# Beside a load


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


# Roles


@pytest.fixture
def srvr() -> Iterator[Callable[[str], int]]:
    """Servers that answer every question with a text; it gives their port."""
    import socket

    sockets: list[socket.socket] = []

    def serve(answer: str) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def loop() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)
                    connection.sendall(answer.encode())

        threading.Thread(target=loop, daemon=True).start()
        return int(server.getsockname()[1])

    yield serve
    for server in sockets:
        server.close()


@pytest.mark.parametrize(
    ("said", "state", "up"),
    [
        ("Mode: leader\n", "leader", True),
        ("Mode: standalone\n", "leader", True),
        ("Mode: follower\n", "follower", True),
        ("Mode: observer\n", "observer", False),
        ("Mode: read-only\n", "unknown", False),
        ("This ZooKeeper instance is not currently serving requests\n", "unknown", False),
        ("", "unknown", False),
    ],
)
def test_a_member_says_its_role(srvr: Callable[[str], int], said: str, state: str, up: bool) -> None:
    port = srvr(f"Zookeeper version: 3.8.0\n{said}" if said.startswith("Mode") else said)
    member = EnsembleMember(f"127.0.0.1:{port}", limit_s=30)
    assert (member.state, member.last_ping) == ("unknown", None)
    assert member.ping() == state
    assert (member.state, member.is_up(), member.host, member.port) == (state, up, "127.0.0.1", port)
    assert str(member).startswith(f"127.0.0.1:{port} (state {state} ")


def test_an_admin_server_is_asked_only_if_it_is_clear_whose_it_is() -> None:
    given = {"zk_admin_port": 8080, "zk_admin_scheme": "http"}
    alone = members_to_ask(SimpleNamespace(hosts="zk1:2181,zk2", **given), 1.0)
    assert [[source.place for source in each._sources] for each in alone] == [["client port", "AdminServer"]] * 2
    together = members_to_ask(SimpleNamespace(hosts="zk1:2181,zk1:2182", **given), 1.0)
    assert [[source.place for source in each._sources] for each in together] == [["client port"]] * 2
    assert [each.host_and_port for each in together] == ["zk1:2181", "zk1:2182"]


class Silent:
    """A source that does not answer."""

    name = place = "silence"

    def answer(self, time_limit_s: float) -> bytes:
        gevent.sleep(1000 + time_limit_s)
        return b""

    def metrics(self, answer: bytes) -> dict[str, Any]:
        return {"server_state": answer.decode()}

    def close(self) -> None:
        pass


class Prompt(Silent):
    """A source that answers at once."""

    def answer(self, time_limit_s: float) -> bytes:  # noqa: ARG002 - it takes none of it
        return b"leader"


def test_a_silent_member_keeps_nobody_waiting() -> None:
    members = [EnsembleMember(name, [Silent()], limit_s=0.2) for name in NAMES]
    dispatcher = FunctionDispatcher(fn=print)
    assert dispatcher.ping_ensemble(members) == [[], members]


def test_a_silent_source_leaves_the_next_its_time() -> None:
    assert EnsembleMember(NAMES[0], [Silent(), Prompt()], limit_s=0.2).ping() == "leader"
