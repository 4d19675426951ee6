"""The figures are true: three independent counts of the same load are the same number."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from kazoo.client import KazooClient

from lab.locust_processes import LocustMasterAndWorkers
from lab.zookeeper_server import ZooKeeperServers
from reporting.read import slow_operations
from reporting.read.problems import ProblemLog
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture(scope="module")
def run(servers: ZooKeeperServers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of one distributed load with a warm-up."""
    folder = tmp_path_factory.mktemp("run")
    arguments = [
        *("--hosts", servers.hosts, "--pseudo-root", "/truth", "--users", "16", "--spawn-rate", "16"),
        *("--warm-up", "1500ms", "--run-time", "4s", "--stop-timeout", "10", "--stats-collect", "500"),
        *("--stats-csv", str(folder / "stats.csv"), "--stats-distrib", str(folder / "distrib.jsonl")),
        *("--stats-hlog", str(folder / "latency.hlog"), "--stats-events", str(folder / "events.csv")),
        *("--stats-slowest", str(folder / "slow.csv"), "--min-wait", "1", "--max-wait", "3"),
    ]
    with LocustMasterAndWorkers(folder, "locust_set_and_get.py", 2, *arguments) as locust:
        code = locust.master.wait(60)
        assert code == 0, locust.log()
        for worker in locust.workers:
            assert worker.wait(10) == 0
    return folder


def last_rows(folder: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    with (folder / "stats.csv").open(newline="") as file:
        return {(row["stage"], row["worker"], row["name"]): row for row in csv.DictReader(file)}


def distributions(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "distrib.jsonl").read_text().splitlines()]


def requests_of(lines: list[dict[str, Any]], stage: str, name: str) -> int:
    return sum(int(str(line["requests"])) for line in lines if line["stage"] == stage and line["name"] == name)


def test_locusts_summary_the_series_and_the_distributions_have_the_same_number(run: Path) -> None:
    summary = {entry["name"]: entry for entry in json.loads((run / "summary.json").read_text())}
    rows, lines = last_rows(run), distributions(run)
    assert set(summary) == {"get", "incr_set"}
    for name, entry in summary.items():
        assert entry["num_requests"] > 10, "each time that the machine stands still costs some"
        assert entry["num_failures"] == 0
        assert int(rows["measured", "all", name]["requests"]) == entry["num_requests"]
        assert requests_of(lines, "measured", name) == entry["num_requests"]
        measured = [line for line in lines if line["stage"] == "measured" and line["name"] == name]
        counts = sum(sum(line["histogram"].values()) for line in measured)
        assert counts == entry["num_requests"]


def test_workers_and_operations_add_up_to_the_total(run: Path) -> None:
    rows = last_rows(run)
    for stage in ("warm-up", "measured"):
        total = int(rows[stage, "all", "Aggregated"]["requests"])
        assert total == sum(int(rows[stage, "all", name]["requests"]) for name in ("get", "incr_set"))
        assert total == sum(int(rows[stage, worker, "Aggregated"]["requests"]) for worker in ("worker-1", "worker-2"))


def test_acknowledged_sets_are_the_sum_of_the_versions(run: Path, servers: ZooKeeperServers) -> None:
    lines = distributions(run)
    assert not any(line["failures"] for line in lines)
    sets = [line for line in lines if line["name"] == "incr_set"]
    acknowledged = sum(int(line["requests"]) for line in sets)
    # Those that were under way at the end of a stage were acknowledged later: users finish what they do.
    censored = sum(int(line["censored"]["count"]) for line in sets if "censored" in line)
    client = KazooClient(servers.hosts)
    client.start()
    try:
        versions = sum(client.get(f"/truth/{name}")[1].version for name in client.get_children("/truth"))
    finally:
        client.stop()
        client.close()
    assert acknowledged + censored == versions


def test_the_stages_follow_one_another_and_the_measured_one_has_its_length(run: Path) -> None:
    with (run / "events.csv").open(newline="") as file:
        events = [(row["event"], row["subject"]) for row in csv.DictReader(file)]
    stages = [subject for event, subject in events if event == "stage-start"]
    assert stages == ["warm-up", "measured", "cool-down"]
    lines = [line for line in distributions(run) if line["stage"] == "measured" and line["name"] == "get"]
    assert [line["interval"] for line in lines] == list(range(8))
    assert sum(float(str(line["interval_s"])) for line in lines) == pytest.approx(4.0, abs=0.25)


def test_the_hdr_log_holds_the_same_distribution(run: Path) -> None:
    expected: dict[int, int] = {}
    for line in distributions(run):
        if line["stage"] == "measured" and line["name"] == "get":
            for bucket, count in line["histogram"].items():
                expected[int(bucket)] = expected.get(int(bucket), 0) + count
    reference = HdrHistogram(1, 3_600_000_000, 3)
    reader = HistogramLogReader(str(run / "latency.hlog"), reference)
    found = HdrHistogram(1, 3_600_000_000, 3)
    while (histogram := reader.get_next_interval_histogram()) is not None:
        if histogram.get_tag() == "get":
            found.add(histogram)
    reader.close()
    assert found.get_total_count() == sum(expected.values())
    assert all(found.get_count_at_value(bucket) == count for bucket, count in expected.items())


def test_the_slowest_operation_of_each_interval_is_there_with_its_times_session_and_member(
    run: Path, servers: ZooKeeperServers
) -> None:
    problems = ProblemLog()
    slow = slow_operations.read(run / "slow.csv", problems)
    assert problems.all() == []
    slowest: dict[tuple[str, int], int] = {}
    for line in distributions(run):
        if line["max_us"] is not None:
            place = line["stage"], line["interval"]
            slowest[place] = max(slowest.get(place, 0), line["max_us"])
    succeeded = slow[slow["outcome"] == "ok"]
    found: dict[tuple[str, int], int] = {}
    for stage, number, latency_us in zip(
        *(succeeded[name] for name in ("stage", "interval", "latency_us")), strict=True
    ):
        found[stage, int(number)] = max(found.get((stage, int(number)), 0), int(latency_us))
    assert found == slowest
    kept = slow.groupby(["stage", "interval", "worker"]).size()
    assert kept.max() == 20, "of each worker and interval"
    assert (slow["sent_s"] <= slow["handled_s"]).all()
    assert slow["due_s"].isna().all(), "a closed loop"
    measured = slow[(slow["stage"] == "measured") & (slow["interval"] == 3)]
    assert set(measured["worker"]) == {"worker-1", "worker-2"}
    begin_s = {
        line["interval"]: line["elapsed_s"] - line["interval_s"]
        for line in distributions(run)
        if line["stage"] == "measured"
    }
    # A worker's interval begins when it hears of the stage, a little later than the master's.
    assert measured["handled_s"].between(begin_s[3] - 0.1, begin_s[4] + 0.5).all(), (
        "ended in the interval, on one clock"
    )
    # The first byte of a session's id is the server id of the member that has made it.
    of_members = {member.address: member.server_id for member in servers.members}
    assert [int(session, 16) >> 56 for session in slow["session"]] == [of_members[at] for at in slow["member"]]
    assert len(set(slow["session"])) > 10
    assert not (slow.groupby("session")["worker"].nunique() > 1).any()


def test_every_worker_reports_its_cpu(run: Path) -> None:
    with (run / "stats.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["worker"].startswith("worker-")]
    assert rows
    assert all(0 <= float(row["cpu_percent"]) < 200 for row in rows if row["cpu_percent"])
    assert {row["worker"] for row in rows if row["cpu_percent"]} == {"worker-1", "worker-2"}
