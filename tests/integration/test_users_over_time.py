"""Users that change while a load goes on: by stages, a control program, or a function of a locustfile of 2019."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import LocustMasterAndWorkers, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.needs import require_zookeeper
from zk_locust.contract.events import USER_STAGE_START, USERS_CHANGED

pytestmark = pytest.mark.integration

OF_2019 = """\
import logging
import os

import gevent

from zk_locust import ZKLocust
from locust_extra.stats import register_extra_stats
from locust_extra.control import register_controller
from zk_metrics import register_zk_metrics
from zk_locust.task_sets import ZKSetTaskSet

logging.getLogger('locust_extra.control').setLevel(logging.DEBUG)


def up_and_down(controller):
    controller.wait_initial_hatch_complete()
    for wanted in (6, 3):
        gevent.sleep(1)
        delta = wanted - controller.get_num_clients()
        controller.start_hatching(num_clients=wanted, hatch_rate=delta)


register_zk_metrics()
register_extra_stats()
register_controller(fn=None if os.getenv('LOCUST_EXTRA_CONTROL_PROGRAM') else up_and_down)


class Set(ZKLocust):
    task_set = ZKSetTaskSet
    min_wait = 20
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def recorded(server: ZooKeeperServers, folder: Path) -> list[str]:
    return [
        *("--hosts", server.hosts, "--min-wait", "20ms", "--stop-timeout", "5", "--stats-collect", "250ms"),
        *("--stats-csv", str(folder / "stats.csv"), "--stats-events", str(folder / "events.csv")),
    ]


def changes(folder: Path, event: str) -> list[str]:
    with (folder / "events.csv").open(newline="") as file:
        return [row["detail"] for row in csv.DictReader(file) if row["event"] == event]


def measured_users(folder: Path) -> list[int]:
    """The users of each measured interval."""
    with (folder / "stats.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["worker"] == "all" and row["name"] == "Aggregated"]
    assert all(row["failures"] in ("", "0") for row in rows), rows
    return [int(row["users"]) for row in rows if row["stage"] == "measured" and row["users"]]


def test_workers_follow_stages_of_users(server: ZooKeeperServers, tmp_path: Path) -> None:
    stages = '[{"users":2,"for":"1s"},{"users":6,"for":"1s"},{"from":6,"to":2,"for":"2s"}]'
    given = [*recorded(server, tmp_path), "--client", "native", "--user-stages", stages, "--spawn-rate", "20"]
    with LocustMasterAndWorkers(tmp_path, "locust_get.py", 2, *given) as load:
        assert load.master.wait(60) == 0, load.log()
        for worker in load.workers:
            worker.wait(60)
    assert changes(tmp_path, USER_STAGE_START) == ["2 users for 1 s", "6 users for 1 s", "6 to 2 users for 2 s"]
    users = measured_users(tmp_path)
    assert len(users) in (16, 17)
    assert users[1] == 2
    assert max(users) == 6
    # Locust stops the users of a second at once: 2 when the ramp begins, and 2 a second later.
    ramp = users[users.index(6) :]
    assert ramp == sorted(ramp, reverse=True)
    assert 4 in ramp, users
    assert users[-1] == 2


@pytest.mark.parametrize("program", ["", "sleep 1000\nset_max_num_clients 6\nmultiply_num_clients <>3"])
def test_a_locustfile_of_2019_controls_its_users(server: ZooKeeperServers, tmp_path: Path, program: str) -> None:
    locustfile, log = tmp_path / "locustfile.py", tmp_path / "log"
    locustfile.write_text(OF_2019)
    process = start_locust(
        log, "-f", str(locustfile), "--headless", "--only-summary", *recorded(server, tmp_path),
        *("--users", "2", "--spawn-rate", "10", "--warm-up", "500ms", "--run-time", "3s"),
        *(["--control-program", program] if program else []),
    )  # fmt: skip
    try:
        assert process.wait(40) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    last = 2 if program else 3
    assert changes(tmp_path, USERS_CHANGED)[:2] == [
        "from 2 to 6 users, 4 a second",
        f"from 6 to {last} users, {6 - last} a second",
    ]
    users = measured_users(tmp_path)
    assert users[1] == 2
    assert max(users) == 6
    assert users[-1] <= last + 1
    assert "Traceback" not in log.read_text()
