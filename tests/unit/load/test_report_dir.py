"""`--report-dir`: what is recorded there, what is left alone, and what the manifest says."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from locust import User
from locust.event import Events

from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.parameter_values import WEB
from zk_locust.load import report_dir, session
from zk_locust.load.report_dir import FILES, ReportDir, take_defaults


def environment(**values: Any) -> Any:
    options = SimpleNamespace(
        num_users=3, spawn_rate=1, kazoo_sasl_options='{"mechanism": "X", "password": "hush-7"}', hosts="a:1", **values
    )
    return Mock(events=Events(), parsed_options=options, locustfile="some/locust_set.py", user_classes=[User])


def record_into(folder: Path, load: Any) -> None:
    load.parsed_options.report_dir = str(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_start_collectors", lambda *_: None)
        session.on_init(load, runner=object())


def end(load: Any, *, started: bool = True) -> None:
    if started:
        load.events.test_start.fire(environment=load)
    load.events.quitting.fire(environment=load)
    load.events.quit.fire(exit_code=0)


def test_everything_is_recorded_there_unless_a_flag_says_otherwise(tmp_path: Path) -> None:
    options = SimpleNamespace(stats_csv="/elsewhere.csv", stats_collect=500.0, zk_metrics_collect=0.0)
    take_defaults(options, tmp_path)
    assert options.stats_csv == "/elsewhere.csv"
    assert options.stats_collect == 500.0
    assert options.zk_metrics_collect == 1000.0
    for destination, name in FILES.items():
        assert destination == "stats_csv" or getattr(options, destination) == str(tmp_path / name)


@pytest.mark.parametrize(("given", "expected"), [(WEB, 1000.0), (0.0, 1000.0), (500.0, 500.0)])
def test_a_report_needs_metrics_that_no_page_has_to_ask_for(
    given: str | float, expected: float, tmp_path: Path
) -> None:
    options = SimpleNamespace(zk_metrics_collect=given)
    take_defaults(options, tmp_path)
    assert options.zk_metrics_collect == expected
    assert options.zk_metrics_csv == str(tmp_path / "zk-metrics.csv")


def test_the_report_is_written_after_the_files_are_closed_and_knows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(report_dir, "_write_report", lambda folder: order.append(f"report of {folder.name}"))
    load = environment()
    record_into(tmp_path / "made" / "run", load)
    load.events.quitting.add_listener(lambda **_: None)
    load.events.quit.add_listener(lambda **_: order.append("files closed"))
    end(load)
    assert order == ["files closed", "report of run"]
    text = (tmp_path / "made" / "run" / "manifest.json").read_text()
    manifest = json.loads(text)
    assert manifest["scenario"]["name"] == "locust_set"
    assert manifest["scenario"]["users"] == 3
    assert manifest["scenario"]["parameters"]["hosts"] == "a:1"
    assert manifest["started"] <= manifest["ended"]
    assert "hush-7" not in text


def test_the_report_of_a_page_tells_of_the_test_that_the_files_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_dir, "_write_report", lambda _: None)
    load = environment(arrival_stages='[{"rate": 5, "for": "10s"}]')
    record_into(tmp_path, load)
    load.events.test_start.fire(environment=load)
    load.parsed_options.num_users = 50
    load.parsed_options.arrival_stages = '[{"rate": 5, "for": "20s"}]'
    end(load)
    scenario = json.loads((tmp_path / "manifest.json").read_text())["scenario"]
    assert (scenario["users"], scenario["run_time_s"]) == (3, 10.0)


def test_without_a_load_there_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_dir, "_write_report", lambda _: pytest.fail("a report of nothing"))
    load = environment()
    record_into(tmp_path / "run", load)
    end(load, started=False)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("held", [*FILES.values(), "manifest.json"])
def test_an_earlier_run_is_not_written_over(held: str, tmp_path: Path) -> None:
    (tmp_path / held).write_text("")
    with pytest.raises(ConfigurationError, match=rf"it holds a run already \({held}\)"):
        ReportDir(tmp_path, environment())


def test_what_else_the_folder_holds_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    ReportDir(tmp_path, environment())
