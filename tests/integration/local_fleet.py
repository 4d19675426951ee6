"""An ensemble and a load host on this machine, driven by the playbooks that users call."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.integration.zookeeper_server import four_letters, free_ports

PROJECT = Path(__file__).parents[2]
MEMBERS = ("zk1", "zk2", "zk3")
TIMEOUT_S = 240
SMALL_SCENARIO = {"locustfile": "locust_get.py", "users": 2, "spawn_rate": 2, "warmup": "1s", "run_time": "2s"}


@dataclass(frozen=True)
class Play:
    """One run of ansible-playbook."""

    code: int
    screen: str
    seconds: float

    @property
    def changed(self) -> int:
        return sum(int(count) for count in re.findall(r"changed=(\d+)", self.screen))

    def succeeded(self) -> "Play":
        assert self.code == 0, self.screen
        return self

    def failed(self) -> "Play":
        assert self.code != 0, self.screen
        return self


@dataclass
class LocalFleet:
    """Three members and a load host, with ports and folders of their own, and what playbooks do to them."""

    folder: Path
    scenario: dict[str, Any] = field(default_factory=lambda: SMALL_SCENARIO)
    inventory: dict[str, Any] = field(default_factory=dict)
    project: Path = PROJECT
    python: str = sys.executable

    def __post_init__(self) -> None:
        *ports, master_port = free_ports(4 * len(MEMBERS) + 1)
        hosts = {
            name: {
                "zookeeper_client_port": ports[4 * place],
                "zookeeper_peer_port": ports[4 * place + 1],
                "zookeeper_election_port": ports[4 * place + 2],
                "zookeeper_admin_port": ports[4 * place + 3],
            }
            for place, name in enumerate(MEMBERS)
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

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def port(self, name: str, kind: str = "client") -> int:
        return int(self.inventory["zookeeper"]["hosts"][name][f"zookeeper_{kind}_port"])

    def play(self, playbook: str, *arguments: str, **extra: Any) -> Play:
        """Run a playbook; `extra` are variables that go before the inventory's."""
        started = time.monotonic()
        done = subprocess.run(
            self._command(playbook, arguments, extra),
            cwd=PROJECT,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Play(done.returncode, done.stdout, time.monotonic() - started)

    def begin(self, playbook: str, *arguments: str, **extra: Any) -> "subprocess.Popen[bytes]":
        """Start a playbook, and return while it runs; `screen` has what it prints."""
        with self._screen.open("wb") as screen:
            return subprocess.Popen(
                self._command(playbook, arguments, extra),
                cwd=PROJECT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def screen(self) -> str:
        """Return what the playbook that was begun last has printed so far."""
        return self._screen.read_text(errors="replace")

    @staticmethod
    def end_process(process: "subprocess.Popen[bytes]") -> None:
        """End a playbook that was begun, where a failed test has left it."""
        if process.poll() is None:
            process.kill()
        process.wait(10)

    @property
    def _screen(self) -> Path:
        return self.folder / "screen-of-the-last.txt"

    def _command(self, playbook: str, arguments: tuple[str, ...], extra: dict[str, Any]) -> list[str]:
        file = self.folder / "hosts.yml"
        file.write_text(yaml.safe_dump(self.inventory))
        command = [str(Path(self.python).with_name("ansible-playbook")), f"playbooks/{playbook}.yml", "-i", str(file)]
        command += ["--extra-vars", yaml.safe_dump(extra, default_flow_style=True)] if extra else []
        return [*command, *arguments]

    @staticmethod
    def _environment() -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        # Whatever ansible.cfg hides from users, the tests read.
        return environment | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_DISPLAY_OK_HOSTS": "1", "COLUMNS": "200"}

    def provision(self, *arguments: str, **extra: Any) -> Play:
        """Provision the members only."""
        return self.play("provision", "--limit", "zookeeper", *arguments, **extra)

    def teardown(self) -> Play:
        """Remove the members only."""
        return self.play("teardown", "--limit", "zookeeper")

    def modes(self) -> dict[str, str]:
        """Return what each member says that it is; empty if it does not answer."""
        answers = {name: four_letters(self.port(name), "srvr") for name in self.inventory["zookeeper"]["hosts"]}
        return {name: (re.findall(r"Mode: (\S+)", answer) or [""])[0] for name, answer in answers.items()}

    def pids(self) -> dict[str, int]:
        """Return the process ids that the members' pid files name."""
        files = {name: self.state / "zookeeper" / name / "zookeeper.pid" for name in MEMBERS}
        return {name: int(file.read_text().split()[0]) for name, file in files.items() if file.exists()}

    def runs(self) -> set[str]:
        """Return the ids of the finished runs."""
        return {folder.name for folder in self.results.glob("2*")} if self.results.is_dir() else set()

    def processes(self) -> list[psutil.Process]:
        """Return all processes that work in this fleet's folders: members, supervisors, masters, workers."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = [*process.cmdline(), process.cwd()]
                if any(str(self.state) in word for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def load_processes(self) -> list[psutil.Process]:
        """Return those of them that drive the load."""
        return [process for process in self.processes() if "java" not in process.name()]

    def end(self) -> None:
        """End whatever a failed test left behind."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def local_fleet(scenario: dict[str, Any] | None = None) -> Iterator[LocalFleet]:
    """Give a fleet that nobody has provisioned, and remove all of it afterwards."""
    # Not pytest's own temporary folder: members run as a user who may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="zk-locust-test-"))
    folder.chmod(0o755)
    fleet = LocalFleet(folder, scenario or SMALL_SCENARIO)
    try:
        yield fleet
    finally:
        fleet.end()
