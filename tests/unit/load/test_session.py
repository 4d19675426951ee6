"""The start of a load: who is called when, and what is refused before any user is started."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import Mock

import gevent
import locust
import pytest
from locust import LoadTestShape, User
from locust.env import Environment
from locust.event import Events
from locust.runners import STATE_INIT, STATE_RUNNING, MasterRunner, WorkerRunner

from zk_locust.load import history, session
from zk_locust.load.refusals import Refusals
from zk_locust.load.sequence import SequenceTaskSet
from zk_locust.load.settings_check import warn_of_idle_workers
from zk_locust.load.task_sets import ZKSetTaskSet
from zk_locust.load.users import ZKLocust


class Set(ZKLocust):
    tasks: ClassVar[Any] = [ZKSetTaskSet]  # type: ignore[misc]


_start_collectors = session._start_collectors


@pytest.fixture(autouse=True)
def no_collectors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(session, "_start_collectors", lambda *_: None)
    return iter([None])


@pytest.fixture(autouse=True)
def refusals_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the greenlets that look for refused processes: they would run on in other tests."""
    made: list[Refusals] = []

    def watched(environment: Any, runner: Any) -> Refusals:
        made.append(Refusals(environment, runner))
        return made[-1]

    monkeypatch.setattr(session, "Refusals", watched)
    yield
    for each in made:
        each._watching.kill()


def environment(**values: Any) -> Environment:
    options: Any = SimpleNamespace(**{"hosts": "zk1:2181", "num_users": 4, "spawn_rate": 1} | values)
    return Environment(user_classes=[Set], events=Events(), parsed_options=options)


def master() -> Any:
    return Mock(spec=MasterRunner, target_user_count=0, worker_count=0, server=SimpleNamespace(handshakes=None))


def names(hook: Any) -> list[str]:
    return [getattr(listener, "__qualname__", "") for listener in hook._handlers]


def test_registering_again_changes_nothing() -> None:
    session.register()
    before = list(locust.events.init._handlers), list(locust.events.init_command_line_parser._handlers)
    session.register()
    assert (locust.events.init._handlers, locust.events.init_command_line_parser._handlers) == before


def test_importing_a_module_registers_nothing_but_where_the_user_class_is_defined() -> None:
    code = """
import importlib, pkgutil, locust
import locust_extra, zk_metrics, zk_locust.load, zk_locust.workload
for package in (locust_extra, zk_metrics, zk_locust.load, zk_locust.workload):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name != "zk_locust.load.users":
            importlib.import_module(module.name)
hooks = [hook for hook in vars(locust.events).values() if hasattr(hook, "_handlers")]
assert [hook._handlers for hook in hooks if hook._handlers] == [], hooks
from zk_locust import ZKLocust
from zk_locust.load import history, session
from zk_locust.load.refusals import Refusals
assert locust.events.init._handlers == [session.on_init]
"""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ZK_", "KAZOO_", "LOCUST_"))}
    clean["LOCUST_SKIP_MONKEY_PATCH"] = "1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_are_final_and_nodes_are_made_before_a_listener_of_the_locustfile_is_called() -> None:
    load = environment()
    load.events.test_start.add_listener(of_the_locustfile)
    session.on_init(load, runner=object(), web_ui=object())
    found = names(load.events.test_start)
    place = found.index("of_the_locustfile")
    assert found[:4] == [
        "fixed_parameters.<locals>.restore", "export_bench_parameters", "_refusing_test.<locals>.<lambda>",
        "make_own_node",
    ]  # fmt: skip
    assert all(name.endswith(".on_test_start") for name in found[4:place])
    assert found[place + 1 :] == ["begin", "UserControl.on_test_start", "LoadPlan.on_test_start", "_adopt_options"]


def test_two_loads_that_share_their_events_make_their_own_node_before_they_fill_it() -> None:
    first, second = environment(), environment()
    second.events = first.events
    for load in (first, second):
        session.on_init(load, runner=object())
    found = names(first.events.test_start)
    filled = [place for place, name in enumerate(found) if name == "Sequence.on_test_start"]
    assert len(filled) == 2
    assert found.index("make_own_node") < filled[0]


def test_a_companion_is_called_for_its_own_load_only() -> None:
    called = []
    listener = session._only_in(load := environment(), lambda environment: called.append(environment))
    for event in (load, environment()):
        listener(environment=event)
    assert called == [load]


def of_the_locustfile(**_: Any) -> None:
    """Stand for what a locustfile does as a test starts."""


def test_figures_are_written_and_nodes_are_read_before_they_are_removed() -> None:
    load = environment()
    load.events.test_stop.add_listener(of_the_locustfile)
    session.on_init(load, runner=object())
    assert names(load.events.test_stop)[:5] == [
        "_tell_of_end", "of_the_locustfile", "end", "read_all_nodes", "remove_nodes",
    ]  # fmt: skip


