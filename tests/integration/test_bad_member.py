"""A member behind a proxy that stalls, dribbles, sends frames of 2^31-1 bytes and drops each session after a second.

A real server, a real Locust load with each client at the same time: the load survives and ends by itself.
"""

import csv
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.integration.bad_proxy import HABITS, BadProxy
from tests.integration.clients import require_library
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

CLIENTS = ("kazoo", "native", "libzookeeper")
USERS = 8
RUN_TIME_S = 10
# A worker of this load has some 100 MB; the announced frame would be 2,000 more.
MOST_RESIDENT_MB = 400


@dataclass
class Load:
    """One Locust process, and what it has used at most."""

    client: str
    folder: Path
    process: "subprocess.Popen[bytes]"
    resident_mb: float = 0.0

    @property
    def log(self) -> str:
        return (self.folder / "locust.log").read_text(errors="replace")

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return requests, and failures among them, by name."""
        with (self.folder / "locust_stats.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {row["Name"]: (int(row["Request Count"]), int(row["Failure Count"])) for row in rows}


def begin(client: str, proxy: BadProxy, folder: Path) -> Load:
    folder.mkdir()
    process = start_locust(
        folder / "locust.log", "-f", str(LOCUSTFILES / "locust_set_and_get.py"), "--headless", "--only-summary",
        "--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", f"{RUN_TIME_S}s", "--stop-timeout", "5",
        "--csv", str(folder / "locust"), "--hosts", proxy.address, "--client", client, "--pseudo-root", f"/{client}",
        "--kazoo-timeout-s", "2s", "--operation-timeout", "700ms", "--min-wait", "5ms", "--max-wait", "10ms",
    )  # fmt: skip
    return Load(client, folder, process)


def test_a_load_survives_a_member_behind_a_bad_proxy_with_each_client(tmp_path: Path) -> None:
    require_zookeeper()
    require_library()
    with (
        ZooKeeperServers(1, tmp_path / "zookeeper") as servers,
        BadProxy(servers.members[0].client_port) as proxy,
    ):
        loads = [begin(client, proxy, tmp_path / client) for client in CLIENTS]
        try:
            deadline = time.monotonic() + 90
            while any(load.process.poll() is None for load in loads):
                assert time.monotonic() < deadline, "a load hangs\n" + "\n".join(load.log for load in loads)
                for load in loads:
                    if load.process.poll() is None:
                        used = psutil.Process(load.process.pid).memory_info().rss / 1e6
                        load.resident_mb = max(load.resident_mb, used)
                time.sleep(0.1)
        finally:
            for load in loads:
                load.process.kill()
                load.process.wait(60)
        assert servers.members[0].mode() == "standalone", "the server itself must have survived"
    assert min(proxy.taken[habit] for habit in HABITS) >= len(CLIENTS), proxy.taken
    for load in loads:
        print(f"{load.client}: exit code {load.process.returncode}, {load.resident_mb:.0f} MB, {load.counts()}")
    for load in loads:
        requests, failures = load.counts()["Aggregated"]
        # Locust's code for failures: not that of a signal or of an error of its own.
        assert load.process.returncode == 1, load.log
        assert 0 < failures < requests, load.log
        assert load.resident_mb < MOST_RESIDENT_MB, f"{load.client} has used {load.resident_mb:.0f} MB"
        assert "Traceback" not in load.log, load.log
