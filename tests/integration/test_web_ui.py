"""A load that is driven from Locust's own page."""

import csv
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.locust_processes import start_locust
from lab.zookeeper_server import ZooKeeperServers, free_ports
from tests import waiting
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

SECRET = "swordfish"
LOCUSTFILE = """
from zk_locust.contract import parameters

parameters.PARAMETERS += (
    parameters.Parameter("--password", "ZK_LOCUST_PASSWORD", str, None, "a secret", "Client", secret=True),
)
from zk_locust.locustfiles.locust_set import *
"""


until = partial(waiting.until, limit_s=30.0)


class Page:
    """Locust's page, as a browser uses it."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def text(self, path: str = "/") -> str:
        answer = self._session.get(self._base + path, timeout=60)
        answer.raise_for_status()
        return answer.text

    def is_there(self) -> bool:
        try:
            return bool(self.text())
        except requests.RequestException:
            return False

    def post(self, path: str, **form: str) -> dict[str, Any]:
        answer = self._session.post(self._base + path, data=form, timeout=30)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    def stats(self) -> dict[str, Any]:
        content: dict[str, Any] = self._session.get(self._base + "/stats/requests", timeout=60).json()
        return content

    # The page keeps its answers for two seconds: what belongs together is read from one.

    def runs_with(self, users: int) -> bool:
        """Whether so many users run and have had some answers."""
        stats = self.stats()
        return stats["state"] == "running" and stats["user_count"] == users and sets_of(stats) > 50

    def shows(self, sets: int) -> bool:
        """Whether nobody runs any more, and so many sets were counted."""
        stats = self.stats()
        return stats["user_count"] == 0 and sets_of(stats) == sets


def sets_of(stats: dict[str, Any]) -> int:
    return sum(int(entry["num_requests"]) for entry in stats["stats"] if entry["name"] == "set")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_load_is_started_and_stopped_twice(server: ZooKeeperServers, tmp_path: Path, workers: int) -> None:
    locustfile = tmp_path / "locustfile.py"
    locustfile.write_text(LOCUSTFILE)
    web_port, port = free_ports(2)
    common = ["-f", str(locustfile), "--stop-timeout", "1"]
    master = [*common, "--web-host", "127.0.0.1", "--web-port", str(web_port), "--stats-collect", "300"]
    if workers:
        master += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
    for flag, name in (("csv", "stats.csv"), ("events", "events.csv")):
        master += [f"--stats-{flag}", str(tmp_path / name)]
    secret = {"ZK_LOCUST_PASSWORD": SECRET}  # is in no message to the workers: each needs it itself
    processes = [start_locust(tmp_path / "master.log", *master, environment=secret)]
    for number in range(workers):
        worker = [*common, "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]
        processes.append(start_locust(tmp_path / f"worker-{number}.log", *worker, environment=secret))
    page = Page(web_port)
    try:
        until(page.is_there)
        if workers:
            until(lambda: len(page.stats()["workers"]) == workers)
        for path in ("/", "/stats/requests", "/logs", "/exceptions"):
            assert SECRET not in page.text(path)
        html = page.text()
        assert "pseudo_root" in html
        assert "password" not in html.lower()

        form = {"user_count": "3", "spawn_rate": "3", "min_wait": "2.0"}
        page.post("/swarm", **form)
        until(lambda: "The load is not started: --hosts []" in (tmp_path / "master.log").read_text())
        assert page.stats()["user_count"] == 0
        page.post("/swarm", **form, hosts=server.hosts, max_wait="soon")
        until(lambda: "The load is not started: --max-wait [soon]" in (tmp_path / "master.log").read_text())

        for file in ("stats.csv", "stats-2.csv"):
            page.post("/swarm", **form, hosts=server.hosts, max_wait="4")
            until(lambda: page.runs_with(3))
            page.post("/stop")
            measured = [row for row in rows(tmp_path / file) if row["stage"] == "measured" and row["name"] == "set"]
            until(lambda: page.shows(int(measured[-1]["requests"])), limit_s=5)  # noqa: B023 - it is called here
            if workers:
                until(lambda: [worker["state"] for worker in page.stats()["workers"]] == ["ready"])
        assert SECRET not in page.text("/stats/report")
        processes[0].send_signal(signal.SIGTERM)
        for process in processes:
            assert process.wait(20) == 0
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait(60)
    events = [(row["event"], row["subject"]) for row in rows(tmp_path / "events.csv")]
    cool_down = [("stage-start", "cool-down")] if workers else []
    load = [("stage-start", "measured"), *cool_down, ("run-stopped", "load")]
    assert [event for event in events if not event[0].startswith("worker")] == [*load, ("run-start", "2"), *load]
    assert not [event for event in events if event[0] == "worker-lost"]
    for file in ("stats.csv", "stats-2.csv"):
        totals = [row for row in rows(tmp_path / file) if row["worker"] == "all" and row["name"] == "Aggregated"]
        elapsed = [float(row["elapsed_s"]) for row in totals]
        assert elapsed == sorted(elapsed), "the series goes on in time"
        assert elapsed[0] < 5, "and begins with its load"
        intervals = [int(row["interval"]) for row in totals if row["stage"] == "measured"]
        assert intervals.count(0) == 1, "each load has its own file"
    for name in ["master", *(f"worker-{number}" for number in range(workers))]:
        log = (tmp_path / f"{name}.log").read_text()
        assert SECRET not in log
        assert "Traceback" not in log
