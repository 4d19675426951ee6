"""A locustfile with a dispatcher as they were written in 2019, unchanged, with scripts and real members."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

OF_2019 = """\
import logging
import os

from zk_locust import ZKLocust
from locust_extra.stats import register_extra_stats
from zk_metrics import register_zk_metrics
from zk_locust.task_sets import ZKSetTaskSet
from zk_dispatch import register_dispatcher

logging.basicConfig()
logging.getLogger('zk_dispatch').setLevel(logging.DEBUG)

register_extra_stats()
register_zk_metrics()


def messing(controller, members, **kwargs):
    controller.wait_initial_hatch_complete()
    while True:
        controller.disable_leader(members)
        controller.sleep_ms(500)
        controller.enable_all(members)
        controller.sleep_ms(100000)


if os.getenv('ZK_DISPATCH_PROGRAM'):
    register_dispatcher()
else:
    register_dispatcher(fn=messing)


class Set(ZKLocust):
    task_set = ZKSetTaskSet
"""
PROGRAM = "poll_initial_hatch_complete 500\nsleep 200\ndisable 1\nsleep 100000"


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.mark.parametrize("program", ["", PROGRAM], ids=["function", "program"])
def test_members_are_disabled_and_enabled_by_scripts(ensemble: ZooKeeperServers, tmp_path: Path, program: str) -> None:
    locustfile, log, called = tmp_path / "of_2019.py", tmp_path / "log", tmp_path / "called"
    locustfile.write_text(OF_2019)
    for member in ensemble.members:
        assert member.process is not None
        (tmp_path / str(member.client_port)).write_text(str(member.process.pid))
    script = (
        f'echo {{}} "$ZK_MEMBER_PORT $ZK_MEMBER_STATE" >>{called}; kill -{{}} "$(cat {tmp_path}/"$ZK_MEMBER_PORT")"'
    )
    leader = ensemble.members[ensemble.leader()]
    process = start_locust(
        log, "-f", str(locustfile), "--headless", "--only-summary", "--hosts", ensemble.hosts, "--users", "2",
        *("--spawn-rate", "10", "--run-time", "4s", "--min-wait", "20ms", "--ignore-connection-down"),
        *("--stats-collect", "250ms", "--stats-events", str(tmp_path / "events.csv")),
        *(["--zk-dispatch-program", program] if program else []),
        environment={
            "ZK_DISPATCH_DISABLE_SCRIPT": script.format("disable", "STOP"),
            "ZK_DISPATCH_ENABLE_SCRIPT": script.format("enable", "CONT"),
        },
    )  # fmt: skip
    try:
        code = process.wait(60)
    finally:
        process.kill()
        process.wait()
        for index in range(3):
            ensemble.resume(index)
    text = log.read_text()
    assert code in (0, 1), text  # 1: operations have failed meanwhile
    assert "Traceback" not in text
    met = ensemble.members[1] if program else leader
    calls = [line.split() for line in called.read_text().splitlines()]
    # At the end of the load at the latest.
    assert [(call[0], call[1]) for call in calls] == [
        ("disable", str(met.client_port)),
        ("enable", str(met.client_port)),
    ]
    assert calls[0][2] in ("leader", "follower")
    with (tmp_path / "events.csv").open(newline="") as file:
        rows = [(row["event"], row["subject"]) for row in csv.DictReader(file) if row["event"].startswith("member-")]
    assert rows == [("member-disabled", met.address), ("member-enabled", met.address)]
    for index in range(3):
        ensemble.wait_ready(index)


def test_a_dispatcher_without_scripts_does_not_start(ensemble: ZooKeeperServers, tmp_path: Path) -> None:
    locustfile, log = tmp_path / "of_2019.py", tmp_path / "log"
    locustfile.write_text(OF_2019)
    process = start_locust(log, "-f", str(locustfile), "--headless", "--hosts", ensemble.hosts, "--run-time", "1s")
    assert process.wait(60) == 2, log.read_text()
    assert (
        "zk-locust: --zk-dispatch-disable-script []: a dispatcher runs the shell scripts of ZK_DISPATCH_DISABLE_SCRIPT"
        in (log.read_text())
    )
