"""When a reply reached the machine: the kernel's stamp, also while the worker does something else."""

import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator

import gevent
import pytest

from tests.unit.native.fake_server import OK, STAT, FakeServer, Request, event, reply, until
from tests.unit.native.test_faults import client_of
from zk_locust.clients.native import NativeClient, arrival, protocol
from zk_locust.clients.native.arrival import CONTROL_BYTES, Stamps, arrived_ns

_BLOCK_S = 0.05


@pytest.fixture(scope="module", autouse=True)
def _stamping_has_begun() -> Iterator[None]:
    """Keep a socket that asks for stamps: the kernel begins to give them shortly after the first has asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as mine:
        Stamps().request(mine)
        mine.connect(listener.getsockname())
        peer, _ = listener.accept()
        with peer:
            for _ in range(1000):
                peer.send(b"x")
                if mine.recvmsg(1, CONTROL_BYTES)[1]:
                    break
                time.sleep(0.001)
            else:
                pytest.fail("this kernel gives no stamps")
            yield


@pytest.fixture
def stamps(monkeypatch: pytest.MonkeyPatch) -> Stamps:
    """Return the process's state of stamps, new for the test."""
    made = Stamps()
    for module in ("arrival", "handshake"):
        monkeypatch.setattr(f"zk_locust.clients.native.{module}.stamps", made)
    return made


class Sent:
    """When the server has sent: before and after each call. The hub, which is also the client's, is then blocked."""

    def __init__(self) -> None:
        self.times: list[tuple[int, int]] = []

    def __call__(self, link: socket.socket, data: bytes) -> None:
        before = time.perf_counter_ns()
        link.sendall(data)
        self.times.append((before, time.perf_counter_ns()))
        time.sleep(_BLOCK_S)


def test_the_time_that_a_reply_waits_in_the_worker_is_not_the_servers() -> None:
    sent = Sent()

    def act(request: Request) -> None:
        sent(request.link, reply(request.xid, OK[protocol.GET_DATA]))

    with FakeServer(act) as server, client_of(server.hosts) as client:
        for _ in range(3):
            client.get("/a")
            arrived_ns, handled_ns = client.last_arrival_ns, time.perf_counter_ns()
            before_ns, _ = sent.times[-1]
            assert before_ns <= arrived_ns
            assert handled_ns - arrived_ns >= 0.9 * _BLOCK_S * 1e9


def test_a_refusal_has_an_arrival_too() -> None:
    sent = Sent()
    with (
        FakeServer(lambda request: sent(request.link, reply(request.xid, code=-101))) as server,
        client_of(server.hosts) as client,
    ):
        assert client.exists("/a") is None
        assert sent.times[0][0] <= client.last_arrival_ns <= time.perf_counter_ns() - 0.9 * _BLOCK_S * 1e9


def test_a_reply_in_pieces_has_arrived_with_its_last_one() -> None:
    sent = Sent()

    def act(request: Request) -> None:
        data = reply(request.xid, OK[protocol.GET_DATA])
        sent(request.link, data[:30])
        sent(request.link, data[30:])

    with FakeServer(act) as server, client_of(server.hosts) as client:
        client.get("/a")
        assert sent.times[1][0] <= client.last_arrival_ns


@pytest.mark.parametrize("in_front", ["reply", "ping", "event"])
def test_of_several_received_at_once_the_last_is_exact_and_the_others_are_bounded(in_front: str) -> None:
    sent = Sent()
    held: list[Request] = []
    arrivals: list[int] = []
    wanted = 2 if in_front == "reply" else 1

    def act(request: Request) -> None:
        held.append(request)
        if len(held) == wanted:
            first = {"ping": reply(protocol.XID_PING), "event": event(3, "/a")}.get(in_front)
            sent(held[0].link, first or reply(held[0].xid, struct.pack("!i", 0) + STAT))
            sent(held[0].link, reply(held[-1].xid, struct.pack("!i", 0) + STAT))

    def user(client: NativeClient) -> None:
        client.get("/a")
        arrivals.append(client.last_arrival_ns)

    with FakeServer(act) as server, client_of(server.hosts) as client:
        gevent.joinall([gevent.spawn(user, client) for _ in range(wanted)], raise_error=True)
    last_sent_ns = sent.times[1][0]
    handled_ns = time.perf_counter_ns()
    # The stamp of the last one: for the first reply it is too late, and nearer than the clock.
    assert all(last_sent_ns <= arrived < handled_ns - 0.9 * _BLOCK_S * 1e9 for arrived in arrivals)
    assert len(arrivals) == wanted


def test_it_is_known_until_the_greenlet_waits_for_something_else() -> None:
    with FakeServer() as server, client_of(server.hosts) as client:
        assert client.last_arrival_ns == 0
        client.get("/a")
        first = client.last_arrival_ns
        client.get("/a")
        assert 0 < first < client.last_arrival_ns
        gevent.sleep(0)
        assert client.last_arrival_ns == 0, "an operation that ends later has not ended with that reply"


def test_nobody_else_takes_it_for_his_own() -> None:
    seen: dict[NativeClient, int] = {}

    def user(mine: NativeClient) -> None:
        mine.get("/a")
        seen[mine] = client.last_arrival_ns

    with FakeServer() as server, client_of(server.hosts) as client, client_of(server.hosts) as other:
        gevent.joinall([gevent.spawn(user, one) for one in (client, other)], raise_error=True)
    assert seen[client] > 0
    assert seen[other] == 0


