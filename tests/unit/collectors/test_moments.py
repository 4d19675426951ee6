"""What ends in each 50 ms: read beside the recording, and nothing is taken away from it."""

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from locust_extra.columns import MOMENT_COLUMNS
from locust_extra.moments import Moments, moments_of
from zk_locust.contract.operation_kinds import kind_of_operation
from zk_locust.load.heard import NOBODY
from zk_locust.load.recording import Recording
from zk_locust.load.times import Times

MS = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1_000 * MS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def succeed(recording: Recording, name: str, latency_ms: int, now_ns: int) -> None:
    recording.operation("zookeeper", name, now_ns).succeed(0, now_ns - latency_ms * MS, 0, now_ns)


def test_each_moment_has_what_is_new(clock: Clock, tmp_path: Path) -> None:
    recording = Recording([], clock)
    moments = Moments(str(tmp_path / "moments.csv"), recording)
    for latencies in ([1, 3], [], [5]):
        for latency_ms in latencies:
            succeed(recording, "get", latency_ms, clock.now_ns)
        if not latencies:
            recording.fail("zookeeper", "set,a", ValueError("x"))
        clock.now_ns += 50 * MS
        moments.take()
    moments.close()
    found = rows(tmp_path / "moments.csv")
    assert list(found[0]) == list(MOMENT_COLUMNS)
    told = [(row["name"], row["requests"], row["failures"], row["sum_us"], row["max_us"]) for row in found]
    assert told == [("get", "2", "0", "4000", "3000"), ("set,a", "0", "1", "0", ""), ("get", "1", "0", "5000", "5000")]
    assert [round(float(row["end"]) - float(row["start"]), 3) for row in found] == [0.05] * 3


def test_censored_operations_and_those_above_the_objective_are_counted(clock: Clock, tmp_path: Path) -> None:
    recording = Recording([], clock)
    moments = Moments(str(tmp_path / "moments.csv"), recording, SimpleNamespace(stats_objective=20.0))
    for taken in (False, True):
        for latency_ms in (5, 20, 21, 300):
            succeed(recording, "get", latency_ms, clock.now_ns)
        recording.operations[("zookeeper", "get")].censor(7 * MS)
        if taken:
            recording.operations[("zookeeper", "get")].take()
        clock.now_ns += 50 * MS
        moments.take()
    moments.close()
    assert [(row["censored"], row["above"]) for row in rows(tmp_path / "moments.csv")] == [("1", "2")] * 2


def test_nothing_is_lost_where_others_count_and_take(clock: Clock, tmp_path: Path) -> None:
    recording = Recording([], clock)
    moments = Moments(str(tmp_path / "moments.csv"), recording)
    total = 0
    for number in range(200):
        for _ in range(number % 5):
            succeed(recording, "get", 1, clock.now_ns)
            total += 1
        if number % 7 == 0:
            recording.fail("zookeeper", "get", ValueError("x"))
        if number % 3 == 0:
            recording.operations[("zookeeper", "get")].count()
        if number % 10 == 0:
            recording.operations[("zookeeper", "get")].take()
        clock.now_ns += 10 * MS
        if number % 4 == 0:
            moments.take()
    moments.close()
    found = rows(tmp_path / "moments.csv")
    assert sum(int(row["requests"]) for row in found) == total
    assert sum(int(row["failures"]) for row in found) == len(range(0, 200, 7))


def test_the_first_question_returns_what_is_kept() -> None:
    times = Times()
    times.add_ns(5)
    assert list(times.untold()) == [5]
    assert list(times.untold()) == []
    times.add_ns(6)
    times.count()
    times.add_ns(7)
    assert list(times.untold()) == [6, 7]
    taken = times.take()
    assert taken is not None
    assert taken.requests == 3


def test_what_has_waited_long_is_told(clock: Clock, tmp_path: Path) -> None:
    recording = Recording([], clock)
    moments = Moments(str(tmp_path / "moments.csv"), recording)
    sent_ns = clock.now_ns
    waiting: Any = SimpleNamespace(under_way=True, heard=NOBODY, origin=None, waits_ns=lambda now_ns: now_ns - sent_ns)
    recording.running = [waiting]  # type: ignore[assignment]
    for _ in range(8):
        clock.now_ns += 50 * MS
        moments.take()
    recording.running = set()
    moments.close()
    assert [row["waits_us"] for row in rows(tmp_path / "moments.csv")] == ["200000", "400000"]


def test_a_file_that_cannot_be_made_is_a_warning(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = SimpleNamespace(stats_moments=str(tmp_path))
    assert moments_of(options, Recording([], clock)) is None
    assert "This process writes no moments" in caplog.text
    assert moments_of(SimpleNamespace(), Recording([], clock)) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("get", "read"), ("incr_set", "write"), ("get_512", "read"), ("create_ephemeral", "write"), ("lock_acquire", "")],
)
def test_names_say_what_reads_and_writes(name: str, kind: str) -> None:
    assert kind_of_operation(name) == kind
