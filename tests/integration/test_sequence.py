"""The sequence against a real server: alone and with workers, the steps in order, each counted apart, and its end."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import LOCUSTFILES, LocustMasterAndWorkers, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.needs import require_zookeeper
from zk_locust.load.sequence_steps import STEPS

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def steps_noted(events: Path) -> list[tuple[str, str]]:
    with events.open(newline="") as file:
        return [(row["event"], row["subject"]) for row in csv.DictReader(file) if row["event"].startswith("step-")]


def require_whole(summary: Path, names: list[str]) -> None:
    entries = json.loads(summary.read_text())
    assert {entry["name"].partition("/")[0] for entry in entries} == set(names)
    assert [entry for entry in entries if entry["num_failures"]] == []


def test_all_steps_alone_and_a_report_at_the_end(server: ZooKeeperServers, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    process = start_locust(
        tmp_path / "log", "-f", str(LOCUSTFILES / "locust_sequence.py"), "--headless", "--only-summary",
        "--hosts", server.hosts, "--users", "4", "--spawn-rate", "100", "--min-wait", "5", "--stop-timeout", "3",
        "--bench-step-duration", "1s", "--json-file", str(tmp_path / "summary"), "--report-dir", str(folder),
        "--zk-admin-port", server.members[0].admin_url.rpartition(":")[2],
    )  # fmt: skip
    try:
        assert process.wait(90) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()
    names = [step.name for step in STEPS]
    require_whole(tmp_path / "summary.json", names)
    assert steps_noted(folder / "events.csv") == [(e, n) for n in names for e in ("step-start", "step-end")]
    assert (folder / "report.html").stat().st_size > 10_000
    assert "The report is" in (tmp_path / "log").read_text()


def test_chosen_steps_with_workers(server: ZooKeeperServers, tmp_path: Path) -> None:
    load = LocustMasterAndWorkers(
        tmp_path, "locust_sequence.py", 2, "--hosts", server.hosts, "--users", "4", "--spawn-rate", "100",
        "--min-wait", "5", "--stop-timeout", "3", "--bench-step-duration", "3",
        "--bench-include", "watch_8,set,connect",
        "--stats-collect", "500", "--stats-events", str(tmp_path / "events.csv"),
    )  # fmt: skip
    with load:
        assert load.master.wait(60) == 0, load.log()
    names = ["connect", "set_8", "set_512", "set_8192", "watch_8"]
    require_whole(load.summary, names)
    assert steps_noted(tmp_path / "events.csv") == [(e, n) for n in names for e in ("step-start", "step-end")]


def test_an_unknown_step_is_one_clear_line(server: ZooKeeperServers, tmp_path: Path) -> None:
    process = start_locust(
        tmp_path / "log", "-f", str(LOCUSTFILES / "locust_sequence.py"), "--headless", "--hosts", server.hosts,
        "--bench-include", "sett",
    )  # fmt: skip
    assert process.wait(30) == 2
    assert "--bench-include [sett]: it fits no step" in (tmp_path / "log").read_text()
