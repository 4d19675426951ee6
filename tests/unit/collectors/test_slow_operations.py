"""The slowest operations, from a worker to the file: in their interval, on the master's clock, bounded in size."""

import csv
import logging
import random
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from locust.rpc import Message

from locust_extra import slow_file
from locust_extra.columns import SLOW_COLUMNS
from locust_extra.recorder import Recorder
from locust_extra.series import Interval
from locust_extra.slow_file import SlowOperationsFile
from locust_extra.slow_reports import SlowReports, message_of, told_in
from reporting.read import slow_operations
from reporting.read.problems import ProblemLog
from tests.unit.collectors.clocks import FakeClock, recorder
from zk_locust.contract.clock_names import CENSORED
from zk_locust.contract.connect_string import Address
from zk_locust.contract.outcomes import FAILED, OK
from zk_locust.load import master_clock
from zk_locust.load.master_clock import MasterClock
from zk_locust.load.slowest import MOST, NOWHERE, Origin, SlowOperation

S = 1_000_000_000
ZK2: Origin = (-(1 << 62) + 0xA, Address("zk2", 2181)), 77


def operation(
    latency_us: int = 1500, at_ns: int = 5 * S, name: str = "get", outcome: str = OK, origin: Origin = NOWHERE
) -> SlowOperation:
    return SlowOperation(latency_us, 0, "zookeeper", name, 0, at_ns, 0, at_ns + latency_us * 1000, outcome, origin)


def interval(number: int, stage: str = "measured", length_s: float = 1.0) -> Interval:
    return Interval(0, stage, number, number * length_s, (number + 1) * length_s)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slow-operations.csv"


def opened(path: Path, *, began_s: float = 0.0, interval_s: float = 1.0, left_s: float | None = 60.0) -> Any:
    return SlowOperationsFile(str(path), began_s, interval_s, lambda: left_s)


def report(target: Recorder) -> dict[tuple[str, int], list[int]]:
    slow = target.report(1)["slow"]
    return {(stage, number): [one.latency_us for one in found] for stage, number, found in slow}


def keep(target: Recorder, clock: FakeClock, *latencies_us: int) -> None:
    for latency_us in latencies_us:
        times_ns = 0, clock.ns() - 1000 * latency_us, 0, clock.ns()
        target.recording.operation("zookeeper", "get", clock.ns())
        target.recording.slowest.keep("zookeeper", "get", times_ns, OK)


def test_each_interval_has_its_own_and_none_waits_for_its_end() -> None:
    clock = FakeClock()
    target = recorder(clock)
    target.slowest = 2
    keep(target, clock, 99)  # of no stage
    target.begin_stage("warm-up", None)
    keep(target, clock, 3, 9, 5)
    clock.now_s += 0.5
    assert report(target) == {("warm-up", 0): [9, 5]}
    keep(target, clock, 4, 7)
    clock.now_s += 0.6
    keep(target, clock, 1)
    target.begin_stage("measured", None)
    keep(target, clock, 2)
    assert report(target) == {("warm-up", 0): [7], ("warm-up", 1): [1], ("measured", 0): [2]}
    assert report(target) == {}


def test_what_a_test_did_not_report_is_not_in_the_next_one() -> None:
    clock = FakeClock()
    target = recorder(clock)
    target.slowest = 2
    target.begin_stage("measured", None, run=1)
    keep(target, clock, 9)
    target.begin_stage("measured", None, run=2)
    keep(target, clock, 1)
    assert report(target) == {("measured", 0): [1]}
    target.slowest = 0
    target.begin_stage("measured", None, run=3)
    keep(target, clock, 9)
    assert report(target) == {}


def test_a_row_has_the_masters_time_and_the_session_as_members_log_it(path: Path) -> None:
    file = opened(path, began_s=1.0, interval_s=1e-3)
    ahead_ns = 1 * S - 2 * S  # the worker's clock began much later than the master's
    found = SlowOperation(4000, 0, "zookeeper", 'a "b", c', 4 * S, 4 * S + 1_000_000, 4 * S + 4_000_000,
                          4 * S + 4_500_000, OK, ZK2)  # fmt: skip
    told = [("measured", 3, [found]), ("measured", 4, [operation(outcome=FAILED), operation(outcome=CENSORED)])]
    file.take("w-1", Message.unserialize(Message("stats", message_of(told, ahead_ns), "w").serialize()).data)
    file.take("w-1", None)
    file.write(interval(4))
    assert file.close() == 0
    first, *others = rows_of(path)
    assert tuple(first) == SLOW_COLUMNS
    assert list(first.values()) == [
        "measured", "3", "w-1", "zookeeper", 'a "b", c', "2.000000", "2.001000", "2.004000", "2.004500", "4000", "ok",
        "0xc00000000000000a", "zk2:2181", "77",
    ]  # fmt: skip
    assert [(row["outcome"], row["due_s"], row["arrived_s"], row["session"], row["xid"]) for row in others] == [
        ("failed", "", "", "", ""), ("censored", "", "", "", ""),
    ]  # fmt: skip
    problems = ProblemLog()
    read = slow_operations.read(path, problems)
    assert problems.all() == []
    assert tuple(read.columns) == SLOW_COLUMNS
    assert read["handled_s"].tolist() == [2.0045, 3.0015, 3.0015]
    assert (read["session"][0], read["member"][0], read["xid"][0]) == ("0xc00000000000000a", "zk2:2181", 77)


