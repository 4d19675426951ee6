"""An open loop on real processes: the rate, the sum, and a worker that comes late."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import LocustMasterAndWorkers, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

RATE, MEASURED_S, USERS = 400, 5, 12


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def last_rows(folder: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    with (folder / "stats.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["interval"]))  # late figures of earlier ones follow
    return {(row["stage"], row["worker"], row["name"]): row for row in rows}


def numbers(row: dict[str, str]) -> dict[str, int]:
    names = ("requests", "failures", "suppressed", "censored", "offered", "missed", "dropped", "queued")
    return {name: int(row[name] or 0) for name in names}


def sent(found: dict[str, int]) -> int:
    return found["offered"] - found["missed"] - found["dropped"] - found["queued"]


def done(found: dict[str, int]) -> int:
    return found["requests"] + found["failures"] + found["suppressed"] + found["censored"]


def _median(times: dict[str, int]) -> float:
    """Return the median of times, by the ceiling of its rank. JSON has made their keys text."""
    ordered = [float(text) for text in sorted(times, key=float) for _ in range(times[text])]
    return ordered[(len(ordered) + 1) // 2 - 1]


def arguments(servers: ZooKeeperServers, folder: Path) -> list[str]:
    return [
        *("--hosts", servers.hosts, "--pseudo-root", "/open", "--client", "native", "--users", str(USERS)),
        *("--spawn-rate", str(USERS), "--run-time", f"{MEASURED_S}s", "--stop-timeout", "10", "--stats-collect", "500"),
        *("--stats-csv", str(folder / "stats.csv"), "--stats-events", str(folder / "events.csv")),
        *("--arrival-rate", str(RATE)),
    ]


def test_a_worker_that_comes_late_misses_its_share_and_the_sum_is_exact(
    servers: ZooKeeperServers, tmp_path: Path
) -> None:
    more = ["--warm-up", "1s", "--arrival-workers", "4"]
    with LocustMasterAndWorkers(tmp_path, "locust_set_and_get.py", 3, *arguments(servers, tmp_path), *more) as locust:
        events = tmp_path / "events.csv"
        deadline = time.monotonic() + 60
        while not events.exists() or "stage-start,measured" not in events.read_text():
            assert time.monotonic() < deadline, locust.log()
            time.sleep(0.05)
        locust.add_worker()
        assert locust.master.wait(60) == 0, locust.log()
        for worker in locust.workers:
            assert worker.wait(20) == 0
    rows = last_rows(tmp_path)
    everything = numbers(rows["measured", "all", "Aggregated"])
    assert everything["offered"] == RATE * MEASURED_S, locust.log()
    assert 0 < everything["missed"] < RATE * MEASURED_S / 4
    stages = [numbers(rows[key]) for key in rows if key[1:] == ("all", "Aggregated")]
    assert sum(map(done, stages)) == sum(map(sent, stages)), stages
    assert done(everything) == sent(everything)
    late = numbers(rows["measured", "worker-4", "Aggregated"])
    assert late["offered"] == RATE * MEASURED_S / 4
    assert late["missed"] == everything["missed"]
    assert 0 < late["requests"] <= late["offered"] - late["missed"]
    # Locust's own summary shows the response times too.
    for entry in json.loads(locust.summary.read_text()):
        row = rows["measured", "all", entry["name"]]
        assert entry["num_requests"] == int(row["requests"])
        assert entry["max_response_time"] == int(row["response_max_us"]) / 1000
        assert 1000 * _median(entry["response_times"]) == pytest.approx(int(row["response_p50_us"]), rel=2e-3)
    # All workers are on one grid: the warm-up and the measured stage have the same rate.
    assert numbers(rows["warm-up", "all", "Aggregated"])["offered"] == RATE


def test_a_local_locust_runs_stages(servers: ZooKeeperServers, tmp_path: Path) -> None:
    stages = '[{"rate":200,"for":"1s"},{"from":200,"to":600,"for":"2s"},{"rate":100,"for":"1s"}]'
    given = arguments(servers, tmp_path)[:-2]
    log = tmp_path / "locust.log"
    locust = start_locust(
        log, "-f", "zk_locust/locustfiles/locust_get.py", "--headless", *given, "--arrival-stages", stages
    )
    assert locust.wait(60) == 0, log.read_text()
    row = last_rows(tmp_path)["measured", "all", "Aggregated"]
    found = numbers(row)
    assert found["offered"] == 200 + 800 + 100
    assert found["missed"] == 0
    assert done(found) == sent(found)
    with (tmp_path / "events.csv").open(newline="") as file:
        details = [row["detail"] for row in csv.DictReader(file) if row["event"] == "arrival-stage-start"]
    assert details == ["200/s for 1 s", "200/s to 600/s for 2 s", "100/s for 1 s"]
    assert "12 sessions carry 600/s only while an operation takes at most 20 ms" in log.read_text()
