"""Garbage from the peer, drawn by Hypothesis: every operation ends in time, and the client goes on."""

import struct
from typing import Any

import gevent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.native.fake_server import BEYOND_S, MUCH_LATER_S, OK, FakeServer, Request, frame, reply
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import NativeClient, jute, protocol
from zk_locust.clients.native.paths import ServerPaths
from zk_locust.clients.native.requests import Create, SetData, multi_results
from zk_locust.contract.errors import ClientError

GET_REPLY = reply(1, OK[protocol.GET_DATA])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good reply with bytes changed, taken out or put in."""
    data = bytearray(GET_REPLY)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["change", "cut", "insert"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at:]
            case _:
                data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


garbage = st.one_of(
    st.binary(max_size=200),
    mutated(),
    st.lists(st.binary(max_size=60).map(frame), max_size=5).map(b"".join),
    st.builds(
        lambda xid, code, record: reply(xid, record, code=code),
        st.sampled_from([1, -1, -2, -4, -8, 0, 2]),
        st.sampled_from([0, -1, -101, -112, -118, 7]),
        st.binary(max_size=100),
    ),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=garbage, hang_up=st.booleans())
def test_an_operation_ends_whatever_comes(data: bytes, hang_up: bool) -> None:
    def act(request: Request) -> None:
        server.act = Request.ordinary
        request.link.sendall(data)
        if hang_up:
            request.drop()

    with FakeServer(act, timeout_ms=3000) as server:
        client = NativeClient(ClientSettings(server.hosts, 3.0, BEYOND_S, 0.05))
        client.start()
        try:
            told = ""
            with gevent.Timeout(MUCH_LATER_S, AssertionError("the operation did not end")):
                try:
                    client.get("/a")
                except ClientError as error:
                    told = str(error)
                else:
                    # It may only be taken for a reply where it is one, byte for byte in the places that count.
                    length, xid, _, code = struct.unpack_from("!iiqi", data)
                    assert (xid, code) == (1, 0)
                    assert length + 4 <= len(data)
            assert "has said nothing" not in told, "the operation's own limit comes before the session's"
            with gevent.Timeout(MUCH_LATER_S, AssertionError("the client did not recover")):
                while True:
                    try:
                        value, _ = client.get("/a")
                        break
                    except ClientError:
                        gevent.sleep(0.01)
            assert value == b"value"
        finally:
            client.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(frame)))
def test_a_handshake_ends_whatever_comes(data: bytes) -> None:
    def grant(link: Any, connect: object) -> bool:
        link.sendall(data)
        return False

    with FakeServer(grant=grant) as server:
        client = NativeClient(ClientSettings(server.hosts, 3.0, 0.05, 0.05))
        try:
            with gevent.Timeout(MUCH_LATER_S, AssertionError("start did not end")):
                try:
                    client.start()
                except ClientError:
                    assert not client.connected
        finally:
            client.close()


READERS = (
    jute.read_nothing,
    jute.read_data_and_stat,
    jute.read_stat,
    jute.read_path,
    jute.read_children,
    jute.read_children_and_stat,
    lambda data: multi_results(data, [Create("/a"), SetData("/a", b"")], ServerPaths("")),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    record=st.one_of(
        st.binary(max_size=120),
        st.lists(st.integers(-2, 80), max_size=20).map(lambda numbers: struct.pack(f"!{len(numbers)}i", *numbers)),
    )
)
def test_records_are_read_or_refused(record: bytes) -> None:
    for read in READERS:
        try:
            read(reply(1, record))
        except (*jute.MALFORMED, ClientError):
            continue