def test_a_run_of_an_older_version_has_no_such_file_which_is_no_problem(path: Path) -> None:
    problems = ProblemLog()
    assert slow_operations.read(path, problems).empty
    assert problems.all() == []


def test_an_interval_has_twenty_of_each_worker_whatever_pieces_they_come_in(path: Path) -> None:
    file = opened(path, interval_s=1e-3)
    every: dict[str, list[int]] = {"w-1": [], "w-2": []}
    for piece in range(4):
        for worker, latencies in every.items():
            drawn = random.Random(f"{piece} {worker}").sample(range(1000), MOST)
            latencies += drawn
            file.take(worker, message_of([("measured", 7, [operation(one) for one in drawn])], 0))
    file.write(interval(6))
    assert rows_of(path) == []
    file.write(interval(7))
    rows = rows_of(path)
    for worker, latencies in every.items():
        found = [int(row["latency_us"]) for row in rows if row["worker"] == worker]
        assert found == sorted(latencies, reverse=True)[:MOST]


def test_what_comes_late_is_written_with_the_next_interval_or_at_the_end(path: Path) -> None:
    file = opened(path, interval_s=1e-3)
    file.write(interval(0))
    file.take("w-1", message_of([("warm-up", 9, [operation(7)])], 0))
    file.write(interval(1))
    file.take("w-1", message_of([("measured", 0, [operation(8)]), ("cool-down", 0, [operation(9)])], 0))
    assert [row["latency_us"] for row in rows_of(path)] == ["7"]
    file.close()
    assert [(row["stage"], row["latency_us"]) for row in rows_of(path)] == [
        ("warm-up", "7"), ("measured", "8"), ("cool-down", "9"),
    ]  # fmt: skip


@pytest.mark.parametrize("left_s", [None, 0.0])
def test_a_long_load_keeps_the_slowest_of_all_workers_and_stays_small(
    path: Path, monkeypatch: pytest.MonkeyPatch, left_s: float | None
) -> None:
    limit = 200_000
    monkeypatch.setattr(slow_file, "LIMIT_BYTES", limit)
    monkeypatch.setattr(slow_file, "_UNPLANNED_S", 500.0)
    began_s, intervals, drawn = time.perf_counter() - 1000, 500, random.Random(3)
    file = SlowOperationsFile(
        str(path), began_s, 1.0, lambda: left_s if left_s is None else float(intervals - number - 1)
    )
    slowest = {}
    for number in range(intervals):
        latencies = [drawn.randrange(1_000_000) for _ in range(160)]
        for worker in range(8):
            told = [operation(one) for one in latencies[worker::8]]
            file.take(f"w-{worker}", message_of([("measured", number, told)], 0))
        slowest[number] = sorted(latencies, reverse=True)
        file.write(interval(number))
    file.close()
    assert 0.85 * limit < path.stat().st_size < 1.02 * limit
    rows = rows_of(path)
    for number in range(intervals):
        found = [int(row["latency_us"]) for row in rows if row["interval"] == str(number)]
        assert found, "the slowest of each interval is there"
        assert found == slowest[number][: len(found)]
    assert len([row for row in rows if row["interval"] == "0"]) == 160, "a short load is complete"


