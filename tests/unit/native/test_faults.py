"""The native client against a peer that misbehaves: an error within the time limit, then recovery; no wrong answer."""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent.lock import Semaphore

from tests.unit.native.fake_server import (
    BEYOND_S,
    MUCH_LATER_S,
    OK,
    STAT,
    VALUE,
    FakeServer,
    Request,
    frame,
    reply,
    silent,
    until,
)
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import NativeClient, jute, protocol, session
from zk_locust.clients.native.handshake import shake_hands
from zk_locust.contract.errors import (
    ClientError,
    ConnectError,
    ConnectionLossError,
    NoNodeError,
    OperationTimeoutError,
    ProtocolError,
)


@contextmanager
def client_of(
    hosts: str, *, operation_s: float = BEYOND_S, session_s: float = BEYOND_S, **options: Any
) -> Iterator[NativeClient]:
    client = NativeClient(ClientSettings(hosts, session_s, BEYOND_S, operation_s), **options)
    client.start()
    try:
        yield client
    finally:
        client.close()


def answers(*actions: Callable[[Request], object]) -> Callable[[Request], None]:
    """Return an act that takes one action for each request but pings, then answers in order."""
    left = list(actions)

    def act(request: Request) -> None:
        if request.xid < 0 or not left:
            request.ordinary()
        else:
            left.pop(0)(request)

    return act


def test_the_bytes_of_a_get() -> None:
    with FakeServer() as server, client_of(server.hosts + "/root") as client:
        value, stat = client.get("/a")
        assert (value, tuple(stat)) == (b"value", (2, 3, 4, 5, 6, 7, 8, 0, 5, 0, 9))
        (request,) = server.of(protocol.GET_DATA)
        assert (request.xid, request.body) == (1, struct.pack("!i", 7) + b"/root/a" + b"\0")
        assert not server.connects[0].read_only


def test_replies_cut_and_glued() -> None:
    held: list[Request] = []

    def act(request: Request) -> None:
        held.append(request)
        if len(held) == 4:
            data = b"".join(reply(r.xid, struct.pack("!i", 1) + str(r.xid).encode() + STAT, zxid=r.xid) for r in held)
            for piece in (data[:1], data[1:7], data[7:100], data[100:250], data[250:]):
                request.link.sendall(piece)
                gevent.sleep(0.01)

    with FakeServer(act) as server, client_of(server.hosts) as client:
        users = [gevent.spawn(client.get, f"/{n}") for n in range(4)]
        gevent.joinall(users, raise_error=True)
        assert [user.value[0] for user in users] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("how", ["kill", "timeout"])
def test_a_user_stopped_in_mid_operation_leaves_the_session_usable(how: str) -> None:
    late: list[Request] = []
    with FakeServer(answers(late.append)) as server, client_of(server.hosts) as client:
        if how == "kill":
            user = gevent.spawn(client.get, "/a")
            until(lambda: late)
            user.kill()
        else:
            with gevent.Timeout(0.05, False):
                client.get("/a")
        gevent.spawn_later(0.05, late[0].answer, struct.pack("!i", 5) + b"WRONG" + STAT)
        server_get = server.act
        server.act = lambda request: (gevent.sleep(0.1), server_get(request))
        assert client.get("/a")[0] == b"value"
        assert len(server.connects) == 1


def test_time_limit_then_the_late_reply_is_skipped() -> None:
    late: list[Request] = []
    with FakeServer(answers(late.append)) as server, client_of(server.hosts, operation_s=0.5) as client:
        began = time.monotonic()
        with pytest.raises(OperationTimeoutError):
            client.get("/a")
        assert 0.49 <= time.monotonic() - began < MUCH_LATER_S
        late[0].answer(struct.pack("!i", 5) + b"WRONG" + STAT)
        assert client.get("/a")[0] == b"value"
        assert len(server.connects) == 1


