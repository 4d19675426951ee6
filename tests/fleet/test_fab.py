"""`fab` against hosts of their own: systemd, sshd, a user who has to become root, and a dead machine among them."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import load_folder
from tests.lab import Lab

pytestmark = pytest.mark.fleet

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RUN = "20261124T031500Z-quick"
LOAD = {"load1": ["master"], "load2": ["worker-1", "worker-2"], "load3": ["worker-1"]}


def command(lab: Lab, words: tuple[str, ...], extra_inventory: Path | None) -> dict[str, Any]:
    inventories = [str(lab.inventory), *([str(extra_inventory)] if extra_inventory else [])]
    options = [word for inventory in inventories for word in ("-i", inventory)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SSH_"))}
    return {
        "args": [str(BIN / "fab"), words[0], *options, *words[1:]],
        "cwd": PROJECT,
        "env": environment,
        "text": True,
    }


def fab(lab: Lab, *words: str, also: Path | None = None) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(**command(lab, words, also), capture_output=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    return done


@contextlib.contextmanager
def begun(lab: Lab, *words: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(**command(lab, words, None), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def load_hosts(lab: Lab) -> Iterator[Lab]:
    for name in LOAD:
        load_folder.provision(lab.hosts[name])
    yield lab
    for name in LOAD:
        load_folder.remove(lab.hosts[name])


@pytest.fixture
def run(load_hosts: Lab) -> Lab:
    for name, processes in LOAD.items():
        load_folder.start_run(load_hosts.hosts[name], RUN, processes)
    return load_hosts


@pytest.fixture(scope="module")
def ensemble(lab: Lab) -> Iterator[Lab]:
    def play(name: str) -> None:
        words = [
            str(BIN / "ansible-playbook"),
            f"playbooks/{name}.yml",
            "-i",
            str(lab.inventory),
            "--limit",
            "zookeeper",
        ]
        done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout

    play("provision")
    yield lab
    play("teardown")


def test_status_of_members_and_load_hosts(ensemble: Lab, run: Lab) -> None:
    done = fab(run, "status")
    assert done.returncode == 0, done.stdout + done.stderr
    roles = dict(re.findall(r"^(zk\d) +198\.\S+:2181 +(\w+) +0x", done.stdout, re.M))
    assert sorted(roles.values()) == ["follower", "follower", "leader"]
    shares = dict(re.findall(r"^(load\d) +\w+ +held +(\d \w+) ", done.stdout, re.M))
    assert shares == {"load1": "1 master", "load2": "2 workers", "load3": "1 worker"}
    assert f"Run {RUN} of ada@desk, started 20" in done.stdout
    assert "  on load1, load2, load3: no figures yet" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_dead_machine_is_a_row_that_holds_nobody_up(load_hosts: Lab, tmp_path: Path) -> None:
    nobody = re.sub(r"\d+$", "250", load_hosts.hosts["load1"].address)
    also = tmp_path / "dead.yml"
    also.write_text(f"locust_workers: {{hosts: {{load9: {{ansible_host: {nobody}}}}}}}\n")
    alone = time.monotonic()
    fab(load_hosts, "status")
    began = time.monotonic()
    done = fab(load_hosts, "status", also=also)
    assert time.monotonic() - began < (began - alone) + 8
    assert done.returncode == 1
    assert re.search(r"^load9 +workers +unreachable: ", done.stdout, re.M)
    assert len(re.findall(r"^load\d +\w+ +free +none ", done.stdout, re.M)) == 3


def test_a_user_who_may_not_become_root_is_told(load_hosts: Lab, tmp_path: Path) -> None:
    also = tmp_path / "plain.yml"
    also.write_text("locust_master: {hosts: {load1: {ansible_user: plain}}}\n")
    done = fab(load_hosts, "status", also=also)
    assert done.returncode == 1
    assert re.search(r"^load1 +master +unreachable: sudo to root fails \(.*\): allow it there", done.stdout, re.M)


def test_a_member_behind_a_jump_host(ensemble: Lab, tmp_path: Path) -> None:
    jump = ensemble.hosts["load1"]
    (tmp_path / "config").write_text(
        f"Host jump\n  HostName {jump.address}\n  User admin\n  IdentityFile {ensemble.key}\n"
        f"  UserKnownHostsFile {ensemble.known_hosts}\n"
    )
    also = tmp_path / "jump.yml"
    common = f"-F {tmp_path / 'config'} -J jump -o UserKnownHostsFile={ensemble.known_hosts} -o IdentitiesOnly=yes"
    also.write_text(f"zookeeper: {{hosts: {{zk1: {{ansible_ssh_common_args: '{common}'}}}}}}\n")
    before = jump.run("journalctl -u 'ssh*' | grep -c 'Accepted publickey for admin'", check=False).stdout
    members = json.loads(fab(ensemble, "status", "--json", also=also).stdout)["members"]
    assert {member["name"]: bool(member["role"]) for member in members} == {"zk1": True, "zk2": True, "zk3": True}
    after = jump.run("journalctl -u 'ssh*' | grep -c 'Accepted publickey for admin'", check=False).stdout
    assert int(after) == int(before) + 2, "for its own row, and on the way to zk1"


def test_following_a_log_that_only_root_may_read(ensemble: Lab) -> None:
    member = ensemble.hosts["zk1"]
    with begun(ensemble, "logs", "--host", "zk1", "--follow", "--lines", "3") as following:
        assert following.stdout is not None
        assert "INFO" in following.stdout.readline()
        assert member.run("pgrep -c -f 'tail -n 3 -F'").stdout.strip() != "0"
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=20)
        assert following.returncode == 0
    deadline = time.monotonic() + 10
    while member.run(["pgrep", "-x", "tail"], check=False).returncode == 0:
        assert time.monotonic() < deadline, "the host's tail goes on"
        time.sleep(0.2)


def test_stop_ends_the_master_before_the_workers(run: Lab) -> None:
    done = fab(run, "stop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"Ending run {RUN} of ada@desk, started 20")
    assert re.findall(r"^  (load\d): ended$", done.stdout, re.M) == ["load1", "load2", "load3"]
    assert f"playbooks/collect.yml -i {run.inventory}" in done.stdout
    statuses = {
        name: json.loads(run.hosts[name].run(f"cat /var/lib/zk-locust/load/runs/{RUN}/status.json").stdout)
        for name in LOAD
    }
    assert {status["ended_by"] for status in statuses.values()} == {"stop"}
    # One machine, so one clock.
    master = statuses["load1"]["processes"]["master"]["ended"]
    workers = [process for name in ("load2", "load3") for process in statuses[name]["processes"].values()]
    assert all(process["ended"] > master for process in workers)
    assert fab(run, "stop").stdout == "Nothing is running on the load hosts.\n"


def test_the_web_ui_of_the_masters_loopback(load_hosts: Lab) -> None:
    missing = fab(load_hosts, "ui")
    assert missing.returncode == 1
    assert "start one with -e locust_web_ui=true" in missing.stderr
    master = load_hosts.hosts["load1"]
    unit = "fab-test-page"
    serve = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "/etc/ssh", "8089"]
    master.run(["systemd-run", "--quiet", "--unit", unit, *serve])
    try:
        master.run(
            "until (exec 3<>/dev/tcp/127.0.0.1/8089) 2>/dev/null; do sleep 0.1; done".join(["exec bash -c '", "'"])
        )
        with begun(load_hosts, "ui") as tunnel:
            assert tunnel.stdout is not None
            line = tunnel.stdout.readline()
            assert re.match(r"http://127\.0\.0\.1:\d+/  \(port 8089 of load1, until Ctrl-C\)", line), line
            with urllib.request.urlopen(line.split()[0], timeout=10) as answer:
                assert b"sshd_config" in answer.read()
            tunnel.send_signal(signal.SIGINT)
            tunnel.communicate(timeout=20)
            assert tunnel.returncode == 0
    finally:
        master.run(["systemctl", "stop", unit], check=False)
