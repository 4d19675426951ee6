"""A lab leaves nothing behind, however it ends. In a network namespace of its own, so that it is the only lab there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fleet.conftest import OWN_NAME, make_lab
from tests.lab import Host, Lab, LabError, LabOptions, cgroups, mounts, record
from tests.lab.commands import run
from tests.lab.places import REPOSITORY, lab_dir

pytestmark = pytest.mark.fleet

NAME = f"{OWN_NAME}-gone"
TOOL = (sys.executable, "-m", "tests.lab")


@pytest.fixture
def namespace(lab: Lab, tmp_path: Path) -> Iterator[int]:
    """Return the id of a process that holds an empty network namespace. The session's lab shows that labs work here."""
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up; echo ready; exec sleep 600"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            yield holder.pid
        finally:
            in_namespace(holder.pid, tmp_path / "state", *TOOL, "down", "--name", NAME)
            holder.kill()


def in_namespace(holder: int, state: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in the namespace, with labs below `state`."""
    command = ["nsenter", f"--target={holder}", "--net", *words]
    environment = {**os.environ, "ZK_LOCUST_LAB_DIR": str(state)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=REPOSITORY)


def network_of(holder: int, state: Path) -> tuple[set[str], list[str]]:
    """Return the namespace's interfaces and routes."""
    links = json.loads(in_namespace(holder, state, "ip", "-json", "link").stdout)
    return {link["ifname"] for link in links}, in_namespace(holder, state, "ip", "route").stdout.splitlines()


def supervisors(below: Path) -> list[int]:
    """Return the systemd-nspawn processes whose root file system is below this folder."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith(f"--directory={below}") for word in process.info["cmdline"] or [])
    ]


def interfaces() -> set[str]:
    """Return this machine's network interfaces."""
    return {link["ifname"] for link in json.loads(run(["ip", "-json", "link"]).stdout)}


def assert_gone(interfaces_before: set[str]) -> None:
    """Assert that nothing is left of the lab NAME."""
    assert not record.exists(NAME)
    assert supervisors(lab_dir(NAME)) == []
    assert mounts.mounts_below(lab_dir(NAME)) == []
    assert interfaces() == interfaces_before


def test_down_leaves_no_trace(namespace: int, tmp_path: Path) -> None:
    state, inventory = tmp_path / "state", tmp_path / "inventory"
    before = network_of(namespace, state)
    sizes = ("--name", NAME, "--members", "1", "--workers", "1", "--inventory", str(inventory))

    up = in_namespace(namespace, state, *TOOL, "up", *sizes)
    assert up.returncode == 0, up.stderr
    # All that `down` is to remove is there, and outlives the command that made it.
    assert in_namespace(namespace, state, *TOOL, "status", "--name", NAME).returncode == 0
    assert len(supervisors(state)) == 3
    assert len(mounts.mounts_below(state)) == 3
    links, routes = network_of(namespace, state)
    assert len(links - before[0]) == 4  # a bridge and three cables
    assert any(route.startswith("unreachable 198.18.0.0/15") for route in routes)
    assert (inventory / "hosts.yml").exists()
    groups = [top / "zk-locust-lab" / NAME for top in cgroups.hierarchies()]
    assert all(group.is_dir() for group in groups)

    down = in_namespace(namespace, state, *TOOL, "down", "--name", NAME)
    assert down.returncode == 0, down.stderr
    assert supervisors(state) == []
    assert mounts.mounts_below(state) == []
    assert network_of(namespace, state) == before
    assert not state.exists()
    assert not inventory.exists()
    assert not [group for group in groups if group.exists()]

    again = in_namespace(namespace, state, *TOOL, "down", "--name", NAME)
    assert (again.returncode, again.stdout) == (0, f"There is no lab [{NAME}].\n")


def test_an_inventory_of_somebody_else_is_not_overwritten(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("mine\n")
    with pytest.raises(LabError, match="was not written by the lab"):
        Lab.up(LabOptions(name=NAME), inventory_path=tmp_path)
    assert (tmp_path / "hosts.yml").read_text() == "mine\n"
    assert not record.exists(NAME)


def test_a_lab_that_cannot_start_is_removed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    before = interfaces()

    def fail(host: Host, timeout_s: float = 60.0) -> None:
        raise LabError(f"planted in {host.name}")

    monkeypatch.setattr(Host, "wait_ready", fail)
    with pytest.raises(LabError, match="planted in zk1\nplanted in load1"):
        make_lab(LabOptions(name=NAME, members=1, workers=1))
    assert_gone(before)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_lab_whose_making_is_interrupted_is_removed(lab: Lab, how: signal.Signals) -> None:
    before = interfaces()
    command = [sys.executable, "-m", "tests.lab", "up", "--name", NAME, "--workers", "4"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as making:
        deadline = time.monotonic() + 30
        while not supervisors(lab_dir(NAME)) and time.monotonic() < deadline:
            time.sleep(0.05)
        making.send_signal(how)
        _, error = making.communicate(timeout=60)
    assert (making.returncode, error) == (130, "lab: interrupted; what was being made is removed\n")
    assert_gone(before)


def test_a_host_that_was_killed_from_outside_is_removed_too(lab: Lab) -> None:
    before = interfaces()
    with make_lab(LabOptions(name=NAME, members=1, workers=1)) as made:
        (killed,) = supervisors(made.hosts["zk1"].folder)
        psutil.Process(killed).kill()
    assert_gone(before)