def test_an_interrupted_callback_leaves_no_arrival(hub_errors: list[object]) -> None:
    class Raises:
        def switch(self, _reply: bytes, /) -> None:
            raise RuntimeError("planted")

        throw = switch

    with FakeServer() as server, client_of(server.hosts) as client:
        connection = client._session.usable_connection()
        connection.submit([(protocol.GET_DATA, struct.pack("!i", 2) + b"/a\0")], Raises())
        until(lambda: hub_errors)
        hub_errors.clear()
        assert client.last_arrival_ns == 0


def forget_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the clocks compared at the next stamp, as if it showed another second."""
    monkeypatch.setattr(arrival, "_second", -1)
    monkeypatch.setattr(arrival, "_second_ns", 0)


def test_clocks_are_compared_again_when_stamps_show_another_second(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = [0]
    wall_ns = [5_000_000_000]

    def wall() -> int:
        compared[0] += 1
        return wall_ns[0]

    forget_comparison(monkeypatch)
    monkeypatch.setattr(arrival, "_clock_ns", lambda: 9_000_000_000)
    monkeypatch.setattr(arrival, "_wall_ns", wall)

    def stamp(seconds: int, nanoseconds: int) -> list[tuple[int, int, bytes]]:
        return [(1, 35, struct.pack("@ll", seconds, nanoseconds))]

    assert arrived_ns(stamp(4, 999_999_000)) == 8_999_999_000
    (once,) = compared
    assert arrived_ns(stamp(4, 999_998_000)) == 8_999_998_000
    assert compared == [once]
    wall_ns[0] = 105_000_000_000  # a step of 100 s, before the next second
    assert arrived_ns(stamp(104, 999_999_000)) == 8_999_999_000
    assert compared == [2 * once]


def test_an_interrupted_comparison_of_the_clocks_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each comparison reads the clock, the wall clock, and the clock: the first and the last take 1 ms.
    clock_ns = iter([0, 1_000_000, 2_000_000, 2_000_100, 3_000_000, 4_000_000])
    wall_ns = iter([10**18, 10**18 + 2_000_050, 10**18 + 3_000_000])
    forget_comparison(monkeypatch)
    monkeypatch.setattr(arrival, "_clock_ns", lambda: next(clock_ns))
    monkeypatch.setattr(arrival, "_wall_ns", lambda: next(wall_ns))
    assert arrived_ns([(1, 35, struct.pack("@ll", 10**9, 1_000_000))]) == 1_000_050


def test_a_wall_clock_that_steps_between_two_replies_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as server, client_of(server.hosts) as client:
        sent_ns = time.perf_counter_ns()
        client.get("/a")
        assert sent_ns <= client.last_arrival_ns <= time.perf_counter_ns()
        # As if it had been set back by an hour between arrival and handling: the stamp lies in the future.
        forget_comparison(monkeypatch)
        monkeypatch.setattr(arrival, "_wall_ns", lambda: time.time_ns() - 3_600_000_000_000)
        client.get("/a")
        assert client.last_arrival_ns == 0
        # And set forward, by more than this machine has run: before the clock began.
        forget_comparison(monkeypatch)
        monkeypatch.setattr(arrival, "_wall_ns", lambda: time.time_ns() + time.perf_counter_ns() + 3_600_000_000_000)
        client.get("/a")
        assert client.last_arrival_ns == 0


@pytest.mark.parametrize("control", [[], [(1, 35, b"short")]], ids=["none", "malformed"])
def test_without_a_stamp_the_arrival_is_not_known(stamps: Stamps, control: object) -> None:
    for _ in range(3):
        for _ in range(999):
            assert arrived_ns(control) == 0
        # One that has it: most have.
        assert arrived_ns([(1, 35, struct.pack("@ll", *divmod(time.time_ns(), 10**9)))]) > 0
    assert not stamps.problem, "the first ones may lack it"


def test_a_kernel_that_refuses_stamps_is_told_once(
    stamps: Stamps, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(arrival, "_SO_TIMESTAMPNS", 9999)  # an option that no kernel knows
    told: list[str] = []
    stamps.on_problem = told.append
    with caplog.at_level(logging.WARNING), FakeServer() as server:
        for _ in range(3):
            with client_of(server.hosts) as client:
                assert client.get("/a")[0] == b"value"
                assert client.last_arrival_ns == 0
    assert told == [stamps.problem] == ["setsockopt SO_TIMESTAMPNS: Protocol not available"]
    (message,) = [record.getMessage() for record in caplog.records if "arrival" in record.getMessage()]
    assert message == (
        "The kernel gives no arrival times of replies (setsockopt SO_TIMESTAMPNS: Protocol not available): "
        "service time ends when the worker handles the reply"
    )


def test_a_kernel_that_accepts_the_option_and_gives_no_stamps_is_told_once(
    stamps: Stamps, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(arrival, "_SO_TIMESTAMPNS", socket.SO_KEEPALIVE)  # accepted, and without ancillary data
    told: list[str] = []
    stamps.on_problem = told.append
    with caplog.at_level(logging.WARNING), FakeServer() as server, client_of(server.hosts) as client:
        until_told(client, told)
        for _ in range(10):
            client.get("/a")
            assert client.last_arrival_ns == 0
    assert told == ["1000 replies in a row had none"]
    assert len([record for record in caplog.records if "arrival" in record.getMessage()]) == 1


def until_told(client: NativeClient, told: list[str]) -> None:
    for _ in range(1000):
        assert not told
        client.get("/a")
        assert client.last_arrival_ns == 0


def test_other_systems_than_linux_have_no_stamps(stamps: Stamps, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: Callable[..., None] = pytest.fail
    monkeypatch.setattr("sys.platform", "darwin")
    stamps.request(type("Socket", (), {"setsockopt": refused}))
    assert stamps.problem == "only Linux gives them"
