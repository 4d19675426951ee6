"""Sessions and watches against a scripted peer: what is sent when, which no real server would show."""

import struct
import time
from typing import Any

import gevent
import pytest
from kazoo.protocol.states import WatchedEvent

from tests.unit.native.fake_server import BEYOND_S, MUCH_LATER_S, FakeServer, Request, event, hang_up, silent, until
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import Create, GetData, NativeClient, handshake, protocol
from zk_locust.contract.errors import (
    AuthFailedError,
    BadArgumentsError,
    ConnectionLossError,
    NoNodeError,
    OperationTimeoutError,
    SessionExpiredError,
)


class Client(NativeClient):
    """Keeps the states it is told of."""

    def __init__(
        self, hosts: str, *, operation_s: float = BEYOND_S, session_s: float = BEYOND_S, **options: Any
    ) -> None:
        super().__init__(ClientSettings(hosts, session_s, BEYOND_S, operation_s), **options)
        self.states: list[str] = []
        self.add_listener(self.states.append)

    def __enter__(self) -> "Client":
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


def names(body: bytes, offset: int) -> tuple[list[str], int]:
    count = struct.unpack_from("!i", body, offset)[0]
    offset += 4
    found = []
    for _ in range(count):
        size = struct.unpack_from("!i", body, offset)[0]
        found.append(body[offset + 4 : offset + 4 + size].decode())
        offset += 4 + size
    return found, offset


def no_node(request: Request) -> None:
    if request.opcode == protocol.EXISTS:
        request.answer(code=-101)
    elif request.opcode == protocol.GET_CHILDREN:
        request.answer(struct.pack("!i", 0))
    else:
        request.ordinary()


def test_a_session_goes_on_at_the_next_member_with_watches_and_credentials() -> None:
    with FakeServer(no_node) as one, FakeServer(no_node) as two:
        hosts = f"{one.hosts},{two.hosts}/app"
        with Client(hosts, credentials=[("digest", b"user:secret")]) as client:
            first, second = (one, two) if one.connects else (two, one)
            client.get("/data", print)
            client.exists("/none", print)
            client.get_children("/", print)
            client.add_auth("digest", b"more:secret")
            first.drop_all()
            until(lambda: second.connects)
            assert client.get("/data")[0] == b"value"
            assert second.connects[0].session_id == client.session_id == 0x1001
            assert second.connects[0].password == b"p" * 16
            assert second.connects[0].last_zxid == 10
            # Everything stands before the first operation.
            opcodes = [request.opcode for request in second.requests]
            assert opcodes == [protocol.AUTH, protocol.AUTH, protocol.SET_WATCHES, protocol.GET_DATA]
            assert second.requests[1].body.endswith(b"more:secret")
            body = second.requests[2].body
            assert struct.unpack_from("!q", body)[0] == 10
            data, offset = names(body, 8)
            exist, offset = names(body, offset)
            child, offset = names(body, offset)
            assert (data, exist, child, offset) == (["/app/data"], ["/app/none"], ["/app"], len(body))
            assert client.states == ["CONNECTED", "SUSPENDED", "CONNECTED"]


def test_many_watches_are_set_again_in_pieces_that_a_server_takes() -> None:
    with FakeServer() as server, Client(server.hosts) as client:
        for number in range(3000):
            client.get(f"/{number:0200}", print)
        server.drop_all()
        until(lambda: len(server.connects) == 2)
        client.get("/a")
        pieces = server.of(protocol.SET_WATCHES)
        assert len(pieces) > 2
        assert max(len(piece.body) for piece in pieces) < 200_000
        assert sum(len(names(piece.body, 8)[0]) for piece in pieces) == 3000


def test_an_expired_session_is_replaced() -> None:
    events: list[WatchedEvent] = []
    with FakeServer() as server, Client(server.hosts) as client:
        old = client.session_id
        client.get("/a", events.append)
        server.expired.add(old)
        server.grant = lambda _link, _connect: gevent.sleep(0.1) is None
        server.drop_all()
        until(lambda: not client.connected)
        with pytest.raises(SessionExpiredError):
            client.get("/a")
        assert client.get("/a")[0] == b"value"
        assert client.session_id != old
        assert [(c.session_id, c.last_zxid) for c in server.connects] == [(0, 0), (old, 10), (0, 0)]
        assert not server.of(protocol.SET_WATCHES)
        assert client.states == ["CONNECTED", "SUSPENDED", "LOST", "CONNECTED"]
        assert events == [WatchedEvent("NONE", "EXPIRED_SESSION", None)]


