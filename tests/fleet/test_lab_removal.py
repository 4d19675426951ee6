"""A lab is removed completely, however it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from lab import Lab, LabError, LabOptions, cgroups, mounts, record
from lab.places import PROJECT
from tests.fleet.conftest import OWN_NAME

pytestmark = pytest.mark.fleet

NAME = f"{OWN_NAME}-gone"
TOOL = (sys.executable, "-m", "lab")
UP = (*TOOL, "up", "--name", NAME, "--members", "1", "--workers", "1")


@dataclass(frozen=True)
class Trial:
    """A network namespace, held by a process, with its own folder of labs: the only lab in it is NAME."""

    holder: int
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def start(self, *words: str, path: str = os.environ["PATH"]) -> "subprocess.Popen[str]":
        """Start a command in it."""
        command = ["nsenter", f"--target={self.holder}", "--net", *words]
        environment = {**os.environ, "ZK_LOCUST_LAB_DIR": str(self.state), "PATH": path}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str, path: str = os.environ["PATH"]) -> "subprocess.CompletedProcess[str]":
        """Run a command in it to its end."""
        with self.start(*words, path=path) as process:
            output, error = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, output, error)

    def network(self) -> tuple[set[str], list[str]]:
        """Return its interfaces and routes."""
        links = json.loads(self.run("ip", "-json", "link").stdout)
        return {link["ifname"] for link in links}, self.run("ip", "route").stdout.splitlines()

    def assert_no_trace(self) -> None:
        """Assert that nothing is left of the lab."""
        assert supervisors(self.state) == []
        assert mounts.mounts_below(self.state) == []
        assert self.network() == ({"lo"}, [])
        assert not self.state.exists()
        assert not [group for group in groups() if group.exists()]


@pytest.fixture
def trial(lab: Lab, tmp_path: Path) -> Iterator[Trial]:
    """Return an empty network namespace. The session's lab has shown that labs work on this machine."""
    words = ["unshare", "--net", "sh", "-c", "ip link set lo up; echo ready; exec sleep 600"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        made = Trial(holder.pid, tmp_path)
        try:
            yield made
        finally:
            made.run(*TOOL, "down", "--name", NAME)
            holder.kill()


def groups() -> list[Path]:
    """Return the lab's control groups."""
    return [top / "zk-locust-lab" / NAME for top in cgroups.hierarchies()]


def supervisors(below: Path) -> list[int]:
    """Return the systemd-nspawn processes whose root file system is below this folder."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith(f"--directory={below}/") for word in process.info["cmdline"] or [])
    ]


def test_down_leaves_no_trace(trial: Trial) -> None:
    inventory = trial.folder / "inventory"
    up = trial.run(*UP, "--inventory", str(inventory))
    assert up.returncode == 0, up.stderr
    # Everything that `down` removes exists, and stays after the end of the command that made it.
    assert trial.run(*TOOL, "status", "--name", NAME).returncode == 0
    assert len(supervisors(trial.state)) == 3
    assert len(mounts.mounts_below(trial.state)) == 3
    links, routes = trial.network()
    assert len(links) == 1 + 1 + 3  # loopback, a bridge, three cables
    assert any(route.startswith("unreachable 198.18.0.0/15") for route in routes)
    assert (inventory / "hosts.yml").exists()
    assert all(group.is_dir() for group in groups())

    down = trial.run(*TOOL, "down", "--name", NAME)
    assert down.returncode == 0, down.stderr
    trial.assert_no_trace()
    assert not inventory.exists()

    again = trial.run(*TOOL, "down", "--name", NAME)
    assert (again.returncode, again.stdout) == (0, f"There is no lab [{NAME}].\n")


def test_a_lab_that_cannot_start_is_removed(trial: Trial) -> None:
    broken = trial.folder / "bin" / "systemd-nspawn"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho planted\nexit 1\n")
    broken.chmod(0o755)
    up = trial.run(*UP, path=f"{broken.parent}:{os.environ['PATH']}")
    assert up.returncode == 1
    # Hosts start side by side: any of them may be the first that fails.
    assert re.search(r"^lab: (zk1|load1|load2) ", up.stderr), up.stderr
    assert "planted" in up.stderr
    trial.assert_no_trace()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_lab_whose_making_is_interrupted_is_removed(trial: Trial, how: signal.Signals) -> None:
    with trial.start(*UP) as making:
        deadline = time.monotonic() + 60
        while not supervisors(trial.state) and time.monotonic() < deadline:
            time.sleep(0.05)
        making.send_signal(how)
        _, error = making.communicate(timeout=60)
    assert (making.returncode, error) == (130, "lab: interrupted; the unfinished lab was removed\n")
    trial.assert_no_trace()


def test_a_host_whose_supervisor_was_killed_is_removed_with_all_that_runs_in_it(trial: Trial) -> None:
    up = trial.run(*UP)
    assert up.returncode == 0, up.stderr
    for supervisor in supervisors(trial.state):
        psutil.Process(supervisor).kill()
    down = trial.run(*TOOL, "down", "--name", NAME)
    assert down.returncode == 0, down.stderr
    trial.assert_no_trace()


def test_an_inventory_of_another_author_is_not_overwritten(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("mine\n")
    with pytest.raises(LabError, match="was not written by the lab"):
        Lab.up(LabOptions(name=NAME), inventory_path=tmp_path)
    assert (tmp_path / "hosts.yml").read_text() == "mine\n"
    assert not record.exists(NAME)
