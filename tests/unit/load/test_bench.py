"""`--bench-NAME VALUE` and its environment variable."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from locust.env import Environment
from locust.event import Events

from zk_locust.load import session
from zk_locust.load.bench import adopt_flags, bench_parameter


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kept = dict(os.environ)
    for name in [name for name in kept if name.startswith("ZK_LOCUST_BENCH_")]:
        monkeypatch.delenv(name)
    yield
    os.environ.clear()
    os.environ.update(kept)


def test_flags_of_both_forms_are_there_when_a_locustfile_is_imported() -> None:
    adopt_flags(["-f", "x.py", "--bench-the-answer", "42", "--bench-colour=red", "--hosts", "a:1", "--bench-last"])
    assert bench_parameter("the-answer") == os.environ["ZK_LOCUST_BENCH_THE_ANSWER"] == "42"
    assert bench_parameter("colour") == "red"
    assert bench_parameter("last", "none") == "none"
    assert "ZK_LOCUST_HOSTS" not in os.environ


def test_the_config_of_another_program_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "locust.conf").write_text("bench-the-answer = 42\n")
    adopt_flags(["--config", "production"])
    assert bench_parameter("the-answer") is None


def test_in_locust_a_config_that_is_not_there_is_left_to_locust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    in_locust: dict[str, Any] = {"__name__": "locust.main", "adopt_flags": adopt_flags}
    exec('adopt_flags(["--config", "production"])', in_locust)
    (tmp_path / "locust.conf").write_text("bench-the-answer = 42\n")
    exec("adopt_flags([])", in_locust)
    assert bench_parameter("the-answer") == "42"


def test_a_name_that_can_be_none_is_an_error() -> None:
    with pytest.raises(KeyError):
        bench_parameter("Wrong Name")


def test_the_masters_values_are_exported_as_a_test_starts_before_other_listeners_read_them() -> None:
    options = SimpleNamespace(bench_the_answer="41", bench_step_duration=15.0, bench_empty="", hosts="a:1")
    environment = Environment(events=Events(), parsed_options=options)
    seen: list[str | None] = []
    environment.events.test_start.add_listener(lambda **_: seen.append(bench_parameter("the-answer")))
    session.on_init(environment, None)
    assert bench_parameter("the-answer") == "41"
    # As it was given, not as a float: the older locustfiles call int() on it.
    assert bench_parameter("step-duration") == "15"
    assert bench_parameter("empty") is None
    options.bench_the_answer = "42"
    environment.events.test_start.fire(environment=environment)
    assert seen == ["42"]
