"""The modules that look at hosts and members."""

import ast
import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

from playbooks.library import host_probe, zookeeper_status
from zk_locust.contract.member_answers import parse_srvr
from zk_locust.contract.process_identity import Identity, identity_of, is_running, named_in_pid_file

SRVR = """\
Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC
Latency min/avg/max: 0/1.5/12
Received: 10
Sent: 9
Connections: 3
Outstanding: 1
Zxid: 0x100000002
Mode: follower
Node count: 5
"""


def test_srvr_is_understood() -> None:
    assert parse_srvr(SRVR)._asdict() == {
        "version": "3.8.0",
        "latency_ms": (0.0, 1.5, 12.0),
        "connections": 3,
        "outstanding": 1,
        "zxid": "0x100000002",
        "mode": "follower",
        "node_count": 5,
        "received": 10,
        "sent": 9,
        "error": "",
    }


@pytest.mark.parametrize("answer", ["This ZooKeeper instance is not currently serving requests\n", ""])
def test_a_member_without_a_quorum_has_no_mode(answer: str) -> None:
    status = parse_srvr(answer)
    assert status.mode == ""
    assert status.error
    assert not status.serves


@pytest.mark.parametrize(("mode", "serves"), [("leader", True), ("observer", True), ("read-only", False)])
def test_a_read_only_member_does_not_serve(mode: str, serves: bool) -> None:
    assert parse_srvr(f"Mode: {mode}\n").serves is serves


def test_a_member_is_asked_over_the_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(4) == b"srvr"
                connection.sendall(SRVR.encode())

        thread = threading.Thread(target=answer)
        thread.start()
        status = zookeeper_status.observe("127.0.0.1", server.getsockname()[1], 5.0, None)
        thread.join(5)
    assert status["mode"] == "follower"
    assert status["alive"]


def test_a_silent_server_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        status = zookeeper_status.observe("127.0.0.1", server.getsockname()[1], 0.05, None)
    assert (status["alive"], status["mode"]) == (True, "")
    assert "timed out" in status["error"]


def test_a_process_is_known_by_its_id_and_its_start(tmp_path: Path) -> None:
    own = identity_of(os.getpid())
    pid_file = tmp_path / "pid"
    assert not is_running(named_in_pid_file(pid_file))
    for text, alive in ((f"{own.pid} {own.start_ticks}\n", True), (f"{own.pid} 1\n", False), ("\n", False)):
        pid_file.write_text(text)
        assert is_running(named_in_pid_file(pid_file)) is alive
        assert host_probe.is_process(os.getpid(), named_in_pid_file(pid_file)) is alive
    assert zookeeper_status.observe("127.0.0.1", 1, 1.0, pid_file)["error"] == "its process has ended"


def test_a_zombie_is_not_alive(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    rest = " ".join(["0"] * 18)
    for state, alive in (("S", True), ("Z", False)):
        (tmp_path / "7/stat").write_text(f"7 (a (odd) name) {state} {rest} 99 0\n")
        assert is_running(Identity(7, 99), proc=tmp_path) is alive


@pytest.mark.parametrize("text", ["", "7", "7 (a) S", "7 (a) S " + "x " * 30])
def test_a_process_that_ends_while_it_is_read_does_not_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text(text)
    assert not is_running(Identity(7, 99), proc=tmp_path)


def test_addresses_of_proc_are_decoded() -> None:
    assert host_probe.decode_address("0100007F") == "127.0.0.1"
    assert host_probe.decode_address("00000000000000000000000001000000") == "::1"


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listener_is_found_with_its_process(family: socket.AddressFamily, host: str) -> None:
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("needs IPv6 on loopback")
    with server:
        port = server.getsockname()[1]
        table = Path("/proc/net/tcp6" if family == socket.AF_INET6 else "/proc/net/tcp").read_text()
        [(found_port, address, inode)] = host_probe.parse_listeners(table, {port})
        assert (found_port, address) == (port, host)
        assert host_probe.owners({inode}) == {inode: os.getpid()}
    assert "python" in host_probe.command_of(os.getpid())


def test_connections_are_no_listeners() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            table = Path("/proc/net/tcp").read_text()
            assert host_probe.parse_listeners(table, {client.getsockname()[1]}) == []


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_292"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("command not found", 0),
    ],
)
def test_versions_of_java(text: str, major: int) -> None:
    assert host_probe.java_major(text) == major


def test_java_is_looked_for_where_it_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\"' >&2\n")
    program.chmod(0o755)
    assert host_probe.find_java(str(program)) == {"path": str(program), "major": 21, "error": ""}
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert host_probe.find_java("")["path"] == str(program)
    assert host_probe.find_java("/nowhere/java")["error"] == "there is no program /nowhere/java"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert host_probe.find_java(str(program))["path"] == ""


