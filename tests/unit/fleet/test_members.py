"""What a member's answer means, and which members are asked where."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fleet.errors import InputError
from fleet.inventory import Inventory
from fleet.members import _PROGRAM, Target, connect_string, parse, read_answers, targets

Loaded = Callable[[dict[str, Any]], Inventory]
TARGET = Target("zk1", "zk1:2181", "127.0.0.1", 2181)
SRVR = """\
Zookeeper version: 3.8.0-1234, built on 2022-02-25 08:49 UTC
Latency min/avg/max: 0/0.4263/12
Received: 4711
Sent: 4710
Connections: 33
Outstanding: 2
Zxid: 0x10000002a
Mode: follower
Node count: 1025
"""


def test_an_answer() -> None:
    member = parse(TARGET, SRVR)
    assert (member.role, member.zxid, member.version) == ("follower", "0x10000002a", "3.8.0")
    assert (member.connections, member.outstanding, member.nodes) == (33, 2, 1025)
    assert member.latency_ms == (0.0, 0.4263, 12.0)
    assert parse(TARGET, SRVR.replace("3.8.0-1234, b", "3.4.13-5+deb, b")).version == "3.4.13"


@pytest.mark.parametrize(
    ("text", "error", "problem"),
    [
        ("", "Connection refused", "not running: Connection refused"),
        ("", "timed out", "not reached: timed out"),
        ("This ZooKeeper instance is not currently serving requests\n", "", "does not serve: This ZooKeeper instance"),
        ("", "", "does not serve: the connection was closed"),
        ("srvr is not executed because it is not in the whitelist.\n", "", "does not serve: srvr is not executed"),
        ("Zookeeper version: 3.8.0\nConnections: many\n", "", "does not serve: Zookeeper version"),
    ],
)
def test_no_answer(text: str, error: str, problem: str) -> None:
    member = parse(TARGET, text, error)
    assert member.role == ""
    assert member.problem.startswith(problem)


def inventory_of(loaded: Loaded, **variables: Any) -> Inventory:
    return loaded(
        {
            "all": {"vars": variables},
            "zookeeper": {"hosts": {"zk1": {"ansible_host": "192.0.2.1"}, "zk2": {"zookeeper_client_port": "2182"}}},
            "locust_master": {"hosts": {"load1": {}}},
        }
    )


def test_own_members_are_asked_at_home(loaded: Loaded) -> None:
    found = targets(inventory_of(loaded))
    assert found == {
        "zk1": [Target("zk1", "192.0.2.1:2181", "127.0.0.1", 2181)],
        "zk2": [Target("zk2", "zk2:2182", "127.0.0.1", 2182)],
    }
    bound = targets(inventory_of(loaded, zookeeper_bind_address="192.0.2.5", zookeeper_address="zk.example.org"))
    assert bound["zk1"] == [Target("zk1", "zk.example.org:2181", "192.0.2.5", 2181)]


def test_external_members_are_asked_on_the_master(loaded: Loaded) -> None:
    hosts = "a.example.org:2181,[2001:db8::1]:2182,b/chroot"
    found = targets(inventory_of(loaded, zookeeper_managed=False, benchmark_parameters={"hosts": hosts}))
    assert list(found) == ["load1"]
    assert [(target.host, target.port) for target in found["load1"]] == [
        ("a.example.org", 2181),
        ("2001:db8::1", 2182),
        ("b", 2181),
    ]
    with pytest.raises(InputError, match=r"benchmark_parameters.hosts \[not set\]"):
        targets(inventory_of(loaded, zookeeper_managed=False))


@pytest.mark.parametrize("port", ["x", "0", "65536"])
def test_ports_that_are_none(loaded: Loaded, port: str) -> None:
    with pytest.raises(InputError, match=rf"zk1: zookeeper_client_port \[{port}\] must be a port"):
        targets(inventory_of(loaded, zookeeper_client_port=port))
    with pytest.raises(InputError, match=rf"benchmark_parameters.hosts \[a:{port}\] has "):
        connect_string(f"a:{port}")


def test_a_connect_string_with_an_empty_member_is_refused_as_everywhere() -> None:
    with pytest.raises(InputError, match=r"benchmark_parameters.hosts \[a,,b\] has a member \[\]"):
        connect_string("a,,b")


@pytest.mark.parametrize(
    "text",
    [
        "Mode: \x1b]0;owned\x07leader\n",
        "Latency min/avg/max: 1.2.3/4/5\nConnections: \N{SUPERSCRIPT TWO}\nMode: \udc80\n",
        "\x1b[2J" * 10_000,
    ],
)
def test_an_answer_that_no_member_gives_is_no_role_and_safe_to_show(text: str) -> None:
    member = parse(TARGET, text)
    assert member.role == ""
    assert member.problem.isprintable()
    assert len(member.problem) < 200


@pytest.mark.parametrize(
    "out",
    ["", "{}", "[]", "[1]", '[["a"]]', '[["a", 1]]', '[["a", "b"], ["c", "d"]]', "[" * 100_000, "x" * 1_000_000],
)
def test_output_that_the_program_does_not_print_is_refused(out: str) -> None:
    assert read_answers(out, 1) is None


def test_lone_surrogates_reach_no_screen() -> None:
    answers = read_answers('[["Mode: leader\\nZxid: \\ud800", ""]]', 1)
    assert answers is not None
    assert parse(TARGET, *answers[0]).zxid == ""


@pytest.mark.parametrize(("pieces", "word"), [(b"x" * 4096, "longer than 16384 bytes"), (b"x", "has not ended")])
def test_the_program_ends_where_an_answer_does_not(pieces: bytes, word: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def answer() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                while not ended.wait(0.05):
                    connection.sendall(pieces)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            words = [sys.executable, "-c", _PROGRAM, "127.0.0.1", str(server.getsockname()[1])]
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        finally:
            ended.set()
            thread.join(5)
    answers = read_answers(done.stdout, 1)
    assert answers is not None
    assert word in answers[0][1]
