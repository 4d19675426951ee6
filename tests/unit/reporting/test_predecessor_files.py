"""Reports of what the predecessor's last version wrote: its series, its distributions, its members' metrics.

The files are made by hand after its public sources (github.com/ztzg/zk-locust-tests: locust_extra/stats.py,
zk_metrics/csv.py).
"""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from reporting import judge_run, write_report
from reporting.analyse import series, timeline
from reporting.read import member_metrics, predecessor, run_folder
from reporting.read.problems import ProblemLog
from zk_metrics.columns import LONG_COLUMNS

PERCENTILES = ("50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "100%")
HEAD = (
    "timestamp", "method", "name", "num_requests", "num_failures", "median_response_time", "avg_response_time",
    "min_response_time", "max_response_time", "avg_content_length", "total_rps", "user_count", *PERCENTILES,
)  # fmt: skip
# At each second: requests of get and of set since the start. The statistics are reset after the third.
LOOKS = ((100, 10), (250, 20), (400, 35), (50, 5), (200, 20), (350, 40))


def stamp(second: float) -> str:
    return f"2019-10-01T12:00:{second:09.6f}Z"


def entry(method: str | None, name: str, requests: int, failures: int = 0) -> dict[str, Any]:
    # Half of them took 2 ms, the others 4 ms, but for one of 150 ms.
    times = {2: requests // 2, 4: requests - requests // 2 - 1, 150: 1}
    return {
        "method": method,
        "name": name,
        "num_requests": requests,
        "num_failures": failures,
        "median_response_time": 2,
        "avg_response_time": sum(ms * count for ms, count in times.items()) / requests,
        "min_response_time": 2,
        "max_response_time": 150,
        "avg_content_length": 8.0,
        "total_rps": 150.0,
        "user_count": 32,
        "response_times": times,
    }


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    folder = tmp_path / "my-report-3"
    folder.mkdir()
    with (
        (folder / "locust-stats.csv").open("w", newline="") as file,
        (folder / "locust-distrib.jsonl").open("w") as lines,
    ):
        writer = csv.writer(file)
        writer.writerow(HEAD)
        for second, (gets, sets) in enumerate(LOOKS, start=1):
            for found in (
                entry("get", "", gets),
                entry("set", "mixed", sets, failures=second),
                entry(None, "Total", gets + sets, failures=second),
            ):
                percentiles = dict.fromkeys(PERCENTILES, 4) | {"50%": 2, "99%": 5, "100%": 150}
                row = {"timestamp": stamp(second), **found, **percentiles}
                writer.writerow(["" if row[column] is None else row[column] for column in HEAD])
                lines.write(json.dumps({"timestamp": stamp(second), **found}) + "\n")
    with (folder / "zk-metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["timestamp", "host_port", "version", "server_state", "outstanding_requests", "num_alive_connections",
             "znode_count", "watch_count", "avg_latency", "command", "error"]
        )  # fmt: skip
        for second in range(1, 7):
            told = ["3.6.0-abc, built on 2019", "leader", second, 32, 100, 0, 1.5, "monitor", ""]
            writer.writerow([stamp(second + 0.2), "zk1:2181", *told])
            writer.writerow([stamp(second + 0.3), "zk2:2181", *([""] * 9 if second == 5 else told)])
    return folder


def test_the_results_are_those_after_the_last_reset(old_run: Path) -> None:
    found = judge_run(old_run)
    rows = {row.operation: row for row in found.headline.rows}
    assert set(rows) == {"get", "mixed/set"}
    assert (rows["get"].operations, rows["get"].failures) == (350, 0)
    assert (rows["mixed/set"].operations, rows["mixed/set"].failures) == (40, 6)
    assert found.headline.total.operations == 390
    assert rows["get"].max_us == 150_000
    assert rows["get"].mean_us == pytest.approx(1000 * (2 * 175 + 4 * 174 + 150) / 350)
    assert 2_000 <= (rows["get"].p50_us or 0) < 2_002
    assert 4_000 <= (rows["get"].p99_us or 0) < 4_004
    assert [(span.stage, span.start_s, span.end_s) for span in found.timeline.spans] == [
        ("warm-up", 0, 2), ("measured", 2, 5),
    ]  # fmt: skip


def test_the_series_alone_is_enough(old_run: Path) -> None:
    (old_run / "locust-distrib.jsonl").unlink()
    found = judge_run(old_run)
    rows = {row.operation: row for row in found.headline.rows}
    assert (rows["get"].operations, rows["get"].p50_us, rows["get"].p99_us) == (350, 2_000, 5_000)
    assert rows["get"].p999_us is None
    assert found.headline.measured_s == 3
    assert set(found.run.stats["users"]) == {32}


def test_the_distributions_alone_are_enough(old_run: Path) -> None:
    (old_run / "locust-stats.csv").unlink()
    assert {row.operation: row.operations for row in judge_run(old_run).headline.rows} == {
        "get": 350, "mixed/set": 40,
    }  # fmt: skip


def test_rates_of_each_second_are_differences(old_run: Path) -> None:
    run = run_folder.load(old_run)
    load = series.load_series(run, timeline.build(run)).rates()
    gets = load[(load["operation"] == "get") & (load["time_s"] > 2)]
    assert list(gets["rate_per_s"]) == [50, 150, 150]
    assert set(load["failures_per_s"][load["operation"] == "get"]) == {0}


def test_what_members_told_is_on_the_loads_clock(old_run: Path) -> None:
    found = judge_run(old_run)
    requests = series.members(found.run, found.timeline, "outstanding_requests")
    of_zk1 = requests[requests["member"] == "zk1:2181"]
    assert list(of_zk1["time_s"].round(3)) == [0.2, 1.2, 2.2, 3.2, 4.2]
    assert list(of_zk1["value"]) == [1, 2, 3, 4, 5]
    away = requests[(requests["member"] == "zk2:2181") & requests["value"].isna()]
    assert list(away["time_s"].round(3)) == [4.3]


def test_the_verdict_and_the_page_say_what_is_lacking(old_run: Path) -> None:
    found = judge_run(old_run).verdict
    assert found.verdict == "inconclusive"
    page = write_report(judge_run(old_run)).read_text()
    for text in (predecessor.LACKS, predecessor.LACKS_OF_DISTRIBUTIONS):
        assert text.replace("'", "&#39;") in page
    assert "mixed/set" in page
    assert "zk2:2181" in page


def test_what_workers_told_apart_and_what_is_damaged_is_left_out(old_run: Path) -> None:
    with (old_run / "locust-stats.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    with (old_run / "locust-stats.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*rows[0], "client_id"])
        for row in rows[1:]:
            writer.writerow([*row, ""])
            writer.writerow([*row[:3], "3", "1", *row[5:], "teek_14bd0d51"])
    with (old_run / "locust-distrib.jsonl").open("a") as file:
        file.write('{"timestamp": "2019-10-01T12:00:07Z", "response_times": {"-1": 4}, "num_requests": 1}\n[1]\n')
    found = judge_run(old_run)
    assert found.headline.total.operations == 390
    assert set(found.run.stats["stage"]) == {"warm-up", "measured"}
    assert found.run.stats["requests"].min() > 3, "no row of a single worker"
    assert len([problem for problem in found.run.problems if "the line is left out" in str(problem)]) == 2


def test_metrics_of_older_runs_say_the_same_as_todays(sound_run: Path, tmp_path: Path) -> None:
    today = member_metrics.read(sound_run / "zk-metrics.csv", ProblemLog())
    with (sound_run / "zk-metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    older = tmp_path / "zk-metrics.csv"
    with older.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(LONG_COLUMNS)
        for row in rows:
            label = [row[column] for column in ("timestamp", "elapsed_s", "member")]
            for metric, value in row.items():
                if value and metric not in ("timestamp", "elapsed_s", "member", "detail"):
                    writer.writerow([*label, metric, value, row["detail"]])
    problems = ProblemLog()
    found = member_metrics.read(older, problems)
    assert problems.all() == []
    assert found.equals(today)