def test_an_operation_that_is_told_of_the_expiry_ends_with_all_others() -> None:
    ended: list[str] = []

    def act(request: Request) -> None:
        if len(server.requests) == 3:
            server.requests[0].answer(code=-112)

    with FakeServer(act) as server, Client(server.hosts) as client:
        old = client.session_id

        def user() -> None:
            try:
                client.get("/a")
            except SessionExpiredError as error:
                ended.append(type(error).__name__)

        gevent.joinall([gevent.spawn(user) for _ in range(3)])
        assert ended == ["SessionExpiredError"] * 3
        server.act = Request.ordinary
        assert client.get("/a")[0] == b"value"
        assert client.session_id != old


def test_refused_credentials() -> None:
    def act(request: Request) -> None:
        request.answer(code=-115 if request.opcode == protocol.AUTH else 0)

    with FakeServer(act) as server:
        client = NativeClient(ClientSettings(server.hosts, 3.0, 2.0, 1.0), credentials=[("nonsense", b"x")])
        with pytest.raises(AuthFailedError, match="nonsense"):
            client.start()
        assert len(server.connects) == 1
        with Client(server.hosts) as client:
            with pytest.raises(AuthFailedError):
                client.add_auth("nonsense", b"x")
            with pytest.raises(AuthFailedError):
                client.get("/a")
            gevent.sleep(0.1)
            assert len(server.connects) == 2
            assert client.states == ["CONNECTED", "LOST"]


def test_credentials_without_an_answer_keep_their_time_limit() -> None:
    with (
        FakeServer(silent) as server,
        Client(server.hosts, operation_s=0.2) as client,
        pytest.raises(OperationTimeoutError),
    ):
        client.add_auth("digest", b"x:y")


def test_an_idle_session_pings_and_a_silent_member_is_left() -> None:
    with FakeServer(timeout_ms=900) as server, Client(server.hosts, session_s=0.9) as client:
        began = time.monotonic()
        until(lambda: len(server.of(protocol.PING)) == 3)
        assert time.monotonic() - began > 0.6, "a ping after a third of the session's time limit"
        pings = server.of(protocol.PING)
        assert {ping.xid for ping in pings} == {-2}
        assert len(server.connects) == 1
        server.act = silent
        began = time.monotonic()
        until(lambda: len(server.connects) == 2)
        assert time.monotonic() - began > 0.3, "a member has its time"
        server.act = Request.ordinary
        assert client.get("/a")[0] == b"value"
        assert server.connects[1].session_id == 0x1001


def test_a_busy_session_does_not_ping() -> None:
    with FakeServer(timeout_ms=900) as server, Client(server.hosts, session_s=0.9) as client:
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            client.get("/a")
            gevent.sleep(0.05)
        assert not server.of(protocol.PING)
        assert len(server.connects) == 1


def test_what_fails_for_once_does_not_end_the_search_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as server, Client(server.hosts) as client:
        failures: list[Exception] = [OSError(24, "Too many open files"), MemoryError(), UnicodeError("label too long")]
        real = handshake._resolve

        def scarce(address: Any) -> Any:
            if failures:
                raise failures.pop()
            return real(address)

        monkeypatch.setattr(handshake, "_resolve", scarce)
        server.drop_all()
        until(lambda: not failures and client.connected)
        assert client.get("/a")[0] == b"value"


def test_operations_without_a_connection_wait_no_longer_than_their_limit() -> None:
    with FakeServer() as server, Client(server.hosts, operation_s=0.3) as client:
        server.grant = lambda _link, _connect: False
        server.drop_all()
        until(lambda: not client.connected)
        began = time.monotonic()
        with pytest.raises(ConnectionLossError, match=r"no connection within 0\.3 s"):
            client.get("/a")
        assert 0.25 < time.monotonic() - began < MUCH_LATER_S
        server.grant = None
        until(lambda: client.connected)
        assert client.get("/a")[0] == b"value"


def test_watches_fire_once_and_by_their_kind() -> None:
    events: list[tuple[str, str, str]] = []

    def note(who: str) -> Any:
        return lambda notice: events.append((who, notice.type, notice.path))

    with FakeServer(no_node) as server, Client(server.hosts + "/c") as client:
        data, exist, child = note("data"), note("exist"), note("child")
        client.get("/a", data)
        client.get("/a", data)
        client.exists("/a", exist)
        client.get_children("/a", child)
        for kind, path in ((4, "/c/b"), (4, "/c/a"), (3, "/c/a"), (3, "/c/a"), (2, "/c/a"), (9, "/c/a"), (-1, "")):
            server.send_all(event(kind, path))
        until(lambda: len(events) == 3)
        gevent.sleep(0.05)
        assert events == [("child", "CHILD", "/a"), ("data", "CHANGED", "/a"), ("exist", "CHANGED", "/a")]
        events.clear()
        client.get("/a", data)
        client.get_children("/a", child)
        server.send_all(event(2, "/c/a"))
        until(lambda: len(events) == 2)
        assert {who for who, _, _ in events} == {"data", "child"}