def test_folders_are_probed_without_a_trace(tmp_path: Path) -> None:
    probed = host_probe.probe_folder(tmp_path / "a" / "b")
    assert probed["writable"]
    assert probed["free_mb"] > 0
    assert probed["shared"] == host_probe.shared_as(tmp_path.resolve() / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert "is not a folder" in host_probe.probe_folder(tmp_path / "file" / "x")["error"]
    assert not host_probe.probe_folder(Path("/proc/x"))["writable"]


@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/home/bench/.cache/zk-locust/load", "nas:/export/home/bench/.cache/zk-locust/load"),
        ("/home", "nas:/export/home"),
        ("/homely", ""),
        ("/home/local/x", ""),
        ("/mnt/a b/c", "//nas/share/deep/c"),
        ("/var/lib/zk-locust/load", ""),
        ("/over/x", ""),
    ],
)
def test_a_folder_on_a_network_file_system_is_known_wherever_it_is_mounted(
    path: str, shared: str, tmp_path: Path
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 0:50 / /home rw shared:9 - nfs4 nas:/export/home rw,vers=4.2\n"
        "41 40 8:2 / /home/local rw - xfs /dev/sdb rw\n"
        "42 22 0:51 /deep /mnt/a\\040b rw - cifs //nas/share rw\n"
        "43 22 0:52 / /over rw - nfs nas:/over rw\n"
        "44 43 0:53 / /over rw - tmpfs tmpfs rw\n"
    )
    assert host_probe.shared_as(Path(path), mounts) == shared


def _machine(root: Path, **files: str) -> str:
    paths = {"id": "etc/machine-id", "boot": "proc/sys/kernel/random/boot_id", "name": "proc/sys/kernel/hostname"}
    for key, content in files.items():
        (root / paths[key]).parent.mkdir(parents=True, exist_ok=True)
        (root / paths[key]).write_text(f"{content}\n")
    return host_probe.machine(root)


def test_a_machine_is_told_from_its_clones_and_from_other_containers_of_its_kernel(tmp_path: Path) -> None:
    own = {"id": "1", "boot": "1", "name": "zk1"}
    machine = _machine(tmp_path / "a", **own)
    assert machine == _machine(tmp_path / "b", **own)
    for place, (key, other) in enumerate({"id": "2", "boot": "2", "name": "zk2"}.items()):
        assert _machine(tmp_path / f"other{place}", **own | {key: other}) != machine
    assert _machine(tmp_path / "unknown", name="localhost") == "", "a name alone is no proof"
    assert host_probe.machine() == host_probe.machine() != ""


def test_modules_run_on_the_oldest_python_of_a_member() -> None:
    """They are compiled with the grammar of 3.9, which Debian 11 has."""

    for module in (host_probe, zookeeper_status):
        ast.parse(Path(str(module.__file__)).read_text(), feature_version=(3, 9))


def test_a_process_is_known_to_be_of_a_run_by_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "load" / "runs" / "20260101T000000Z-quick"
    folder.mkdir(parents=True)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cwd").symlink_to(folder)
    assert host_probe.run_of(7, tmp_path) == "20260101T000000Z-quick"
    assert host_probe.run_of(8, tmp_path) == host_probe.run_of(os.getpid()) == ""


HOSTILE = [
    "Mode: follower\x1b]0;owned\x07\n",
    "Latency min/avg/max: x/y/z\nConnections: many\nNode count: ²\nMode: \x1b[2J\n",
    "\x1b[31m" * 1000,
    "Mode: " + "leader" * 1000,
]


@pytest.mark.parametrize("answer", HOSTILE)
def test_answers_that_no_member_gives_are_no_mode_and_safe_to_show(answer: str) -> None:
    status = parse_srvr(answer)
    assert status.mode == ""
    assert status.error.isprintable()
    assert len(status.error) < 300


@pytest.mark.parametrize("latency", ["none", "1/2", "\N{SUPERSCRIPT TWO}/1/2", "1.2.3/4/5"])
def test_a_line_that_is_wrong_does_not_hide_the_others(latency: str) -> None:
    wrong = SRVR.replace("0/1.5/12", latency).replace("Connections: 3", "Connections: \N{SUPERSCRIPT THREE}")
    status = parse_srvr(wrong)
    assert (status.mode, status.outstanding) == ("follower", 1)
    assert status.latency_ms is None
    assert status.connections is None


@pytest.mark.parametrize(("pieces", "word"), [(b"x" * 4096, "longer than 16384 bytes"), (b"x", "has not ended within")])
def test_an_answer_without_an_end_is_bounded(pieces: bytes, word: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def answer() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    connection.sendall(pieces)

        thread = threading.Thread(target=answer)
        thread.start()
        # A dribble keeps every single read short.
        status = zookeeper_status.observe("127.0.0.1", server.getsockname()[1], 1.0, None)
        ended.set()
        thread.join(5)
    assert status["mode"] == ""
    assert word in status["error"]


def test_a_host_knows_which_of_its_addresses_is_meant() -> None:
    assert host_probe.own_address("127.0.0.1") == "127.0.0.1"
    assert host_probe.own_address("192.0.2.1") == "", "no host has an address that is reserved for documentation"
    assert host_probe.own_address("no-such-name.invalid") == ""


def test_a_name_that_leads_to_loopback_says_nothing_of_how_others_reach_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.1.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert host_probe.own_address("zk1.example.org") == ""
    assert host_probe.own_address("localhost") == "127.0.1.1"


def test_the_memory_of_a_machine_is_read_in_mib(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       24684544 kB\nMemFree:  1 kB\n")
    assert host_probe.memory_mb(meminfo) == 24106
    assert host_probe.memory_mb(tmp_path / "none") == 0
    assert host_probe.memory_mb() > 0
