"""A controller with a home of its own, for tests: `fab` as people call it there, and what it may leave behind."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from lab.places import PROJECT
from tests import stand_in_ssh
from tests.integration.ssh_server import SshServer

FAB = str(Path(sys.executable).with_name("fab"))
SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]
RUN = "20261124T031500Z-quick"


@dataclass
class Controller:
    """A controller with a home of its own, a host behind SSH, and one behind a jump host."""

    folder: Path
    host: SshServer
    jump: SshServer
    member_port: int
    variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "home" / ".ssh").mkdir(parents=True)
        self.ssh = stand_in_ssh.make(self.folder / "home")
        # The path of a socket is short; pytest's folders are not.
        self.shared = Path(tempfile.mkdtemp(prefix="fab-", dir="/tmp"))
        self.known_hosts.write_text(self.host.known_host + self.jump.known_host)
        self.state.mkdir()
        self.variables = {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.host.port,
            "ansible_ssh_private_key_file": str(self.folder.parent / "key"),
            "ansible_python_interpreter": sys.executable,
            "load_host_state_dir": str(self.state),
            "zookeeper_state_dir": str(self.state),
            "zookeeper_client_port": self.member_port,
            "locust_web_port": 1,
        }

    @property
    def known_hosts(self) -> Path:
        return self.folder / "home" / ".ssh" / "known_hosts"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def load(self) -> Path:
        return self.state / "load"

    @property
    def inventory(self) -> Path:
        file = self.folder / "hosts.yml"
        groups: dict[str, Any] = {name: {"hosts": {"box": {}}} for name in ("locust_master", "locust_workers")}
        groups |= {"zookeeper": {"hosts": {"zk1": {}}}, "all": {"vars": self.variables}}
        file.write_text(yaml.safe_dump(groups))
        return file

    def arguments(self, *words: str) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SSH_"))}
        return {
            "args": [FAB, words[0], "-i", str(self.inventory), *words[1:]],
            "cwd": PROJECT,
            "env": environment
            | {"HOME": str(self.folder / "home"), "ANSIBLE_SSH_EXECUTABLE": str(self.ssh)}
            | {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.shared)},
            "text": True,
        }

    def fab(self, *words: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(**self.arguments(*words), capture_output=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        return done

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(**self.arguments(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def status(self) -> dict[str, Any]:
        done = self.fab("status", "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["sound"] == (done.returncode == 0)
        return found

    def provision(self) -> None:
        """Put the launcher there, as the role load_host does."""
        (self.load / "runs").mkdir(parents=True)
        launcher = self.load / "host-run"
        launcher.write_text(f'#!/bin/sh\nPYTHONPATH={PROJECT} exec {sys.executable} -m zk_locust.cli host-run "$@"\n')
        launcher.chmod(0o755)

    def start_run(self, run_id: str = RUN) -> None:
        folder = self.load / "runs" / run_id
        folder.mkdir()
        spec = {
            "run_id": run_id,
            "owner": "ada@desk",
            "folder": str(folder),
            "lock": str(self.load / "lock"),
            "deadline_s": 120,
            "processes": [{"name": name, "arguments": SLEEPER} for name in ("master", "worker-1", "worker-2")],
            "leader": "master",
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        progress = {
            "stage": "measured", "time_left_s": 18.2, "users": 32, "workers": 2, "rate_per_s": 671.4, "p99_us": 3260,
            "requests": 4711, "failures": 0,
        }  # fmt: skip
        (folder / "progress.json").write_text(json.dumps(progress))
        subprocess.run([str(self.load / "host-run"), "start", "--spec", str(folder / "spec.json")], check=True)

    def disconnect(self) -> None:
        """End the connections that ssh keeps open for the next command (ControlPersist)."""
        for socket in self.shared.iterdir():
            subprocess.run(["ssh", "-S", str(socket), "-O", "exit", "any"], stderr=subprocess.DEVNULL, check=False)

    def end(self) -> None:
        self.disconnect()
        shutil.rmtree(self.shared)
        for file in self.load.glob("runs/*/"):
            subprocess.run([str(self.load / "host-run"), "stop", "--folder", str(file)], check=True)


def processes_with(text: str) -> list[psutil.Process]:
    """The processes with a text in their command line."""
    return [each for each in psutil.process_iter(["cmdline"]) if text in " ".join(each.info["cmdline"] or [])]


def tails(folder: Path) -> list[psutil.Process]:
    """The processes that still follow a file below the folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (words := process.info["cmdline"] or []) and words[0] == "tail" and str(folder) in " ".join(words)
    ]
