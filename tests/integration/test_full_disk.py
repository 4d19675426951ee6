"""A load whose master's disk is full for a while: it goes on, and no figure is lost."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import LocustMasterAndWorkers
from lab.zookeeper_server import ZooKeeperServers
from reporting import judge_run
from tests.needs import require_zookeeper
from tests.small_disk import fill, small_disk
from tests.waiting import until

pytestmark = pytest.mark.integration

FILES = {
    "stats-csv": "locust-stats.csv",
    "stats-distrib": "locust-distrib.jsonl",
    "stats-hlog": "latency.hlog",
    "stats-events": "events.csv",
    "stats-progress": "progress.json",
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 4 * 1024 * 1024) as folder:
        yield folder


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def recorded(locust: LocustMasterAndWorkers, name: str) -> int:
    """Return how many operations a worker says that it has recorded."""
    found = re.findall(r"Recorded here in the stage measured: (\d+) successful operations", locust.log(name))
    assert len(found) == 1, locust.log(name)
    return int(found[0])


def test_on_a_full_disk_the_load_goes_on_and_no_figure_is_lost(
    servers: ZooKeeperServers, disk: Path, tmp_path: Path
) -> None:
    files = [word for flag, name in FILES.items() for word in (f"--{flag}", str(disk / name))]
    flags = [
        *("--hosts", servers.hosts, "--users", "4", "--spawn-rate", "4", "--run-time", "7s", "--client", "native"),
        *("--min-wait", "1", "--stats-collect", "200", *files),
    ]
    with LocustMasterAndWorkers(tmp_path, "locust_set_and_get.py", 2, *flags) as locust:
        stats = disk / "locust-stats.csv"
        until(lambda: stats.exists() and stats.read_text().count("\n") > 10, limit_s=60, explain=locust.log)
        ballast = fill(disk)
        size = stats.stat().st_size
        time.sleep(2.5)
        assert stats.stat().st_size - size < 8192, "the disk was full"
        assert stats.read_text().endswith("\n")
        assert locust.master.poll() is None
        ballast.unlink()
        assert locust.master.wait(60) == 0, locust.log()
        for worker in locust.workers:
            worker.wait(30)
        assert "Traceback" not in locust.log()
        by_workers = sum(recorded(locust, f"worker-{number}") for number in (1, 2))
    evaluated = judge_run(disk)
    assert [str(problem) for problem in evaluated.run.problems if problem.lost_figures] == []
    assert evaluated.headline.total.operations == by_workers > 100
    print(f"{by_workers} operations recorded by the workers, 0 missing in the files")
    measured = evaluated.run.stats[evaluated.run.stats["stage"] == "measured"]
    assert sorted(set(measured["interval"])) == list(range(int(measured["interval"].max()) + 1))
    events = evaluated.run.events
    for event in ("write-failed", "write-resumed"):
        assert {"locust-stats.csv", "locust-distrib.jsonl"} <= set(events[events["event"] == event]["subject"])
    assert json.loads((disk / "progress.json").read_text())["stage"] == "ended"
    (reason,) = (reason for reason in evaluated.verdict.reasons if reason.rule == "disk-full")
    assert reason.severity == "note"
