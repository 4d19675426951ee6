"""Every locustfile of the starter kit, headless, against a real server: it does what it says, and nothing fails."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.locust_processes import LOCUST, LOCUSTFILES
from lab.zookeeper_server import ZooKeeperServers, free_ports
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

OPERATIONS = {
    "locust_connect.py": {"connect"},
    "locust_set.py": {"set"},
    "locust_get.py": {"get"},
    "locust_set_and_get.py": {"get", "incr_set"},
    "locust_create_and_delete.py": {"create_ephemeral", "delete", "count_children"},
    "locust_exists.py": {
        "exists_positive",
        "exists_negative",
        "exists_positive_watch",
        "exists_negative_watch",
    },
    "locust_exists_many.py": {"exists_negative_watch_many"},
    "locust_get_children.py": {"get_children"},
    "locust_get_children2.py": {"get_children2"},
    "locust_watch.py": {"watch"},
    "locust_connect_set_parallel.py": {"connect", "set"},
    "locust_workload.py": {"get", "set"},
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


def test_the_table_above_is_the_starter_kit() -> None:
    assert {*OPERATIONS, "locust_sequence.py"} == {file.name for file in LOCUSTFILES.glob("locust_*.py")}


@pytest.mark.parametrize("locustfile", OPERATIONS)
def test_a_locustfile_runs_without_failures(locustfile: str, servers: ZooKeeperServers, tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    command = [
        *LOCUST, "-f", str(LOCUSTFILES / locustfile), "--headless", "--only-summary", "--hosts", servers.hosts,
        "--users", "8", "--spawn-rate", "8", "--run-time", "2s", "--stop-timeout", "5", "--min-wait", "1",
        "--json-file", str(summary),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ZK_", "KAZOO_", "LOCUST_"))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    entries = {entry["name"]: entry for entry in json.loads(summary.with_suffix(".json").read_text())}
    # One in two hundred; a busy machine may not come to it in two seconds.
    assert OPERATIONS[locustfile] - {"count_children"} <= set(entries) <= OPERATIONS[locustfile], done.stderr
    for name, entry in entries.items():
        assert entry["num_requests"] > 0, name
        assert entry["num_failures"] == 0, done.stderr


def test_the_starter_kit_keeps_the_statistics_of_each(servers: ZooKeeperServers, tmp_path: Path) -> None:
    files = [str(LOCUSTFILES / name) for name in ("locust_get.py", "locust_set.py")]
    script = LOCUSTFILES.parents[1] / "tools" / "run-starter-kit"
    locust = Path(sys.executable).with_name("locust")
    port = str(free_ports(1)[0])
    # The default of seven workers without a wait would starve beside other tests on two cores.
    environment = {
        "ZK_LOCUST_HOSTS": servers.hosts, "ZK_LOCUST_MIN_WAIT": "20", "WORKERS": "2", "USERS": "4",
        "LOCUST_MASTER_NODE_PORT": port, "LOCUST_MASTER_BIND_PORT": port,
    }  # fmt: skip
    (tmp_path / "out").mkdir()
    others = tmp_path / "out" / "set_and_get_stats.csv"  # what a run before has left, of another locustfile
    others.write_text("kept")
    done = subprocess.run(
        [script, locust, tmp_path / "out", "2", "", *files],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("get", "set"):
        folder = tmp_path / "out" / name
        assert (folder / "locust-stats.csv").stat().st_size > 200
        assert f"zookeeper  {name}" in re.sub(" +", "  ", done.stdout)
        assert (folder / "locust.log").read_text().count("reported as ready") == 2
    # Two files of Locust's own for each, as in 2019; there were no failures and no exceptions.
    assert sorted(file.name for file in (tmp_path / "out").glob("*.csv")) == [
        "get_stats.csv", "get_stats_history.csv", "set_and_get_stats.csv", "set_stats.csv", "set_stats_history.csv",
    ]  # fmt: skip
    assert others.read_text() == "kept"


def test_make_starter_kit_takes_the_hosts_of_the_environment() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "starter-kit", "--assume-old", "install"],
        cwd=LOCUSTFILES.parents[1],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"ZK_LOCUST_HOSTS": "zk1:2181,zk2:2181"},
    )
    assert '"zk1:2181,zk2:2181"' in done.stdout
    assert 'WORKERS="7"' in done.stdout


def test_the_starter_kit_says_what_is_missing(tmp_path: Path) -> None:
    script = LOCUSTFILES.parents[1] / "tools" / "run-starter-kit"
    for seconds, hosts, problem in (("1", "", "HOSTS []"), ("soon", "127.0.0.1:1", "STEP [soon]")):
        done = subprocess.run(
            [script, "locust", tmp_path / "out", seconds, hosts],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env={k: v for k, v in os.environ.items() if k != "ZK_LOCUST_HOSTS"},
        )
        assert done.returncode == 2
        assert problem in done.stderr
        assert not (tmp_path / "out").exists()
