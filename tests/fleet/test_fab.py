"""`fab` against hosts of their own: systemd, sshd, a user who has to become root, and a dead machine among them."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from tests.fleet.lab_fleet import LabFleet

pytestmark = pytest.mark.fleet

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def command(lab: Lab, words: tuple[str, ...], extra_inventory: Path | None, **variables: str) -> dict[str, Any]:
    inventories = [str(lab.inventory), *([str(extra_inventory)] if extra_inventory else [])]
    options = [word for inventory in inventories for word in ("-i", inventory)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "SSH_"))}
    return {
        "args": [str(BIN / "fab"), words[0], *options, *words[1:]],
        "cwd": PROJECT,
        "env": environment | variables,
        "text": True,
    }


def fab(lab: Lab, *words: str, also: Path | None = None, **variables: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(**command(lab, words, also, **variables), capture_output=True, timeout=120, check=False)
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


def test_status_page_logs_and_stop_of_a_run(fleet: LabFleet) -> None:
    fleet.set_scenario(run_time="120s", parameters={"client": "native"})
    lab = fleet.lab
    missing = fab(lab, "ui")
    assert missing.returncode == 1
    assert "start one with -e locust_web_ui=true" in missing.stderr
    play = fleet.begin("run", locust_web_ui=True)
    try:
        fleet.wait_for_stage(play)
        (run,) = (folder.name for folder in (fleet.results / ".unfinished").iterdir())
        _see_status(fab(lab, "status"), run)
        _see_page(lab)
        logs = fab(lab, "logs", "--host", "load2", "--lines", "5")
        assert logs.returncode == 0
        assert "load2/INFO/locust.main: Starting Locust" in logs.stdout
        done = fab(lab, "stop")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith(f"Ending run {run} of ")
        assert re.findall(r"^  (load\d): ended$", done.stdout, re.M) == ["load1", "load2", "load3"]
        assert play.wait(120) != 0
    finally:
        fleet.end_process(play)
    # The controller that followed it has brought it home.
    manifest = fleet.manifest()
    assert manifest["state"] == "failed"
    assert "ended by stop" in manifest["reason"]
    assert (fleet.the_run() / "latency.hlog").stat().st_size > 0
    assert fab(lab, "stop").stdout == "Nothing is running on the load hosts.\n"


def _see_status(done: "subprocess.CompletedProcess[str]", run: str) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    roles = dict(re.findall(r"^(zk\d) +198\.\S+:2181 +(\w+) +0x", done.stdout, re.M))
    assert sorted(roles.values()) == ["follower", "follower", "leader"]
    shares = dict(re.findall(r"^(load\d) +\w+ +held +(\d \w+), 1 sampler ", done.stdout, re.M))
    assert shares == {"load1": "1 master", "load2": "1 worker", "load3": "1 worker"}
    assert f"Run {run} of " in done.stdout
    assert "no figures yet" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def _see_page(lab: Lab) -> None:
    with begun(lab, "ui") as tunnel:
        assert tunnel.stdout is not None
        line = tunnel.stdout.readline()
        assert re.match(r"http://127\.0\.0\.1:\d+/  \(port 8089 of load1, until Ctrl-C\)", line), line
        with urllib.request.urlopen(line.split()[0], timeout=10) as answer:
            assert b"Locust" in answer.read()
        tunnel.send_signal(signal.SIGINT)
        tunnel.communicate(timeout=60)
        assert tunnel.returncode == 0


def test_a_dead_machine_is_a_row_that_holds_nobody_up(fleet: LabFleet, tmp_path: Path) -> None:
    nobody = re.sub(r"\d+$", "250", fleet.lab.hosts["load1"].address)
    also = tmp_path / "dead.yml"
    also.write_text(f"locust_workers: {{hosts: {{load9: {{ansible_host: {nobody}}}}}}}\n")
    alone = time.monotonic()
    fab(fleet.lab, "status")
    began = time.monotonic()
    done = fab(fleet.lab, "status", also=also)
    assert time.monotonic() - began < (began - alone) + 8
    assert done.returncode == 1
    assert re.search(r"^load9 +workers +unreachable: ", done.stdout, re.M)
    assert len(re.findall(r"^load\d +\w+ +free +none ", done.stdout, re.M)) == 3


def test_a_user_who_may_not_become_root_is_told(fleet: LabFleet, tmp_path: Path) -> None:
    also = tmp_path / "plain.yml"
    also.write_text("locust_master: {hosts: {load1: {ansible_user: plain}}}\n")
    done = fab(fleet.lab, "status", also=also)
    assert done.returncode == 1
    assert re.search(r"^load1 +master +unreachable: sudo to root fails \(.*\): allow it there", done.stdout, re.M)


def test_a_member_behind_a_jump_host(fleet: LabFleet, tmp_path: Path) -> None:
    jump = fleet.lab.hosts["load1"]
    (tmp_path / "config").write_text(
        f"Host jump\n  HostName {jump.address}\n  User admin\n  IdentityFile {fleet.lab.key}\n"
        f"  UserKnownHostsFile {fleet.lab.known_hosts}\n"
    )
    also = tmp_path / "jump.yml"
    common = f"-F {tmp_path / 'config'} -J jump -o UserKnownHostsFile={fleet.lab.known_hosts} -o IdentitiesOnly=yes"
    also.write_text(f"zookeeper: {{hosts: {{zk1: {{ansible_ssh_common_args: '{common}'}}}}}}\n")
    before = jump.run("journalctl -u 'ssh*' | grep -c 'Accepted publickey for admin'", check=False).stdout
    # A connection that is open already would be used again, without a login; and the path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="fab-", dir="/tmp") as shared:
        done = fab(fleet.lab, "status", "--json", also=also, ANSIBLE_SSH_CONTROL_PATH_DIR=shared)
        for socket in Path(shared).iterdir():
            subprocess.run(["ssh", "-S", str(socket), "-O", "exit", "any"], stderr=subprocess.DEVNULL, check=False)
    members = json.loads(done.stdout)["members"]
    assert {member["name"]: bool(member["role"]) for member in members} == {"zk1": True, "zk2": True, "zk3": True}
    after = jump.run("journalctl -u 'ssh*' | grep -c 'Accepted publickey for admin'", check=False).stdout
    assert int(after) == int(before) + 2, "for its own row, and on the way to zk1"


def test_following_a_log_that_only_root_may_read(fleet: LabFleet) -> None:
    member = fleet.lab.hosts["zk1"]
    with begun(fleet.lab, "logs", "--host", "zk1", "--follow", "--lines", "3") as following:
        assert following.stdout is not None
        assert "INFO" in following.stdout.readline()
        assert member.run("pgrep -c -f 'tail -n 3 -F'").stdout.strip() != "0"
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=60)
        assert following.returncode == 0
    deadline = time.monotonic() + 10
    while member.run(["pgrep", "-x", "tail"], check=False).returncode == 0:
        assert time.monotonic() < deadline, "the host's tail goes on"
        time.sleep(0.2)
