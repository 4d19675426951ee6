"""An ensemble and a load host on this machine, driven by playbooks."""

import contextlib
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from lab.plays import Fleet, Play
from lab.zookeeper_server import QUICK_JVM, four_letters, free_ports
from zk_locust.contract.member_answers import parse_srvr

MEMBERS = ("zk1", "zk2", "zk3")
# A load at full speed would take both cores from the tests beside it.
SMALL_SCENARIO = {
    "locustfile": "locust_get.py",
    "users": 2,
    "spawn_rate": 2,
    "warmup": "1s",
    "run_time": "2s",
    "parameters": {"min-wait": "10ms", "max-wait": "20ms"},
}


@dataclass
class LocalFleet(Fleet):
    """Members and a load host with ports and folders of their own, and the playbooks that run with them."""

    scenario: dict[str, Any] = field(default_factory=lambda: SMALL_SCENARIO)
    members: tuple[str, ...] = MEMBERS

    def __post_init__(self) -> None:
        *ports, master_port = free_ports(4 * len(self.members) + 1)
        hosts = {
            name: {
                "zookeeper_client_port": ports[4 * place],
                "zookeeper_peer_port": ports[4 * place + 1],
                "zookeeper_election_port": ports[4 * place + 2],
                "zookeeper_admin_port": ports[4 * place + 3],
            }
            for place, name in enumerate(self.members)
        }
        self.inventory = {
            "all": {
                "vars": {
                    "ansible_connection": "local",
                    "ansible_python_interpreter": sys.executable,
                    "benchmark_results_dir": str(self.results),
                    "benchmark_scenario": str(self.folder / "small.yml"),
                    "locust_master_address": "127.0.0.1",
                    "locust_master_bind_host": "127.0.0.1",
                    "locust_master_port": master_port,
                    "load_host_state_dir": str(self.state / "load"),
                    "zookeeper_address": "127.0.0.1",
                    "zookeeper_bind_address": "127.0.0.1",
                    "zookeeper_heap": "64m",
                    "zookeeper_java_options": [*QUICK_JVM],
                    "zookeeper_keep_running": False,
                    "zookeeper_state_dir": str(self.state),
                    "zookeeper_start_timeout_s": 40,
                }
            },
            "zookeeper": {"hosts": hosts},
            "locust_master": {"hosts": {"load1": {}}},
            "locust_workers": {"hosts": {"load1": {}}},
        }
        (self.folder / "small.yml").write_text(yaml.safe_dump(self.scenario))

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def port(self, name: str, kind: str = "client") -> int:
        return int(self.inventory["zookeeper"]["hosts"][name][f"zookeeper_{kind}_port"])

    def provision(self, *arguments: str, **extra: Any) -> Play:
        """Provision the members only."""
        return self.play("provision", "--limit", "zookeeper", *arguments, **extra)

    def teardown(self) -> Play:
        """Remove the members only."""
        return self.play("teardown", "--limit", "zookeeper")

    def modes(self) -> dict[str, str]:
        """Return the mode of each member; empty if it does not answer."""
        names = self.inventory["zookeeper"]["hosts"]
        return {name: parse_srvr(four_letters(self.port(name), "srvr")).mode for name in names}

    def pids(self) -> dict[str, int]:
        """Return the process ids in the members' pid files."""
        files = {name: self.state / "zookeeper" / name / "zookeeper.pid" for name in self.members}
        return {name: int(file.read_text().split()[0]) for name, file in files.items() if file.exists()}

    def processes(self) -> list[psutil.Process]:
        """Return all processes that use this fleet's folders: members, supervisors, masters, workers."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = [*process.cmdline(), process.cwd()]
                if any(str(self.state) in word for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def load_processes(self) -> list[psutil.Process]:
        """Return the processes of the load: neither members nor their samplers."""
        sampler = str(self.state / "zookeeper")
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end meanwhile
                if "java" not in process.name() and not any(sampler in word for word in process.cmdline()):
                    found.append(process)
        return found

    def end(self) -> None:
        """Kill what a failed test has left, and remove the folder."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def local_fleet(scenario: dict[str, Any] | None = None, members: tuple[str, ...] = MEMBERS) -> Iterator[LocalFleet]:
    """Give a fleet that is not provisioned, and remove it afterwards."""
    # Members run as a user who may not enter pytest's temporary folder.
    folder = Path(tempfile.mkdtemp(prefix="zk-locust-test-"))
    folder.chmod(0o755)
    fleet = LocalFleet(folder, scenario=scenario or SMALL_SCENARIO, members=members)
    try:
        yield fleet
    finally:
        fleet.end()


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Hold a port of loopback; the value is its number."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]
