"""The scripted server: it speaks with real clients, keeps its script, records what it did, and survives garbage."""

import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError, NotEmptyError

from benchmarks.truth.scripted_server import KERNEL_TIME, SLOW, ScriptedServer, answered
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.libzookeeper import LibZooKeeperClient
from zk_locust.clients.native import NativeClient
from zk_locust.clients.native.requests import Create, GetData

Start = Callable[..., ScriptedServer]
Connect = Callable[[int], Any]


def closes(sock: socket.socket) -> bool:
    """Whether the server ends the connection without another word."""
    try:
        return sock.recv(100) == b""
    except ConnectionError:
        return True


def test_kazoo_works_with_it(start: Start) -> None:
    server = start()
    client = KazooClient(server.hosts)
    client.start(20)
    try:
        client.ensure_path("/a/b")
        assert client.create("/a/b/n-", b"1", sequence=True) == "/a/b/n-0000000000"
        path, stat = client.create("/a/e", b"22", ephemeral=True, include_data=True)
        assert (path, stat.dataLength, stat.ephemeralOwner) == ("/a/e", 2, client.client_id[0])
        assert sorted(client.get_children("/a")) == ["b", "e"]
        children, stat = client.get_children("/a/b", include_data=True)
        assert (children, stat.numChildren) == (["n-0000000000"], 1)
        assert client.set("/a/e", b"333", version=0).version == 1
        assert client.get("/a/e")[0] == b"333"
        assert client.exists("/none") is None
        assert client.sync("/a") == "/a"
        refused: list[tuple[type[Exception], Callable[[], object]]] = [
            (NoNodeError, lambda: client.get("/none")),
            (NodeExistsError, lambda: client.create("/a")),
            (NotEmptyError, lambda: client.delete("/a")),
            (BadVersionError, lambda: client.set("/a/e", b"", version=0)),
        ]
        for error, call in refused:
            with pytest.raises(error):
                call()
        assert client.command(b"ruok") == "imok"
        assert "Mode: standalone" in client.command(b"srvr")
        assert "zk_znode_count\t8" in client.command(b"mntr")
    finally:
        client.stop()
        client.close()
    server.stop()
    assert server.counts["malformed"] == 0


@pytest.mark.parametrize("make", [NativeClient, LibZooKeeperClient])
def test_our_clients_work_with_it(start: Start, make: Callable[[ClientSettings], Any]) -> None:
    server = start()
    for _ in range(2):
        client = make(ClientSettings(server.hosts))
        client.start()
        # The ephemeral node of the first session is gone when the second one makes it.
        assert client.create("/mine", b"v", ephemeral=True) == "/mine"
        assert client.get("/mine")[0] == b"v"
        assert client.set("/mine", b"w").version == 1
        assert client.exists("/mine").dataLength == 1
        assert sorted(client.get_children("/")) == ["mine", "zookeeper"]
        client.stop()
        client.close()
    server.stop()
    assert server.counts["malformed"] == 0


def test_counts_and_record_are_exact(start: Start) -> None:
    server = start()
    client = NativeClient(ClientSettings(server.hosts))
    client.start()
    list(client.pipeline(Create(f"/n{number}", b"x") for number in range(70)))
    list(client.pipeline(GetData(f"/n{number}") for number in range(70)))
    client.set("/n0", b"y")
    client.stop()
    client.close()
    server.stop()
    counts = server.counts["received"]
    assert (counts["1"], counts["4"], counts["5"], counts["-11"]) == (70, 70, 1, 1)
    assert server.counts["answered"] == counts
    rows = server.rows
    assert len(rows) == server.counts["rows"] == 71
    assert rows["opcode"].tolist() == [4] * 70 + [5]
    assert rows["xid"].tolist() == list(range(71, 142))
    assert set(rows["connection"]) == {1}


def test_each_row_tells_when_and_from_whom(start: Start, connect: Connect) -> None:
    server = start()
    earlier, wall = time.monotonic_ns(), time.time_ns()
    session = connect(server.port)
    for _ in range(5):
        session.get()
        session.reply()
    later = time.monotonic_ns()
    server.stop()
    rows = server.rows
    times = np.stack([rows[name] for name in ("arrival", "read", "send", "sent")])
    assert (np.diff(times, axis=0) >= 0).all()
    assert (times > earlier).all()
    # The client may have the reply before the server's system call has returned.
    assert (times[:3] < later).all()
    assert (rows["arrival_wall"] >= wall).all()
    assert set(rows["port"]) == {session.sock.getsockname()[1]}
    assert (rows["flags"] & KERNEL_TIME).all()


