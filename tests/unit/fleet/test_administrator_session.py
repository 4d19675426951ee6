"""A session of an administrator with a member that answers what it should not."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from zk_locust.host_faults.reconfiguration import role_in
from zk_locust.host_faults.wire import AdminSession, RefusedError


def packet(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


CONNECTED = packet(struct.pack(">iiqi", 0, 10_000, 1, 16) + b"\0" * 17)


@contextmanager
def member(*answers: bytes) -> Iterator[int]:
    """Give the port of a member that sends one of these after each packet it gets, and closes after the last."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                for answer in answers:
                    if not link.recv(4096):
                        return
                    link.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(60)


def reply(xid: int, code: int, body: bytes = b"") -> bytes:
    return packet(struct.pack(">iqi", xid, 0, code) + body)


def asked(port: int, question: Callable[[AdminSession], object]) -> object:
    session = AdminSession("127.0.0.1", port)
    try:
        return question(session)
    finally:
        session.close()


def test_a_list_is_read_past_pings_and_events() -> None:
    text = b"server.1=a:1:2:participant;2181\nversion=1"
    answer = reply(-2, 0) + reply(-1, 0) + reply(1, 0, struct.pack(">i", len(text)) + text + b"\0" * 68)
    with member(CONNECTED, answer) as port:
        assert asked(port, lambda session: session.configuration()) == text.decode()


def test_a_refusal_has_its_code() -> None:
    with member(CONNECTED, reply(1, -13)) as port, pytest.raises(RefusedError) as caught:
        asked(port, lambda session: session.reconfigure("", "3"))
    assert caught.value.code == -13
    with member(CONNECTED, reply(-4, -115)) as port, pytest.raises(RefusedError):
        asked(port, lambda session: session.authenticate("super:x"))


@pytest.mark.parametrize(
    "answer", [b"", packet(b"\0" * 3), struct.pack(">i", 2**30), b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_what_is_no_member_is_an_error(answer: bytes) -> None:
    with member(answer) as port, pytest.raises(OSError, match=r"closed|none of ZooKeeper's|reset"):
        AdminSession("127.0.0.1", port)


def test_an_answer_to_another_request_is_an_error() -> None:
    with (
        member(CONNECTED, reply(7, 0)) as port,
        pytest.raises(OSError, match="an answer to 7 came instead of one to 1"),
    ):
        asked(port, lambda session: session.configuration())


def test_the_role_of_a_server_in_a_list() -> None:
    listed = "server.1=a:2888:3888:participant;2181\nserver.11=[::1]:1:2:observer;[::1]:3\nversion=100000004"
    assert [role_in(listed, number) for number in (1, 11, 2)] == ["participant", "observer", ""]