BAD: list[Any] = [
    7, "x", [], {}, {"ahead_ns": "1", "intervals": []}, {"ahead_ns": 1 << 63, "intervals": []},
    {"ahead_ns": 0, "intervals": 5}, {"ahead_ns": 0, "intervals": [["measured", 0, []]] * 2000},
    *({"ahead_ns": 0, "intervals": [one]} for one in (
        5, ["elsewhere", 0, []], ["measured", -1, []], ["measured", 10**9, []], ["measured", "1", []],
        ["measured", 0, "x"], ["measured", 0, [["zookeeper", "get", OK, "", 0, 1, 0, 2, 0, 0]] * 21],
        *(["measured", 0, [one]] for one in (
            5, "0123456789", [], ["zookeeper", "get", OK, "", 0, 1, 0, 2, 0],
            ["zookeeper", "get", OK, "", 0, 1, 0, 2, 0, 0, 0],
            ["zookeeper", "get", "fine", "", 0, 1, 0, 2, 0, 0], ["zookeeper", 5, OK, "", 0, 1, 0, 2, 0, 0],
            ["zookeeper", "get", OK, None, 0, 1, 0, 2, 0, 0], ["zookeeper", "get", OK, "", 0, 1.5, 0, 2, 0, 0],
            ["zookeeper", "get", OK, "", -1, 1, 0, 2, 0, 0], ["zookeeper", "get", OK, "", 0, 1, 0, 1 << 63, 0, 0],
            ["zookeeper", "get", OK, "", 0, 1, 0, 2, 1 << 64, 0], ["zookeeper", "get", OK, "", 0, 1, 0, 2, 0, True],
            [["zookeeper"], "get", OK, "", 0, 1, 0, 2, 0, 0], ["zookeeper", "get", [OK], "", 0, 1, 0, 2, 0, 0],
        )),
    )),
]  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_a_worker_that_says_something_else_is_named_once_and_the_others_figures_are_written(
    path: Path, message: object, caplog: pytest.LogCaptureFixture
) -> None:
    file = opened(path, began_s=time.perf_counter() - 60)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            file.take("bad", message)
    assert len(caplog.messages) == 1
    assert "bad" in caplog.messages[0]
    file.take("good", message_of([("measured", 0, [operation()])], 0))
    file.close()
    assert [row["worker"] for row in rows_of(path)] == ["good"]


def test_a_stage_that_a_worker_has_invented_does_no_harm(path: Path) -> None:
    file = opened(path, interval_s=1e-3)
    file.take("w-1", message_of([("measured", 0, [operation()])], 0))
    file.write(interval(0, stage="invented"))
    assert rows_of(path) == []
    file.close()
    assert len(rows_of(path)) == 1


def test_texts_of_a_worker_are_one_short_line() -> None:
    told = operation(name="a\n\x1b[2J" + "b" * 900, origin=((1, "zk\r\n" * 500), 1))
    ((_, _, (found,)),) = told_in(message_of([("measured", 0, [told])], 0))
    for text in (found.name, found.member):
        assert text.isprintable()
        assert len(text) <= 200


class Runner:
    """A worker whose master answers, once it may, with a clock that is 5 s ahead."""

    def __init__(self) -> None:
        self.answers = False
        self.asked = 0

    def register_message(self, _name: str, answered: Any) -> None:
        self._answered = answered

    def send_message(self, _name: str, data: dict[str, int]) -> None:
        self.asked += 1
        if self.answers:
            master_ns = time.perf_counter_ns() + 5 * S
            self._answered(msg=SimpleNamespace(data={**data, "master_ns": master_ns}))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the clocks compared quickly."""
    monkeypatch.setattr(master_clock, "_ANSWER_S", 0.01)
    monkeypatch.setattr(master_clock, "_BETWEEN_S", 0.001)


@pytest.mark.usefixtures("impatient")
def test_operations_wait_until_the_master_has_told_its_time(caplog: pytest.LogCaptureFixture) -> None:
    runner = Runner()
    reports = SlowReports(runner)
    reports.begin(1, wanted=False)
    gevent.sleep(0)
    assert runner.asked == 0, "nobody wants them"
    reports.begin(1, wanted=True)
    gevent.sleep(0)
    assert reports.message([("measured", 0, [operation()])]) is None
    runner.answers = True
    gevent.sleep(0.1)
    message = reports.message([("measured", 1, [operation()])])
    assert message is not None
    assert [one[:2] for one in message["intervals"]] == [["measured", 0], ["measured", 1]]
    assert abs(message["ahead_ns"] - 5 * S) < S // 10
    assert reports.message([]) is None, "what was sent is forgotten"
    reports.close()
    assert caplog.messages == []


def test_a_worker_whose_master_never_tells_its_time_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    reports = SlowReports(Runner())
    reports.begin(1, wanted=True)
    reports.message([("measured", 0, [operation()])])
    reports.begin(2, wanted=True)
    reports.message([("measured", number, [operation()]) for number in range(3)])
    reports.close()
    assert "3 intervals" in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_comparison_that_fails_leaves_the_last_difference() -> None:
    runner = Runner()
    runner.answers = True
    clock = MasterClock(runner)
    clock.refresh()
    first = clock.ahead_ns
    runner.answers = False
    clock.refresh()
    assert clock.ahead_ns == first is not None