def test_no_answer_comes_before_its_time(start: Start, connect: Connect) -> None:
    server = start(delay_us=20_000)
    sessions = [connect(server.port) for _ in range(3)]
    for session in sessions:
        session.get()
    for session in sessions:
        session.reply()
    server.stop()
    rows = server.rows
    assert (rows["due"] - rows["arrival"] == 20_000_000).all()
    assert (rows["send"] >= rows["due"]).all()
    # They are served beside each other.
    assert rows["arrival"].max() < rows["send"].min()


def test_a_share_of_the_requests_is_slow(start: Start, connect: Connect) -> None:
    found = []
    for _ in range(2):
        server = start(delay_us=10, slow_share=0.25, slow_delay_us=2000, seed=7)
        session = connect(server.port)
        for _ in range(200):
            session.get()
            session.reply()
        server.stop()
        slow = server.rows["flags"] & SLOW > 0
        assert ((server.rows["due"] - server.rows["arrival"]) == np.where(slow, 2_000_000, 10_000)).all()
        found.append(slow.tolist())
    assert 20 < sum(found[0]) < 80
    assert found[0] == found[1], "the same seed gives the same requests"


def test_answers_of_a_session_keep_the_order_of_its_requests(start: Start, connect: Connect) -> None:
    server = start(delay_us=10, slow_share=0.5, slow_delay_us=3000)
    session = connect(server.port)
    asked = [session.get() if number % 3 else session.ask(11) for number in range(60)]
    assert [session.reply() for _ in asked] == asked


def test_one_at_a_time_serves_nobody_beside_another(start: Start, connect: Connect) -> None:
    server = start(delay_us=5000, one_at_a_time=True)
    sessions = [connect(server.port) for _ in range(4)]
    for session in sessions:
        session.get()
    for session in sessions:
        session.reply()
    server.stop()
    assert (np.diff(np.sort(server.rows["due"])) >= 5_000_000).all()


def test_a_stall_neither_reads_nor_answers(start: Start, connect: Connect) -> None:
    server = start(stall_s=0.4, stall_from_s=0.2)
    session = connect(server.port)
    began = time.monotonic()
    while time.monotonic() < began + 1:
        session.get()
        session.reply()
    server.stop()
    since = {name: server.rows[name] - server.rows["arrival"].min() for name in ("read", "send")}
    for times in since.values():
        # A busy machine may delay what had begun before the stall.
        assert not ((times > 400_000_000) & (times < 600_000_000)).any()
    assert (since["read"] > 600_000_000).any(), "it goes on afterwards"
    ((began, ended),) = server.counts["stalls"]
    assert began - server.rows["arrival"].min() >= 200_000_000
    assert ended - server.rows["arrival"].min() >= 600_000_000