@pytest.mark.parametrize("is_worker", [False, True])
def test_a_process_that_a_signal_ends_ends_its_history(is_worker: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[Any] = []
    monkeypatch.setattr(history, "end", lambda environment, **_: ended.append(environment))
    load = environment()
    session.on_init(load, runner=worker(STATE_INIT) if is_worker else object())
    load.events.quit.fire(exit_code=0)
    assert ended == [load]


def test_a_step_ends_before_the_measured_stage_does() -> None:
    load = environment()
    session.on_init(load, runner=object())
    found = names(load.events.test_stopping)
    assert found.index("Sequence.on_test_stopping") < found.index("LoadPlan.on_test_stopping")


def test_the_master_drops_figures_before_locust_adds_them() -> None:
    load = environment()
    load.events.worker_report.add_listener(of_the_locustfile)
    session.on_init(load, runner=master())
    assert names(load.events.worker_report)[:2] == ["LoadPlan.on_worker_report", "of_the_locustfile"]


def worker(state: str) -> Any:
    return Mock(
        spec=WorkerRunner, worker_state=state, stats=Mock(), client=SimpleNamespace(asked=["kazoo_sasl_options"])
    )


@pytest.mark.parametrize("late", [True, False])
def test_a_worker_that_is_late_does_everything_that_a_test_start_does(
    late: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[str] = []
    for name in ("export_bench_parameters", "set_program_aside", "_adopt_options"):
        monkeypatch.setattr(session, name, lambda *_, name=name, **__: called.append(name))
    monkeypatch.setattr(session, "in_locusts_command_line", lambda: True)
    load, runner = environment(), worker(STATE_RUNNING if late else STATE_INIT)
    load.runner = runner
    session.on_init(load, runner=runner)
    called.clear()
    gevent.sleep(0)
    if not late:
        assert called == []
        load.events.test_start.fire(environment=load)
    assert called == ["export_bench_parameters", "set_program_aside", "_adopt_options"]
    assert "this worker has not; secrets are not sent" in capsys.readouterr().err
    runner.quit.assert_called_once()
    assert runner.send_message.call_args.args == ("zk_locust_where",)
    assert runner.stats.clear_all.called == late


def test_a_sequence_that_is_imported_but_not_run_changes_no_load() -> None:
    load = environment()
    companion: Any
    (companion,) = (c for c in session._companions(load, leads=True) if c.task_set is SequenceTaskSet)
    companion.on_test_start()
    companion._on_stage_changed(load, "measured", 0.0)
    assert companion._walking is None


def refusal(load: Environment, runner: Any, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        session.on_init(load, runner=runner)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("jute_maxbuffer", "most"), [(None, 1048575 - 20 - 3 - 8 - 128), (4194304, 4194304 - 20 - 3 - 8 - 128)]
)
def test_values_that_no_server_takes_are_refused(
    jute_maxbuffer: int | None, most: int, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {} if jute_maxbuffer is None else {"jute_maxbuffer": jute_maxbuffer}
    session.on_init(environment(val_size=most, **given), runner=object())
    message = refusal(environment(val_size=most + 1, **given), object(), capsys)
    assert message == (
        f"zk-locust: --val-size [{most + 1}]: the servers take {most} bytes at most (their jute.maxbuffer is "
        f"{jute_maxbuffer or 1048575}); write less, or raise jute.maxbuffer on the servers and say so with "
        "--jute-maxbuffer\n"
    )


def test_what_only_an_open_loop_has_is_refused_in_a_closed_loop(capsys: pytest.CaptureFixture[str]) -> None:
    session.on_init(environment(arrival_rate=5.0, arrival_process="poisson"), runner=object())
    assert refusal(environment(arrival_process="poisson"), object(), capsys) == (
        "zk-locust: --arrival-process [poisson]: there is no arrival rate, so this is a closed loop, which does not "
        "use it; add --arrival-rate or --arrival-stages, or leave this out\n"
    )


def test_fewer_users_than_workers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(environment(num_users=3, expect_workers=4), master(), capsys)
    assert message == (
        "zk-locust: --users [3]: 4 workers are expected, and Locust leaves those without users idle; "
        "give 4 users or more, or start fewer workers\n"
    )
    assert "--users [1]" in refusal(environment(num_users=None, expect_workers=2), master(), capsys)


def test_users_whose_number_changes_are_no_mistake() -> None:
    session.on_init(environment(num_users=4, expect_workers=4), runner=master())
    session.on_init(environment(num_users=1, expect_workers=4), runner=master(), web_ui=object())
    shaped = environment(num_users=1, expect_workers=4)
    shaped.shape_class = Mock(spec=LoadTestShape)
    session.on_init(shaped, runner=master())


@pytest.mark.parametrize(("users", "told"), [(3, True), (4, False)])
def test_workers_that_stay_idle_are_told_of_as_a_test_starts(
    users: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_idle_workers(SimpleNamespace(runner=SimpleNamespace(target_user_count=users, worker_count=4)))
    expected = "3 users are fewer than 4 workers: the others stay idle until there are more users"
    assert [record.message for record in caplog.records] == ([expected] if told else [])


def test_a_load_without_zookeeper_users_is_left_alone() -> None:
    load = environment(hosts=None, val_size=1 << 25)
    load.user_classes = [User]
    session.on_init(load, runner=object())


def test_what_cannot_be_imported_is_said_not_to_be_active(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "_DISPATCHER", "absent_dispatcher.registration")
    _start_collectors(environment(zk_dispatch_program="sleep 1"), master(), None)
    (record,) = caplog.records
    assert record.getMessage() == (
        "absent_dispatcher.registration is not active: it cannot be imported (No module named 'absent_dispatcher')"
    )
