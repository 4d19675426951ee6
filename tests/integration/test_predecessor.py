"""Locustfiles as they were written in 2019, unchanged, alone and with workers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import LocustMasterAndWorkers, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

OF_2019 = """\
import os

from zk_locust import ZKLocust, ZKLocustTaskSet, ZKLocustTaskSequence, LocustTimer, KazooLocustClient, ZKLocustClient
from locust_extra.stats import register_extra_stats
from zk_metrics import register_zk_metrics
from zk_locust.ops import ZKGetOp
from zk_locust.task_sets import ZKConnectTaskSet, ZKSetTaskSet

register_extra_stats()
register_zk_metrics()


class Mixed(ZKLocustTaskSet):
    def __init__(self, parent):
        super(Mixed, self).__init__(parent)
        op = ZKGetOp(self.client)
        self.tasks = [op.task, count]


default_nodes = {}


def count(task_set):
    client = task_set.client
    client.ensure_pseudo_root()
    if client not in default_nodes:
        path = client.create_default_node()
        assert path.startswith(client.join_path("/d-")) and path not in default_nodes.values()
        default_nodes[client] = path
    assert not client.is_connection_down()
    assert client.get_zk_client().exists(default_nodes[client]).ephemeralOwner != 0
    with LocustTimer("older", "count_" + os.environ["ZK_LOCUST_BENCH_THE_ANSWER"]) as ctx:
        client.get_zk_client().get_children(client.join_path("/"))
        ctx.success()


class InOrder(ZKLocustTaskSequence):
    def __init__(self, *args, **kwargs):
        super(InOrder, self).__init__(*args, **kwargs)
        self.tasks = [ZKGetOp(self.client, label="ordered").task]


class Set(ZKLocust):
    task_set = ZKSetTaskSet
    min_wait = 5
    max_wait = 10


class Mix(ZKLocust):
    task_set = Mixed
    min_wait = 5


class Ordered(ZKLocust):
    task_set = InOrder
    min_wait = 5


class Connect(ZKLocust):
    task_set = ZKConnectTaskSet
    min_wait = 20

    def __init__(self):
        super(Connect, self).__init__(pseudo_root=None, autostart=False)


class ConnectToo(ZKLocust):
    task_set = ZKConnectTaskSet
    min_wait = 20

    def __init__(self, *args, **kwargs):
        super(ConnectToo, self).__init__(pseudo_root=None, autostart=False)
"""
NAMES = {"set", "get", "count_42", "ordered", "connect"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture
def locustfile(tmp_path: Path) -> Path:
    file = tmp_path / "of_2019.py"
    file.write_text(OF_2019)
    return file


def arguments(server: ZooKeeperServers) -> list[str]:
    return [
        *("--hosts", server.hosts, "--users", "10", "--spawn-rate", "10", "--run-time", "3s", "--stop-timeout", "5"),
        *("--bench-the-answer", "42"),
    ]


def require_all(summary: Path, log: str) -> None:
    entries = {entry["name"]: entry for entry in json.loads(summary.read_text())}
    assert set(entries) == NAMES, log
    for name, entry in entries.items():
        assert entry["num_requests"] > 0, name
        assert entry["num_failures"] == 0, log
    assert entries["set"]["num_requests"] < 2 * 3 * 200 * 1.2, "its min_wait is not kept"
    assert "Traceback" not in log
    assert "Deprecat" not in log


@pytest.mark.parametrize("client", ["kazoo", "zkpython"])
def test_alone(client: str, server: ZooKeeperServers, locustfile: Path, tmp_path: Path) -> None:
    summary, log = tmp_path / "summary", tmp_path / "log"
    process = start_locust(
        log, "-f", str(locustfile), "--headless", "--only-summary", "--json-file", str(summary), "--client", client,
        *(["--kazoo-handler", "gevent-fast"] if client == "kazoo" else []), *arguments(server),
    )  # fmt: skip
    try:
        assert process.wait(40) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    require_all(summary.with_suffix(".json"), log.read_text())


def test_with_workers(server: ZooKeeperServers, locustfile: Path, tmp_path: Path) -> None:
    with LocustMasterAndWorkers(tmp_path, str(locustfile), 2, *arguments(server)) as load:
        assert load.master.wait(60) == 0, load.log()
        for worker in load.workers:
            worker.wait(60)
    require_all(load.summary, "".join(load.log(name) for name in ("master", "worker-1", "worker-2")))