def test_stalls_come_again(start: Start, connect: Connect) -> None:
    server = start(stall_s=0.1, stall_from_s=0.1, stall_every_s=0.25)
    session = connect(server.port)
    began = time.monotonic()
    while time.monotonic() < began + 0.8:
        session.get()
        session.reply()
    server.stop()
    since = server.rows["send"] - server.rows["arrival"].min() - 100_000_000
    assert len(np.unique(since[since > 0] // 250_000_000)) >= 2
    within = since[since > 0] % 250_000_000
    assert not ((within > 50_000_000) & (within < 100_000_000)).any()


def test_latency_grows(start: Start, connect: Connect) -> None:
    server = start(delay_us=1000, growth_per_s=10)
    session = connect(server.port)
    began = time.monotonic()
    while time.monotonic() < began + 0.3:
        session.get()
        session.reply()
    server.stop()
    rows = server.rows
    since_s = (rows["arrival"] - rows["arrival"].min()) / 1e9
    assert rows["due"] - rows["arrival"] == pytest.approx(1e6 * (1 + 10 * since_s), abs=2)
    assert since_s.max() > 0.2


def test_while_it_is_down_no_connection_lives(start: Start, connect: Connect) -> None:
    server = start(down_s=0.5, down_from_s=0.2, delay_us=300_000)
    session = connect(server.port)
    session.get()
    session.get()
    assert session.receive() == b"", "the answers are due while it is down"
    with pytest.raises(ConnectionRefusedError):
        connect(server.port)
    time.sleep(0.6)
    session = connect(server.port)
    assert session.get() == session.reply()
    server.stop()
    assert server.counts["received"] == {"4": 3}
    assert server.counts["answered"] == {"4": 1}
    assert len(server.rows) == 3


def test_what_is_never_answered_is_recorded(start: Start, connect: Connect) -> None:
    server = start(stall_s=1000, stall_from_s=0)
    sessions = [connect(server.port) for _ in range(3)]
    for session in sessions:
        session.get()
        session.get()
    sessions[0].sock.close()
    server.stop()
    assert server.counts["received"] == {"4": 6}
    assert server.counts["answered"] == {}
    assert len(server.rows) == 6
    assert len(answered(server.rows)) == 0
    assert (server.rows["arrival"] > 0).all()


def test_a_later_segment_does_not_hide_when_a_request_came(start: Start, connect: Connect) -> None:
    server = start(stall_s=1000, stall_from_s=0)
    session = connect(server.port)
    session.get()
    session.get()
    time.sleep(0.2)
    between = time.monotonic_ns()
    session.ask(11)
    session.sock.close()
    server.stop()
    assert server.counts["received"] == {"4": 2, "11": 1}
    assert (server.rows["arrival"] < between).all()


def test_without_a_record_it_only_counts(program: Any, connect: Connect) -> None:
    with ScriptedServer(program) as server:
        session = connect(server.port)
        for _ in range(10):
            session.get()
            session.reply()
    assert server.counts["received"] == {"4": 10}
    assert server.counts["rows"] == server.counts["not_recorded"] == 0


def test_a_full_record_is_said(start: Start, connect: Connect) -> None:
    server = start(record_rows=3)
    session = connect(server.port)
    for _ in range(5):
        session.get()
        session.reply()
    server.stop()
    assert (len(server.rows), server.counts["rows"], server.counts["not_recorded"]) == (3, 3, 2)


@pytest.mark.parametrize(
    "first",
    [
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\0\x10\0\1",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!i", 12) + bytes(12),
        struct.pack("!iiqiqi", 28, 0, 0, 30_000, 0, 1000),
        struct.pack("!iiqiqi", 28, 7, 0, 30_000, 0, 0),
    ],
)
def test_garbage_for_a_handshake_ends_the_connection(start: Start, connect: Connect, first: bytes) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(first)
        assert closes(sock)
    session = connect(server.port)
    assert session.get() == session.reply()
    server.stop()
    assert server.counts["malformed"] == 1


@pytest.mark.parametrize(
    "request_frame",
    [
        struct.pack("!iii", 1, 4, 1000),
        struct.pack("!iii", 1, 4, -7) + b"/a\0",
        struct.pack("!iii", 1, 4, 10) + b"/zookeeper",
        struct.pack("!iii", 1, 1, 2) + b"/a" + struct.pack("!ii", 0, 2**31 - 1),
        struct.pack("!ii", 1, 30_000),
    ],
)
def test_a_malformed_request_ends_the_connection(start: Start, connect: Connect, request_frame: bytes) -> None:
    server = start()
    session = connect(server.port)
    session.send(request_frame)
    assert session.receive() == b""
    other = connect(server.port)
    assert other.get() == other.reply()
    server.stop()
    assert server.counts["malformed"] == 1


def test_it_survives_random_bytes(start: Start, connect: Connect) -> None:
    server = start()
    lots = random.Random(1)
    for _ in range(150):
        session = connect(server.port)
        opcode = lots.choice([1, 2, 3, 4, 5, 6, 8, 9, 12, 14, 15, 100, 101, 106])
        body = struct.pack("!i", lots.choice([0, 2, 5, 1000])) + lots.randbytes(lots.randrange(60))
        session.ask(opcode, body)
        with contextlib.suppress(OSError):  # it may have ended the connection by now
            session.sock.sendall(lots.randbytes(lots.randrange(30)))
            session.sock.shutdown(socket.SHUT_WR)
            while session.receive():
                pass
        session.sock.close()
    session = connect(server.port)
    assert session.get() == session.reply()


def test_frames_may_come_in_pieces(start: Start, connect: Connect) -> None:
    server = start()
    session = connect(server.port)
    frame = struct.pack("!iiii", 23, 1, 4, 10) + b"/zookeeper\0"
    for byte in frame:
        session.sock.sendall(bytes([byte]))
    assert session.reply() == 1
    session.sock.sendall(frame * 3)
    assert [session.reply() for _ in range(3)] == [1, 1, 1]
    different = b"".join(struct.pack("!iiii", 23, xid, 4, 10) + b"/zookeeper\0" for xid in (2, 3, 4))
    for begin in range(0, len(different), 20):
        session.sock.sendall(different[begin : begin + 20])
        time.sleep(0.02)  # the server has read it: the end of one frame and the beginning of the next
    assert [session.reply() for _ in range(3)] == [2, 3, 4]


@pytest.mark.parametrize(
    "script", [{"delay_us": "soon"}, {"stall_s": 2, "stall_every_s": 1}, {"interest": "get"}, {"unheard_of": 1}]
)
def test_a_script_without_sense_is_refused(program: Any, script: dict[str, Any], capfd: Any) -> None:
    with pytest.raises(RuntimeError, match="exit code 2"), ScriptedServer(program, None, **script):
        pass
    assert capfd.readouterr().err