def test_a_watch_may_operate_and_fail(hub_errors: list[Any]) -> None:
    values: list[bytes] = []
    with FakeServer() as server, Client(server.hosts) as client:

        def again(notice: WatchedEvent) -> None:
            values.append(client.get(notice.path, again)[0])
            raise ZeroDivisionError

        client.get("/a", again)
        for _ in range(3):
            server.send_all(event(3, "/a"))
            gevent.sleep(0.02)
        until(lambda: len(values) == 3)
        assert [details[1] for details in hub_errors] == [ZeroDivisionError] * 3
        hub_errors.clear()


def test_a_watch_of_an_operation_that_was_stopped_is_not_kept() -> None:
    with FakeServer(silent) as server, Client(server.hosts) as client:
        user = gevent.spawn(client.get, "/a", print)
        until(lambda: server.requests)
        user.kill()
        server.requests[0].ordinary()
        server.act = Request.ordinary
        client.get("/b")
        assert client._session.watches.paths() == [[], [], []]


def test_a_pipeline_keeps_its_window_and_its_order() -> None:
    most = 0
    held: list[Request] = []

    def act(request: Request) -> None:
        nonlocal most
        held.append(request)
        most = max(most, len(held))
        if len(held) >= 8 or len(server.requests) == 100:
            while held:
                done = held.pop(0)
                number = str(done.xid).encode()
                if done.xid % 10 == 0:
                    done.answer(code=-101)
                else:
                    done.answer(struct.pack("!i", len(number) + 1) + b"/" + number)

    with FakeServer(act) as server, Client(server.hosts) as client:
        results = list(client.pipeline((Create(f"/{n}", b"x") for n in range(1, 101)), window=16))
        assert most <= 16
        expected = [NoNodeError if n % 10 == 0 else f"/{n}" for n in range(1, 101)]
        assert [type(result) if isinstance(result, NoNodeError) else result for result in results] == expected
        assert list(client.pipeline([])) == []


@pytest.mark.parametrize("window", [1, 2, 16])
def test_a_pipeline_has_its_window_under_way_and_not_more(window: int) -> None:
    with FakeServer(silent) as server, Client(server.hosts) as client:
        user = gevent.spawn(list, client.pipeline((GetData("/a") for _ in range(100)), window=window))
        until(lambda: len(server.requests) == window)
        gevent.sleep(0.05)
        assert len(server.requests) == window
        user.kill()


@pytest.mark.parametrize("window", [1, 2, 7])
def test_a_pipeline_ends_with_what_ended_it(window: int) -> None:
    def act(request: Request) -> None:
        if len(server.requests) == 5:
            request.drop()
        else:
            request.ordinary()

    with FakeServer(act) as server, Client(server.hosts) as client:
        results: list[object] = []
        with pytest.raises(ConnectionLossError):
            results.extend(client.pipeline((GetData("/a") for _ in range(20)), window=window))
        taken = []
        server.act = Request.ordinary
        for result in client.pipeline((GetData("/a") for _ in range(20)), window=window):
            taken.append(result)
            if len(taken) == 3:
                break
        assert client.get("/a")[0] == b"value"
        with pytest.raises(BadArgumentsError):
            list(client.pipeline([GetData("a")]))
        assert len(list(client.pipeline((GetData("/a") for _ in range(20)), window=window))) == 20


def test_a_pipeline_keeps_the_time_limit() -> None:
    with (
        FakeServer(silent) as server,
        Client(server.hosts, operation_s=0.2) as client,
        pytest.raises(OperationTimeoutError),
    ):
        list(client.pipeline(GetData("/a") for _ in range(5)))


def test_two_who_start_the_same_client_both_wait_for_it() -> None:
    with FakeServer(grant=lambda _link, _connect: gevent.sleep(0.1) is None) as server:
        client = NativeClient(ClientSettings(server.hosts))
        users = [gevent.spawn(client.start) for _ in range(2)]
        gevent.joinall(users, raise_error=True)
        assert client.connected
        assert len(server.connects) == 1
        client.close()


def test_starting_and_ending_many_times_leaves_nothing() -> None:
    with FakeServer() as server:
        for number in range(30):
            with Client(server.hosts) as client:
                client.get("/a")
                if number % 3 == 0:
                    client.stop()
                elif number % 3 == 1:
                    hang_up(server.requests[-1].link)
                    gevent.sleep(0)
