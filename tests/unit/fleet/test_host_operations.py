"""What a member's host completes by itself: upgrades, replaced members, snapshots. The member answers `srvr` only."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.zookeeper_server import free_ports
from tests import waiting
from zk_locust.contract.process_identity import is_running, named_in_pid_file
from zk_locust.host_faults import deadline, operations
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.faults import Faults

LONG_S = 300.0
CONTROL = """
import os, shutil, signal, socket, subprocess, sys, time
command, release, folder, port = sys.argv[1:5]
pid_file = folder + "/zookeeper.pid"
with open(folder + "/asked", "a") as asked:
    asked.write(command + " " + release + "\\n")
if command == "serve":
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        link = listener.accept()[0]
        link.recv(9)
        link.sendall(("Zookeeper version: " + release + "-1, built\\nMode: follower\\n").encode())
        link.close()
elif command == "stop":
    try:
        os.kill(int(open(pid_file).read().split()[0]), 9)
        os.remove(pid_file)
    except (OSError, ValueError):
        pass
elif command == "empty":
    shutil.rmtree(folder + "/data")
elif command == "start":
    try:
        os.kill(int(open(pid_file).read().split()[0]), 0)
        sys.exit()
    except (OSError, ValueError):
        pass
    words = [sys.executable, __file__, "serve", release, folder, port]
    if release == "broken":
        words = [sys.executable, "-c", ""]
    pid = subprocess.Popen(words, start_new_session=True, stdin=-3, stdout=-3, stderr=-3).pid
    ticks = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19]
    open(pid_file + ".new", "w").write(f"{pid} {ticks}")
    os.replace(pid_file + ".new", pid_file)
