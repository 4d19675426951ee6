"""What the process that leads makes of its workers: those that are lost, and what was due for each."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from locust import runners
from locust.env import Environment
from locust.event import Events

from locust_extra import stats
from locust_extra.columns import AGGREGATED, ALL_WORKERS
from locust_extra.series import Interval, WorkerShare
from zk_locust.contract import unreported
from zk_locust.load.offered import OfferedCounts
from zk_locust.load.stages import load_ended, stage_changed


class Master:
    """Locust's runner, as far as the figures need it."""

    user_count = 0

    def __init__(self) -> None:
        self.clients: dict[str, Any] = {}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    options = SimpleNamespace(
        stats_collect=1000.0, stats_csv=str(tmp_path / "locust-stats.csv"), stats_events=str(tmp_path / "events.csv")
    )
    return Environment(events=Events(), parsed_options=options)


@pytest.fixture
def master(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Master]:
    for hook in (stage_changed, load_ended):
        monkeypatch.setattr(hook, "_handlers", [])
    monkeypatch.setattr(stats, "MasterRunner", Master)
    made = Master()
    stats.start(environment, made)
    yield made
    environment.events.quit.fire(exit_code=0)


def begin(environment: Environment) -> None:
    stage_changed.fire(environment=environment, stage="measured", planned_s=None, elapsed_s=0.0)


def report(environment: Environment, client_id: str, run: int, settled: int | None) -> None:
    told = {
        "run": run, "stage": "measured", "interval": 0, "records": [], "users": 1, "wall_ns": 0, "cpu_ns": 0,
        "cpu_wait_ns": None, "settled": settled,
    }  # fmt: skip
    data = {"locust_extra_worker": f"host/{client_id}"} | ({} if settled is None else {"locust_extra": told})
    environment.events.worker_report.fire(client_id=client_id, data=data)


def unreported_in(folder: Path) -> list[tuple[str, str]]:
    with (folder / "events.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [(row["subject"], row["detail"]) for row in rows if row["event"] == "operations-unreported"]


def test_unreported_operations_of_a_lost_worker_are_told_once(
    environment: Environment, master: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {"a": 12, "b": 7, "c": 9, "d": 3}
    monkeypatch.setattr(stats, "take_sent", lambda client_id: left.pop(client_id, None))
    master.clients = {name: SimpleNamespace(state="running") for name in "abcdef"}
    begin(environment)
    report(environment, "a", 1, 10)
    for name in "be":
        report(environment, name, 1, None)  # its first reports have no figures yet
    report(environment, "c", 1, 9)
    for name in "abcdef":
        master.clients[name].state = runners.STATE_MISSING
    load_ended.fire(environment=environment)
    begin(environment)
    load_ended.fire(environment=environment)
    assert unreported_in(tmp_path) == [
        ("host/a", unreported.known(2)), ("host/b", unreported.known(7)), ("d", unreported.known(3)),
        ("host/e", unreported.unknown(0)),
    ]  # fmt: skip


class Plan:
    """A plan of 100 operations a second for each of two workers; moments may only go on."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def offered(self, _stage: str, at_s: float, **_: bool) -> dict[str | None, OfferedCounts]:
        self.asked.append(at_s)
        due = 100 * (round(max(self.asked) - self.asked[0]) + 1)
        return {"old": OfferedCounts(due, due), "new": OfferedCounts(due)}

    def see_interval(self, *_: Any) -> None:
        pass

    def time_left_s(self) -> None:
        return None


def rows_after(
    environment: Environment,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    numbers: list[int],
    then: Sequence[int] = (),
) -> Any:
    """Return the rows of these intervals; those of `then` come when the next stage has begun."""
    plan = Plan()
    monkeypatch.setattr(stats, "plan_of", lambda _: plan)
    begin(environment)
    for name in ("old", "new"):
        environment.events.worker_report.fire(client_id=name, data={"locust_extra_worker": "host/worker-1"})
    leader = next(each.__self__ for each in stage_changed._handlers)
    intervals = [Interval(0, "measured", number, number, number + 1.0) for number in numbers]
    if then:
        intervals.append(Interval(1, "cool-down", 0, numbers[-1] + 1.0, numbers[-1] + 2.0))
        intervals += [Interval(0, "measured", number, number, number + 1.0) for number in then]
    for each in intervals:
        each.workers["host/worker-1"] = WorkerShare()
    leader._series = SimpleNamespace(take_all=lambda: intervals, take_complete=lambda: [], lose=lambda _: None)
    leader._give_out(final=True)
    intervals.clear()
    with (folder / "locust-stats.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["name"] == AGGREGATED]


def test_late_figures_get_no_offered_counts_of_a_later_moment(
    environment: Environment, master: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_after(environment, tmp_path, monkeypatch, [1, 2, 3, 1, 3])
    offered = [row["offered"] for row in rows if row["worker"] == ALL_WORKERS]
    assert offered == ["200", "400", "600", "", "600"]


def test_a_stage_that_has_ended_keeps_its_offered_counts_when_figures_come_late(
    environment: Environment, master: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_after(environment, tmp_path, monkeypatch, [1, 2], then=[1, 2])
    offered = [row["offered"] for row in rows if row["worker"] == ALL_WORKERS and row["stage"] == "measured"]
    assert offered == ["200", "400", "", "600"], "this plan counts onwards with each question"


def test_the_shares_of_two_workers_with_one_name_are_added(
    environment: Environment, master: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_after(environment, tmp_path, monkeypatch, [0])
    assert [(row["worker"], row["offered"], row["missed"]) for row in rows] == [
        (ALL_WORKERS, "200", "100"), ("host/worker-1", "200", "100"),
    ]  # fmt: skip
