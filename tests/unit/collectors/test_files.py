"""The files that the series goes to, read by what reads them."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from locust_extra.columns import AGGREGATED, ALL_WORKERS, DISTRIBUTION_FIELDS, PERCENTILES, STATS_COLUMNS
from locust_extra.files import DistributionFile, EventFile, HistogramLogFile, StatsFile, WallClock, path_of_run
from locust_extra.progress import Absent, Progress
from locust_extra.series import Interval, Series, WorkerShare
from tests.small_disk import fill
from tests.unit.collectors.clocks import FakeClock
from zk_locust.contract.clock_names import CENSORED, CLOCKS
from zk_locust.contract.events import EVENT_COLUMNS
from zk_locust.contract.histogram import HIGHEST_TRACKABLE_US, LatencyHistogram

GET, SET = ("zookeeper", "get"), ("zookeeper", "set")


def histogram(*values: int, failures: int = 0) -> LatencyHistogram:
    result = LatencyHistogram()
    for value in values:
        result.record(value)
    for _ in range(failures):
        result.record_failure('NoNodeError: /ü, "quoted"')
    return result


def interval(number: int = 0, stage: str = "measured", ordinal: int = 0, **operations: LatencyHistogram) -> Interval:
    result = Interval(ordinal, stage, number, float(number), number + 1.0)
    for name, recorded in operations.items():
        result.operations["zookeeper", name] = recorded
        result.workers.setdefault("w/1", WorkerShare()).total.add(recorded)
    return result


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def stats(tmp_path: Path) -> Iterator[tuple[StatsFile, Path]]:
    path = tmp_path / "deep" / "er" / "locust-stats.csv"
    file = StatsFile(str(path), WallClock())
    yield file, path
    file.close()


def test_the_statistics_have_the_columns_of_the_contract(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    assert path.read_text().splitlines() == [",".join(STATS_COLUMNS)], "there from the start"
    given = interval(get=histogram(5, 7, failures=1), set=histogram(9))
    given.workers["w/1"].users = 4
    file.write(given)
    rows = rows_of(path)
    assert all(tuple(row) == STATS_COLUMNS for row in rows)
    assert [(row["worker"], row["type"], row["name"]) for row in rows] == [
        (ALL_WORKERS, "zookeeper", "get"), (ALL_WORKERS, "zookeeper", "set"), (ALL_WORKERS, "", AGGREGATED),
        ("w/1", "", AGGREGATED),
    ]  # fmt: skip
    assert [row["requests"] for row in rows] == ["2", "1", "3", "3"]
    assert [row["failures"] for row in rows] == ["1", "0", "1", "1"]
    assert [row["users"] for row in rows] == ["4", "4", "4", "4"]
    assert json.loads(rows[0]["errors"]) == {'NoNodeError: /ü, "quoted"': 1}
    assert rows[1]["errors"] == "{}"
    assert (rows[0]["mean_us"], rows[0]["min_us"], rows[0]["max_us"]) == ("6.0", "5", "7")
    assert [rows[0][name] for name in ("p50_us", "p99_us")] == ["5", "7"]


def test_counts_are_cumulative_within_a_stage_and_begin_anew_with_the_next(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    file.write(interval(0, "warm-up", 0, get=histogram(1, 2)))
    file.write(interval(1, "warm-up", 0))
    file.write(interval(0, "measured", 1, get=histogram(3)))
    file.write(interval(1, "measured", 1, get=histogram(4), set=histogram(failures=1)))
    totals = [(row["stage"], row["requests"], row["failures"]) for row in rows_of(path) if row["name"] == AGGREGATED and
              row["worker"] == ALL_WORKERS]  # fmt: skip
    assert totals == [("warm-up", "2", "0"), ("warm-up", "2", "0"), ("measured", "1", "0"), ("measured", "2", "1")]


def test_users_are_those_that_the_workers_had_and_a_silent_interval_changes_nothing(
    stats: tuple[StatsFile, Path],
) -> None:
    file, path = stats
    for number, (first, second) in enumerate([(3, 5), (None, 5), (0, 0)]):
        given = interval(number, get=histogram(1))
        given.workers = {"w/1": WorkerShare(users=first), "w/2": WorkerShare(users=second)}
        file.write(given)
    assert [row["users"] for row in rows_of(path) if row["worker"] == "w/1"] == ["3", "3", "0"]
    assert [row["users"] for row in rows_of(path) if row["name"] == AGGREGATED and row["worker"] == ALL_WORKERS] == [
        "8",
        "8",
        "0",
    ]


def test_a_figure_that_came_late_is_added(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    for number in (0, 1, 0):
        file.write(interval(number, get=histogram(1)))
    assert rows_of(path)[-1]["requests"] == "3"


def test_an_empty_interval_has_a_row_that_says_so(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    file.write(interval())
    (row,) = rows_of(path)
    assert (row["name"], row["requests"]) == (AGGREGATED, "0")
    assert [row[name] for name in ("mean_us", "min_us", "max_us", *PERCENTILES)] == [""] * (3 + len(PERCENTILES))


def test_only_a_workers_row_has_its_cpu(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    given = interval(get=histogram(1))
    share = given.workers["w/1"]
    share.wall_ns, share.cpu_ns, share.cpu_wait_ns = 1_000_000_000, 250_000_000, None
    file.write(given)
    share.cpu_wait_ns = 50_000_000
    file.write(given)
    cpu = [(row["worker"], row["cpu_percent"], row["cpu_wait_percent"]) for row in rows_of(path) if row["type"] == ""]
    assert cpu == [("all", "", ""), ("w/1", "25.0", ""), ("all", "", ""), ("w/1", "25.0", "5.0")]


def test_an_overflow_is_in_requests_and_named_apart(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    file.write(interval(get=histogram(5, HIGHEST_TRACKABLE_US + 1)))
    row = rows_of(path)[0]
    assert (row["requests"], row["overflows"], row["p99.99_us"]) == ("2", "1", "5")


def test_labels_are_utc_and_as_far_apart_as_the_monotonic_clock_says() -> None:
    wall = WallClock()
    first, second = (datetime.fromisoformat(wall.label(elapsed)) for elapsed in (0.0, 1.25))
    assert second - first == timedelta(seconds=1.25)
    assert first.utcoffset() == timedelta(0)
    assert len(wall.label(0.0)) == len("2026-11-24T03:15:00.000000+00:00")
    assert wall.epoch_s(2.0) - wall.epoch_s(0.0) == pytest.approx(2.0)


def test_the_distributions_are_json_lines_with_the_fields_of_the_contract(tmp_path: Path) -> None:
    file = DistributionFile(str(tmp_path / "d.jsonl"), WallClock())
    file.write(interval(get=histogram(5, 5, 3000, HIGHEST_TRACKABLE_US + 1, failures=2), set=histogram(failures=1)))
    file.write(interval(1))
    file.close()
    get, set_ = (json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines())
    optional = {CENSORED, *CLOCKS}
    assert tuple(get) == tuple(set_) == tuple(field for field in DISTRIBUTION_FIELDS if field not in optional)
    assert get["histogram"] == {"5": 2, "3000": 1}
    assert get["requests"] == sum(get["histogram"].values()) + get["overflows"] == 4
    assert (set_["failures"], set_["requests"], set_["min_us"], set_["histogram"]) == (1, 0, None, {})


def with_clocks() -> LatencyHistogram:
    result = histogram(5, 7)
    for name, value in zip((*CLOCKS, CENSORED), (1000, 2000, 3000, 4_000_000), strict=True):
        result.clock(name).record(value)
    result.suppressed = 3
    return result


def test_the_other_clocks_are_in_all_three_files(tmp_path: Path) -> None:
    wall, paths = WallClock(), [tmp_path / name for name in ("s.csv", "d.jsonl", "l.hlog")]
    series, lines, log = (str(path) for path in paths)
    files = (StatsFile(series, wall), DistributionFile(lines, wall), HistogramLogFile(log, wall))
    for number in range(2):
        for file in files:
            file.write(interval(number, get=with_clocks()))
    for file in files:
        file.close()
    for row in rows_of(paths[0])[-3:]:
        assert (row["suppressed"], row["censored"], row["censored_max_us"]) == ("6", "2", "4000000")
        assert [row[f"{clock}_p99.9_us"] for clock in CLOCKS] == [row[f"{clock}_max_us"] for clock in CLOCKS]
        assert [row[f"{clock}_max_us"] for clock in CLOCKS] == ["1000", "2000", "3000"]
        assert [row[name] for name in ("offered", "missed", "dropped", "queued", "lateness_p50_us", "gc_ms")] == [
            ""
        ] * 6
    line = json.loads(paths[1].read_text().splitlines()[0])
    assert tuple(line) == DISTRIBUTION_FIELDS
    assert (line["suppressed"], line["requests"]) == (3, 2)
    assert line[CENSORED] == {
        "count": 1, "sum_us": 4_000_000, "min_us": 4_000_000, "max_us": 4_000_000, "overflows": 0,
        "histogram": {"3999744": 1},
    }  # fmt: skip
    reader = HistogramLogReader(str(paths[2]), HdrHistogram(1, HIGHEST_TRACKABLE_US, 3))
    tags = []
    while (read := reader.get_next_interval_histogram()) is not None:
        tags.append(read.get_tag())
    reader.close()
    assert tags == ["get", "response:get", "slip:get", "client_delay:get", "censored:get"] * 2


def test_an_operation_of_which_none_ended_has_a_row_and_no_latency(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    waiting = LatencyHistogram()
    waiting.clock(CENSORED).record(2_000_000)
    file.write(interval(get=waiting))
    row = rows_of(path)[0]
    assert [row[name] for name in ("requests", "censored", "censored_max_us", "p99_us")] == ["0", "1", "2000000", ""]


def test_a_workers_own_delay_is_in_its_row(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    for lateness in (histogram(40, 60), histogram(20, 5_000)):
        given = interval(get=histogram(1))
        given.workers["w/1"].lateness = lateness
        given.workers["w/1"].gc_ns = 1_500_000
        file.write(given)
    total, worker = rows_of(path)[-2:]
    own = ("lateness_p50_us", "lateness_max_us", "away_percent", "gc_ms")
    assert [worker[name] for name in own] == ["40", "5000", "25.00", "1.500"]
    assert [total[name] for name in own] == ["", "", "", ""]


def test_a_second_test_has_files_of_its_own() -> None:
    assert path_of_run("/a/b.c/locust-stats.csv", 1) == "/a/b.c/locust-stats.csv"
    assert path_of_run("/a/b.c/locust-stats.csv", 2) == "/a/b.c/locust-stats-2.csv"
    assert path_of_run("stats", 3) == "stats-3"


def test_the_hdr_log_is_read_by_the_hdr_package(tmp_path: Path) -> None:
    path = tmp_path / "latency.hlog"
    file = HistogramLogFile(str(path), WallClock())
    assert path.read_text().splitlines()[-1].startswith('"StartTimestamp"'), "there from the start"
    file.write(interval(0, get=histogram(5, 5, 250_000), set=histogram(failures=1)))
    file.write(interval(0, "warm-up", get=histogram(9)))
    given = interval(1)
    given.operations["zookeeper", "a name, with a comma"] = histogram(7)
    file.write(given)
    file.close()
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_TRACKABLE_US, 3))
    found = []
    while (read := reader.get_next_interval_histogram()) is not None:
        found.append((read.get_tag(), read.get_total_count(), read.get_max_value()))
        assert read.get_end_time_stamp() - read.get_start_time_stamp() == pytest.approx(1000, abs=2)
    reader.close()
    assert [(tag, count) for tag, count, _ in found] == [("get", 3), ("warm-up:get", 1), ("a_name;_with_a_comma", 1)]
    assert 250_000 <= found[0][2] <= 250_250


def test_events_are_there_at_once_and_quoted(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "events.csv"
    file = EventFile(str(path), "master")
    file.write("worker-lost", "w/1", 'it said "no", and went\nsilent')
    rows = rows_of(path)
    file.close()
    assert tuple(rows[0]) == EVENT_COLUMNS
    assert [rows[0][column] for column in EVENT_COLUMNS[1:]] == [
        "master", "worker-lost", "w/1", 'it said "no", and went\nsilent', "", "",
    ]  # fmt: skip
    assert datetime.fromisoformat(rows[0]["timestamp"]).utcoffset() == timedelta(0)


def test_progress_has_the_rate_of_the_last_interval_and_the_counts_of_the_stage(tmp_path: Path) -> None:
    progress, path = Progress(), tmp_path / "progress.json"
    progress.begin_stage("warm-up")
    progress.take(interval(0, "warm-up", get=histogram(1, 2, 3)))
    progress.begin_stage("measured")
    progress.take(interval(5, "warm-up", get=histogram(1)))
    assert (progress.requests, progress.failures) == (0, 0), "the stage before is not counted here"
    progress.take(interval(0, get=histogram(10, 20), set=histogram(30, failures=2)))
    half = interval(1, get=histogram(40))
    half.end_s = half.start_s + 0.5
    progress.take(half)
    progress.users = 3
    progress.write(str(path))
    written = json.loads(path.read_text())
    assert written == {
        "stage": "measured", "time_left_s": None, "now_s": None, "users": 3, "workers": 0, "rate_per_s": 2.0,
        "p99_us": 40, "requests": 4, "failures": 2, "absent": [],
    }  # fmt: skip
    progress.take(interval(2))
    assert (progress.rate_per_s, progress.p99_us) == (0.0, None)
    assert list(tmp_path.iterdir()) == [path], "nothing else is left"


def test_what_a_full_disk_has_held_up_is_complete_when_there_is_room(disk: Path) -> None:
    events = EventFile(str(disk / "events.csv"), "master")
    wall = WallClock()
    stats = StatsFile(str(disk / "s.csv"), wall, events.write)
    distributions = DistributionFile(str(disk / "d.jsonl"), wall, events.write)
    log = HistogramLogFile(str(disk / "l.hlog"), wall, events.write)
    files = (stats, distributions, log)
    ballast = fill(disk)
    for number in range(60):
        events.write("step-start", f"{number}", "x" * 200)
        for file in files:
            file.write(interval(number, get=histogram(*range(10, 10 + number), failures=1)))
    ballast.unlink()
    assert all(file.retry() for file in (*files, events))
    assert sum(file.close() for file in (*files, events)) == 0
    totals = [row for row in rows_of(disk / "s.csv") if row["worker"] == ALL_WORKERS and row["name"] == AGGREGATED]
    assert [int(row["interval"]) for row in totals] == list(range(60))
    assert (totals[-1]["requests"], totals[-1]["failures"]) == (str(sum(range(60))), "60")
    lines = [json.loads(line) for line in (disk / "d.jsonl").read_text().splitlines()]
    assert sum(sum(line["histogram"].values()) for line in lines) == sum(range(60))
    reader = HistogramLogReader(str(disk / "l.hlog"), HdrHistogram(1, HIGHEST_TRACKABLE_US, 3))
    logged = 0
    while (read := reader.get_next_interval_histogram()) is not None:
        logged += read.get_total_count()
    reader.close()
    assert logged == sum(range(60))
    happened = [(row["event"], row["subject"]) for row in rows_of(disk / "events.csv")]
    assert {event for event in happened if event[0] != "step-start"} == {
        (event, name)
        for event in ("write-failed", "write-resumed")
        for name in ("s.csv", "d.jsonl", "l.hlog", "events.csv")
    }
    assert [subject for event, subject in happened if event == "step-start"] == [str(number) for number in range(60)]


def test_progress_on_a_full_disk_is_written_over_and_leaves_nothing(disk: Path) -> None:
    progress = Progress()
    progress.write(str(disk / "progress.json"))
    ballast = fill(disk)
    progress.users = 7
    progress.write(str(disk / "progress.json"))
    assert json.loads((disk / "progress.json").read_text())["users"] == 7
    assert sorted(file.name for file in disk.iterdir()) == ["ballast", "progress.json"]
    progress.absent = ["x" * 5000]
    progress.write(str(disk / "progress.json"))
    assert json.loads((disk / "progress.json").read_text())["absent"] == [], "one that does not fit is left out"
    ballast.unlink()
    progress.write(str(disk / "progress.json"))
    assert json.loads((disk / "progress.json").read_text())["absent"] == ["x" * 5000]


def test_who_is_absent_is_said_until_he_is_back() -> None:
    absent = Absent()
    assert absent.lines(workers=4, lost=0) == []
    for member, state in (("zk1", "follower"), ("zk2", "leader"), ("zk3", "follower")):
        absent.see_member(member, state, "")
    assert absent.lines(workers=4, lost=1) == ["1 of 4 workers lost"]
    absent.see_member("zk2", "", "no connection to the AdminServer")
    assert absent.lines(workers=4, lost=0) == ["zk2 does not answer", "no leader"]
    absent.see_member("zk3", "leader", "")
    assert absent.lines(workers=4, lost=2) == ["2 of 4 workers lost", "zk2 does not answer"]
    absent.see_member(
        "zk1", "", "the answer has no metrics [This ZooKeeper instance is not currently serving requests]"
    )
    assert absent.lines(workers=4, lost=0) == ["zk2 does not answer", "zk1 does not serve"]
    absent.see_member("zk1", "follower", "")
    absent.see_member("zk2", "follower", "")
    assert absent.lines(workers=4, lost=0) == []
    for number in range(1, 6):
        absent.see_member(f"zk{number}", "", "no answer")
    assert absent.lines(workers=4, lost=0) == ["zk1, zk2, zk3 and 2 more do not answer", "no leader"]


def test_an_ensemble_that_never_had_a_leader_has_lost_none() -> None:
    absent = Absent()
    absent.see_member("zk1", "standalone", "")
    assert absent.lines(workers=1, lost=0) == []


def test_users_of_a_lost_worker_count_up_to_its_last_figures(stats: tuple[StatsFile, Path]) -> None:
    file, path = stats
    clock = FakeClock()
    series = Series(1.0, clock.elapsed_s)
    series.begin_stage("measured")

    def report(worker: str, interval: int) -> None:
        clock.now_s = clock.began_s + interval
        series.add_report(
            worker,
            {"stage": "measured", "interval": interval, "records": [], "users": 10, "wall_ns": 1, "cpu_ns": 1}
            | {"cpu_wait_ns": None},
        )

    for number in range(3):
        report("a", number)
        report("b", number)
    for number in range(3, 6):
        report("a", number)
    series.lose("b")
    report("a", 6)
    for each in series.take_complete():
        file.write(each)
    users = [row["users"] for row in rows_of(path) if row["worker"] == ALL_WORKERS]
    assert users == ["20"] * 2 + ["10"] * 4, "its last report was early in interval 2"
    report("b", 7)
    report("a", 7)
    report("a", 8)
    report("b", 8)
    for each in series.take_complete():
        file.write(each)
    assert rows_of(path)[-1]["users"] == "10"
    assert [row["users"] for row in rows_of(path) if row["worker"] == ALL_WORKERS][-1] == "20"
