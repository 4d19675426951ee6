"""Locust as a library, without options: the environment variables say what is to be done."""

from typing import Any

import locust
import pytest
from locust.env import Environment

from zk_locust.load import session
from zk_locust.load.settings_check import give_options


def test_an_environment_without_options_gets_those_of_the_environment_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZK_LOCUST_HOSTS", "zk1:2181")
    monkeypatch.setenv("LOCUST_EXTRA_STATS_CSV", "mine.csv")
    monkeypatch.setenv("ZK_LOCUST_MIN_WAIT", "1s")
    monkeypatch.setattr("sys.argv", ["prog.py", "--config", "production"])
    environment = Environment()
    give_options(environment, None)
    options: Any = environment.parsed_options
    assert (options.hosts, options.stats_csv, options.min_wait) == ("zk1:2181", "mine.csv", 1000.0)
    assert (options.val_size, options.zk_metrics_collect) == (8, "web")
    assert (options.num_users, options.autoquit, options.headless) == (None, -1, False), "Locust asks for its own"
    give_options(environment, None)
    assert environment.parsed_options is options


def test_a_value_that_cannot_work_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZK_LOCUST_MIN_WAIT", "soon")
    with pytest.raises(SystemExit):
        give_options(Environment(), None)
    assert capsys.readouterr().err.startswith("zk-locust: --min-wait [soon]")


def test_it_comes_before_all_other_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    session.register()
    assert locust.events.init._handlers[0] is session.on_init
    seen: list[Any] = []
    environment = Environment()
    monkeypatch.setattr(session, "raise_interrupts_in_main", lambda: seen.append(environment.parsed_options))
    session.on_init(environment, None)
    assert seen == [environment.parsed_options] != [None]