def test_time_limits_of_several_operations_are_their_own() -> None:
    with FakeServer(silent) as server, client_of(server.hosts, operation_s=0.5) as client:
        ended: list[float] = []

        def user(after: float) -> None:
            gevent.sleep(after)
            began = time.monotonic()
            with pytest.raises(OperationTimeoutError):
                client.get("/a")
            ended.append(time.monotonic() - began)

        gevent.joinall([gevent.spawn(user, n * 0.1) for n in range(5)], raise_error=True)
        # A timer counts from when the event loop last read the clock, a moment ago on a busy machine.
        assert all(0.4 <= time_s < MUCH_LATER_S for time_s in ended), ended


GARBAGE = {
    "another xid": lambda r: r.link.sendall(reply(r.xid + 1, OK[protocol.GET_DATA])),
    "an older xid": lambda r: r.link.sendall(reply(r.xid - 1, OK[protocol.GET_DATA])),
    "an unknown negative xid": lambda r: r.link.sendall(reply(-77)),
    "credentials never sent": lambda r: r.link.sendall(reply(-4)),
    "negative length": lambda r: r.link.sendall(struct.pack("!i", -1) + bytes(40)),
    "enormous length": lambda r: r.link.sendall(struct.pack("!i", 2**31 - 1) + bytes(40)),
    "no room for a header": lambda r: r.link.sendall(frame(bytes(15))),
    "an empty frame": lambda r: r.link.sendall(frame(b"")),
    "no record": lambda r: r.answer(),
    "a value longer than the frame": lambda r: r.answer(struct.pack("!i", 500) + b"value" + STAT),
    "a value shorter than the frame": lambda r: r.answer(struct.pack("!i", 1) + b"value" + STAT),
    "half a stat": lambda r: r.answer(VALUE + STAT[:30]),
    "more than a stat": lambda r: r.answer(VALUE + STAT + b"\0"),
    "a malformed event": lambda r: r.link.sendall(reply(-1, b"\0\0\0\1\0\0\0\3\0\0\0\7/a")),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_an_error_at_once_and_the_session_goes_on(name: str) -> None:
    with FakeServer(answers(GARBAGE[name])) as server, client_of(server.hosts) as client:
        session_id = client.session_id
        with pytest.raises(ProtocolError):  # not the error of the time limit
            client.get("/a")
        assert client.get("/a")[0] == b"value"
        assert client.session_id == session_id == server.connects[1].session_id


@pytest.mark.parametrize("cut", [0, 3, 10, 25])
def test_a_reply_cut_by_the_end_of_the_connection(cut: int) -> None:
    def act(request: Request) -> None:
        request.link.sendall(reply(request.xid, OK[protocol.GET_DATA])[:cut])
        request.drop()

    with FakeServer(answers(act)) as server, client_of(server.hosts) as client:
        with pytest.raises(ConnectionLossError):
            client.get("/a")
        assert client.get("/a")[0] == b"value"


def test_a_reply_that_never_ends_is_cut_off_by_the_time_limit() -> None:
    def act(request: Request) -> None:
        request.link.sendall(reply(request.xid, OK[protocol.GET_DATA])[:-1])

    with (
        FakeServer(answers(act), timeout_ms=3000) as server,
        client_of(server.hosts, operation_s=0.5, session_s=3.0) as client,
    ):
        with pytest.raises(OperationTimeoutError):
            client.get("/a")
        with pytest.raises(ClientError):
            client.get("/a")
        until(lambda: len(server.connects) == 2)
        assert client.get("/a")[0] == b"value"


def test_an_error_of_the_server_is_the_operations_own() -> None:
    with FakeServer(answers(lambda r: r.answer(code=-101))) as server, client_of(server.hosts) as client:
        with pytest.raises(NoNodeError):
            client.get("/a")
        assert client.get("/a")[0] == b"value"
        assert len(server.connects) == 1


def test_children_counted_beyond_the_frame() -> None:
    act = answers(lambda r: r.answer(struct.pack("!i", 2**30)), lambda r: r.answer(struct.pack("!ii", 1, 99) + b"x"))
    with FakeServer(act) as server, client_of(server.hosts) as client:
        for _ in range(2):
            with pytest.raises(ProtocolError):
                client.get_children("/")


def test_a_slow_reader_gets_everything_in_order() -> None:
    gate = Semaphore(0)
    seen: list[tuple[int, int]] = []

    def act(request: Request) -> None:
        if not seen:
            gate.acquire()
        seen.append((request.xid, len(request.body)))
        request.ordinary()

    with FakeServer(act) as server, client_of(server.hosts) as client:
        users = [gevent.spawn(client.set, "/a", b"v" * 700_000) for _ in range(20)]
        users.append(gevent.spawn(client.get, "/a"))
        gevent.sleep(0.2)
        gate.release()
        gevent.joinall(users, raise_error=True)
        assert [xid for xid, _ in seen] == list(range(1, 22))
        assert len(server.connects) == 1
        assert client.get("/a")[0] == b"value"


def test_a_large_reply_arrives_whole() -> None:
    value = bytes(range(256)) * 20_000
    act = answers(lambda r: r.answer(struct.pack("!i", len(value)) + value + STAT))
    with FakeServer(act) as server, client_of(server.hosts) as client:
        assert client.get("/a")[0] == value
        assert client.get("/a")[0] == b"value"


@pytest.mark.parametrize("size", [100, 1000, 20_000])
def test_replies_of_the_same_size_soon_take_one_receive_each(size: int) -> None:
    record = struct.pack("!i", size) + bytes(size) + STAT
    with FakeServer(lambda request: request.answer(record)) as server, client_of(server.hosts) as client:
        for _ in range(12):
            client.get("/a")
        connection: Any = client._session.connection
        sizes, receive = list[int](), connection._receive

        def counted(most: int, control: int) -> Any:
            found = receive(most, control)
            sizes.append(len(found[0]))
            return found

        connection._receive = counted
        for _ in range(3):
            assert client.get("/a")[0] == bytes(size)
        assert sizes == [len(record) + 20] * 3


def test_a_reply_beyond_the_limit_is_an_error() -> None:
    act = answers(lambda r: r.answer(struct.pack("!i", 5000) + bytes(5000) + STAT))
    with FakeServer(act) as server, client_of(server.hosts, max_frame_bytes=4096) as client:
        with pytest.raises(ProtocolError, match="5088"):
            client.get("/a")
        assert client.get("/a")[0] == b"value"


def test_request_numbers_start_again_at_their_end() -> None:
    with FakeServer() as server, client_of(server.hosts) as client:
        connection = client._session.connection
        assert connection is not None
        connection._next_xid = connection._head = protocol.MAX_XID - 1
        assert [client.get("/a")[0] for _ in range(4)] == [b"value"] * 4
        assert [r.xid for r in server.of(protocol.GET_DATA)] == [protocol.MAX_XID - 1, protocol.MAX_XID, 1, 2]


def accept_and_keep_silent(link: object, connect: object) -> bool:
    gevent.sleep(30)
    return False


def answer_garbage(link: object, connect: object) -> bool:
    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # type: ignore[attr-defined]
    return False


def refuse(link: object, connect: object) -> bool:
    return False


@pytest.mark.parametrize("grant", [accept_and_keep_silent, answer_garbage, refuse])
def test_no_session_within_the_connect_time_limit(grant: Callable[[object, object], bool]) -> None:
    with FakeServer(grant=grant) as server:
        # On a slow machine, less than that is over before the first answer.
        limit_s = 0.5 if grant is accept_and_keep_silent else 2.0
        client = NativeClient(ClientSettings(server.hosts, 3.0, limit_s, limit_s))
        began = time.monotonic()
        with pytest.raises(ConnectError, match=server.hosts if grant is not accept_and_keep_silent else "no session"):
            client.start()
        assert 0.8 * limit_s < time.monotonic() - began < MUCH_LATER_S
        assert not client.connected
        connects = len(server.connects)
        gevent.sleep(0.2)
        assert len(server.connects) == connects, "it goes on connecting"
        assert connects < 40 * limit_s, "it hammers"


def test_a_member_that_drops_each_session_at_once_is_not_hammered() -> None:
    def act(request: Request) -> None:
        request.drop()

    with FakeServer(act) as server, client_of(server.hosts) as client:
        for _ in range(10):
            with pytest.raises(ConnectionLossError):
                client.get("/a")
        assert len(server.connects) <= 11
        began = time.monotonic()
        for _ in range(5):
            with pytest.raises(ConnectionLossError):
                client.get("/a")
        assert time.monotonic() - began > 0.2


def test_nobody_listens() -> None:
    with FakeServer() as server:
        hosts = server.hosts
    client = NativeClient(ClientSettings(hosts, 3.0, 0.4, 0.5))
    with pytest.raises(ConnectError, match="refused"):
        client.start()
    with pytest.raises(ConnectionLossError, match="not started"):
        client.get("/a")


def test_closing_with_operations_under_way_ends_them() -> None:
    with FakeServer(silent) as server, client_of(server.hosts) as client:
        ended: list[type[ClientError]] = []

        def user() -> None:
            try:
                client.get("/a")
            except ClientError as error:
                ended.append(type(error))

        users = [gevent.spawn(user) for _ in range(3)]
        until(lambda: len(server.requests) == 3)
        client.close()
        gevent.joinall(users, timeout=MUCH_LATER_S)
        assert ended == [ConnectionLossError] * 3


def test_stopping_in_the_middle_of_connecting() -> None:
    with FakeServer(grant=accept_and_keep_silent) as server:
        client = NativeClient(ClientSettings(server.hosts))
        user = gevent.spawn(client.start)
        until(lambda: server.connects)
        user.kill()
        assert client.state == "CLOSED"


def test_stopping_at_the_moment_of_success(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as server, client_of(server.hosts) as client:

        def stopped_meanwhile(*arguments: Any) -> Any:
            granted = shake_hands(*arguments)
            client.close()
            return granted

        monkeypatch.setattr(session, "shake_hands", stopped_meanwhile)
        server.drop_all()
        until(lambda: len(server.connects) == 2)
        gevent.sleep(0.02)
        assert not client.connected


def test_stop_says_good_bye_and_start_begins_a_new_session() -> None:
    with FakeServer() as server, client_of(server.hosts) as client:
        first = client.session_id
        client.stop()
        assert [r.opcode for r in server.requests] == [protocol.CLOSE_SESSION]
        assert (client.session_id, client.connected) == (0, False)
        client.start()
        assert client.session_id not in (0, first)
        assert server.connects[1].session_id == 0


def test_stop_does_not_wait_for_a_dead_member() -> None:
    with FakeServer(silent) as server, client_of(server.hosts, operation_s=0.3) as client:
        began = time.monotonic()
        client.stop()
        assert time.monotonic() - began < MUCH_LATER_S


@pytest.mark.parametrize(
    ("read", "record"),
    [
        (jute.read_data_and_stat, struct.pack("!i", -2) + STAT),
        (jute.read_data_and_stat, struct.pack("!i", -(2**31)) + STAT),
        (jute.read_children, struct.pack("!i", -2)),
        (jute.read_children, struct.pack("!i", -(2**31))),
        (jute.read_children, struct.pack("!ii", 1, -1)),
        (jute.read_children_and_stat, struct.pack("!i", -3) + STAT),
        (jute.read_path, struct.pack("!i", -1)),
        (lambda data: jute.buffer_at(data, jute.RECORD), struct.pack("!i", -2)),
    ],
)
def test_negative_lengths_and_counts_are_errors(read: Callable[[bytes], object], record: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(reply(1, record))


def test_null_is_no_error() -> None:
    null = struct.pack("!i", -1)
    assert jute.read_data_and_stat(reply(1, null + STAT))[0] == b""
    assert jute.read_children(reply(1, null)) == []
    assert jute.buffer_at(reply(1, null), jute.RECORD) == (b"", jute.RECORD + 4)


@pytest.mark.parametrize("read", [NativeClient.get, NativeClient.get_value])
def test_a_value_of_negative_length_costs_the_connection_and_the_client_recovers(read: Callable[..., object]) -> None:
    wrong = struct.pack("!i", -5) + STAT
    with FakeServer(answers(lambda request: request.answer(wrong))) as server, client_of(server.hosts) as client:
        with pytest.raises(ProtocolError, match="a value of -5 bytes"):
            read(client, "/a")
        until(lambda: client.connected)
        assert client.get_value("/a") == b"value"
