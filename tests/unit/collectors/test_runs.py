"""A second test in one Locust process is a second run, on the process that leads and on a worker."""

import csv
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from locust.env import Environment
from locust.event import Events

from locust_extra import stats
from locust_extra.columns import AGGREGATED, ALL_WORKERS
from zk_locust.contract import sent_counts
from zk_locust.load.recording import recording_of
from zk_locust.load.stages import load_ended, stage_changed
from zk_locust.load.tally import take_sent
from zk_locust.load.timer import LocustTimer, TimerSettings


def totals(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if (row["worker"], row["name"]) == (ALL_WORKERS, AGGREGATED)]


def operate(environment: Environment, count: int) -> None:
    for _ in range(count):
        with LocustTimer("get", settings=TimerSettings(environment.events)):
            pass


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    for hook in (stage_changed, load_ended):
        monkeypatch.setattr(hook, "_handlers", [])


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    options = SimpleNamespace(
        stats_collect=1000.0, stats_csv=str(tmp_path / "locust-stats.csv"), stats_distrib=str(tmp_path / "d.jsonl"),
        stats_events=str(tmp_path / "events.csv"), stats_slowest=str(tmp_path / "slow.csv"),
    )  # fmt: skip
    made = Environment(events=Events(), parsed_options=options)
    runner = made.create_local_runner()
    recording_of(made.events).fill_statistics_of(made, runner)
    stats.start(made, runner)
    yield made
    runner.quit()


def run(environment: Any, operations: int) -> None:
    stage_changed.fire(environment=environment, stage="measured", planned_s=None, elapsed_s=0.0)
    operate(environment, operations)
    load_ended.fire(environment=environment)


def test_its_figures_go_to_files_of_their_own_and_counts_start_anew(environment: Environment, tmp_path: Path) -> None:
    run(environment, 3)
    operate(environment, 50)
    run(environment, 5)
    environment.events.quit.fire(exit_code=0)
    for name, requests in (("locust-stats.csv", "3"), ("locust-stats-2.csv", "5")):
        rows = totals(tmp_path / name)
        assert (rows[-1]["stage"], rows[-1]["interval"], rows[-1]["requests"]) == ("measured", "0", requests)
        assert float(rows[-1]["elapsed_s"]) < 60
    assert {path.name for path in tmp_path.glob("d*")} == {"d.jsonl", "d-2.jsonl"}
    for name, kept in (("slow.csv", 3), ("slow-2.csv", 5)):
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            slow = list(csv.DictReader(file))
        assert [(row["stage"], row["interval"], row["worker"]) for row in slow] == [("measured", "0", "local")] * kept
        assert all(0 <= float(row["sent_s"]) <= float(row["handled_s"]) < 60 for row in slow)
    with (tmp_path / "events.csv").open(newline="", encoding="utf-8") as file:
        events = [(row["event"], row["subject"]) for row in csv.DictReader(file)]
    assert events == [
        ("stage-start", "measured"), ("run-stopped", "load"), ("run-start", "2"), ("stage-start", "measured"),
        ("run-stopped", "load"),
    ]  # fmt: skip
    assert environment.stats.total.num_requests == 58, "Locust counts everything since it last forgot"


def test_a_stage_of_another_environment_in_the_process_is_not_ours(environment: Environment, tmp_path: Path) -> None:
    run(Environment(events=Events()), 0)
    assert not (tmp_path / "locust-stats.csv").exists()
    run(environment, 1)
    assert totals(tmp_path / "locust-stats.csv")[-1]["requests"] == "1"


def test_late_figures_of_the_test_before_are_not_the_next_ones(environment: Environment, tmp_path: Path) -> None:
    leader = next(
        listener.__self__ for listener in stage_changed._handlers if isinstance(listener.__self__, stats.LoadStats)
    )
    run(environment, 1)
    stage_changed.fire(environment=environment, stage="measured", planned_s=None, elapsed_s=0.0)
    operate(environment, 2)
    late = {
        "run": 1, "stage": "measured", "interval": 0, "records": [["measured", 0, []]], "users": 9, "wall_ns": 0,
        "cpu_ns": 0, "cpu_wait_ns": None, "settled": 0,
    }  # fmt: skip
    leader._on_worker_report("w", {"locust_extra": late, "locust_extra_worker": "host/worker-1"})
    load_ended.fire(environment=environment)
    rows = totals(tmp_path / "locust-stats-2.csv")
    assert (rows[-1]["requests"], rows[-1]["users"]) == ("2", "0")


def test_a_worker_is_told_which_test_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_counts, "FOLDER", tmp_path)
    made = Environment(events=Events(), parsed_options=SimpleNamespace(stats_collect=1000.0, locust_extra_run=2))
    runner = SimpleNamespace(client_id="host_0", user_count=1, worker_index=0)
    stats.WorkerStats(made, runner)
    stage_changed.fire(environment=made, stage="measured", planned_s=None, elapsed_s=0.0)
    operate(made, 4)
    data: dict[str, Any] = {}
    made.events.report_to_master.fire(client_id="w", data=data)
    ((_, _, ((_, name, message),)),) = data["locust_extra"]["records"]
    assert (data["locust_extra"]["run"], name, message["requests"]) == (2, "get", 4)
    assert take_sent("host_0") == data["locust_extra"]["settled"] == 4


@pytest.mark.parametrize("delay_ms", [1, float("nan"), -5])
def test_an_interval_that_a_locustfile_names_is_checked(
    delay_ms: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stats, "_wishes", {"stats_collect": delay_ms})
    with pytest.raises(SystemExit):
        stats.start(Environment(events=Events(), parsed_options=SimpleNamespace()), SimpleNamespace())
    assert f"zk-locust: --stats-collect [{delay_ms}]" in capsys.readouterr().err