"""


class StandIn:
    """A member's folder with releases: a control script for each, which names itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "zk1"
        self.launcher = self.folder / "faults" / "run"
        (self.port,) = free_ports(1)
        for part in ("faults", "data", "conf"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "data" / "kept").touch()
        (self.folder / "control.py").write_text(CONTROL)
        self.write(self.folder, "3.8.0")
        self.write(self.folder / "releases" / "3.9.3", "3.9.3")
        self.write(self.folder / "releases" / "3.9.4", "broken")
        self.call("start")

    def write(self, folder: Path, release: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        script = f'#!/bin/sh\nexec {sys.executable} {self.folder}/control.py "$1" {release} {self.folder} {self.port}\n'
        (folder / "control").write_text(script)
        (folder / "control").chmod(0o755)

    def call(self, command: str) -> None:
        subprocess.run([self.folder / "control", command], check=True)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()

    @property
    def release(self) -> str:
        return operations._ask({"address": "127.0.0.1", "client_port": self.port}).version

    def faults(self) -> Faults:
        return Faults(self.folder, self.launcher)

    def fault(self, do: str, **more: Any) -> dict[str, Any]:
        place = {"address": "127.0.0.1", "client_port": self.port, "serves_limit_s": LONG_S, "admin": "127.0.0.1:1"}
        return {
            "id": "run.1.zk1",
            "run_id": "run",
            "number": 1,
            "member": "zk1",
            "do": do,
            "for_s": 0.0,
            **place,
            **more,
        }


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(deadline, "has_systemd", lambda: False)
    made = StandIn(tmp_path)
    waiting.until(lambda: made.release == "3.8.0", limit_s=60)
    try:
        yield made
    finally:
        made.faults().heal_all()
        made.call("stop")


def test_an_upgraded_member_serves_with_the_release(member: StandIn) -> None:
    note = member.faults().do(member.fault("rolling-upgrade", to="3.9.3"))
    assert (note["state"], note["release_before"], note["release"], note["error"]) == ("healed", "3.8.0", "3.9.3", "")
    assert member.release == "3.9.3"
    assert note["lasted_s"] > 0
    assert member.faults().notes.active() == []
    assert list((member.folder / "faults" / "kept").iterdir()) == []


def test_a_member_that_does_not_serve_gets_its_release_back(member: StandIn) -> None:
    with pytest.raises(FaultError, match=r"with 3\.9\.4 its process ends; it has its release of before again"):
        member.faults().do(member.fault("rolling-upgrade", to="3.9.4"))
    assert member.release == "3.8.0"
    (note,) = member.faults().notes.of_run("run")
    assert (note["state"], note["release"]) == ("healed", "3.8.0")


def test_a_release_that_was_not_prepared_leaves_the_member_alone(member: StandIn) -> None:
    for release in ("3.9.9", "../3.9.3"):
        with pytest.raises(FaultError, match="was not prepared on this host"):
            member.faults().do(member.fault("rolling-upgrade", to=release, id=f"run.{len(release)}.zk1"))
    assert "stop 3.8.0" not in member.asked
    assert member.release == "3.8.0"


def test_a_replaced_member_is_emptied_once_and_serves(member: StandIn) -> None:
    note = member.faults().do(member.fault("replace-member"))
    assert (note["state"], note["error"], note["release"]) == ("healed", "", "3.8.0")
    assert not (member.folder / "data").exists()
    assert [each.split()[0] for each in member.asked] == ["start", "serve", "stop", "empty", "start", "serve"]


def test_a_member_whose_data_cannot_be_removed_is_started_again(member: StandIn) -> None:
    (member.folder / "data" / "kept").unlink()
    (member.folder / "data").rmdir()
    with pytest.raises(FaultError, match="control failed"):
        member.faults().do(member.fault("replace-member"))
    assert member.release == "3.8.0"
    assert member.faults().notes.active() == []


@pytest.mark.parametrize(("do", "release"), [("rolling-upgrade", "3.9.3"), ("replace-member", "3.8.0")])
def test_the_host_completes_a_step_whose_command_is_killed(member: StandIn, do: str, release: str) -> None:
    """The command stops for good after the member was stopped; the process that began beside it goes on."""
    code = (
        "import json, os, signal, sys; from pathlib import Path\n"
        "from zk_locust.host_faults import deadline, member\n"
        "deadline.has_systemd = lambda: False\n"
        "from zk_locust.host_faults.cli import main\n"
        "own, stop = os.getpid(), member.Member.stop\n"
        "def stop_and_die(self):\n"
        "    stop(self)\n"
        "    if os.getpid() == own:\n"
        "        os.kill(own, signal.SIGKILL)\n"
        "member.Member.stop = stop_and_die\n"
        f"sys.exit(main(Path({str(member.launcher)!r}), ['do']))"
    )
    given = json.dumps(member.fault(do, to="3.9.3"))
    done = subprocess.run([sys.executable, "-c", code], input=given, text=True, check=False, timeout=LONG_S)
    assert done.returncode in (-signal.SIGKILL, 0)  # 0 where the other process was the first
    faults = member.faults()
    waiting.until(lambda: not faults.notes.is_active("run.1.zk1"), limit_s=60)
    (note,) = faults.notes.of_run("run")
    assert (note["state"], note["error"], note["release"]) == ("healed", "", release)
    assert member.release == release


def test_a_step_that_was_cut_off_goes_on_where_it_was(member: StandIn) -> None:
    """As after a reboot: nobody works on it any more, and `heal` completes it."""
    faults = member.faults()
    member.call("stop")
    note = member.fault("replace-member") | {
        "boot": "another", "state": "begun", "began": 1.0, "began_monotonic": 1.0, "step": "emptied", "error": ""
    }  # fmt: skip
    faults.notes.begin(note)
    healed, problems = faults.heal_all()
    assert (healed, problems) == (["run.1.zk1"], [])
    assert (member.folder / "data" / "kept").exists()  # it was emptied before
    assert is_running(named_in_pid_file(member.folder / "zookeeper.pid"))


class Admin(BaseHTTPRequestHandler):
    """An AdminServer that grants or refuses snapshots."""

    status = 200
    seen: tuple[str, str | None] = ("", None)

    def do_GET(self) -> None:
        """Answer as ZooKeeper 3.9 does."""
        Admin.seen = (self.path, self.headers.get("Authorization"))
        self.send_response(Admin.status)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_snapshot_is_asked_of_the_admin_server(member: StandIn) -> None:
    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        given = member.fault("snapshot", admin=f"127.0.0.1:{server.server_port}")
        assert member.faults().do(given)["state"] == "healed"
        assert Admin.seen[0] == "/commands/snapshot?streaming=false"
        assert Admin.seen[1]
        Admin.status = 429
        with pytest.raises(FaultError, match=r"with status 429: it comes sooner .* than admin\.rateLimiterInterval"):
            member.faults().do(given | {"id": "run.2.zk1"})
        server.shutdown()
    with pytest.raises(FaultError, match="does not answer"):
        member.faults().do(given | {"id": "run.3.zk1"})
    assert member.faults().notes.active() == []
