"""What a dispatcher asks members: whether they serve, and in which role."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from tests.unit.collectors.dispatched_ensemble import NAMES
from zk_dispatch import (
    EnsembleMember,
    FunctionDispatcher,
)
from zk_dispatch.members import members_to_ask


@pytest.fixture
def srvr() -> Iterator[Callable[[str], int]]:
    """Servers that answer every question with a text; it gives their port."""
    import socket

    sockets: list[socket.socket] = []

    def serve(answer: str) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)

        def loop() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)
                    connection.sendall(answer.encode())

        threading.Thread(target=loop, daemon=True).start()
        return int(server.getsockname()[1])

    yield serve
    for server in sockets:
        server.close()


@pytest.mark.parametrize(
    ("said", "state", "up"),
    [
        ("Mode: leader\n", "leader", True),
        ("Mode: standalone\n", "leader", True),
        ("Mode: follower\n", "follower", True),
        ("Mode: observer\n", "observer", False),
        ("Mode: read-only\n", "unknown", False),
        ("This ZooKeeper instance is not currently serving requests\n", "unknown", False),
        ("", "unknown", False),
    ],
)
def test_a_member_says_its_role(srvr: Callable[[str], int], said: str, state: str, up: bool) -> None:
    port = srvr(f"Zookeeper version: 3.8.0\n{said}" if said.startswith("Mode") else said)
    member = EnsembleMember(f"127.0.0.1:{port}", limit_s=30)
    assert (member.state, member.last_ping) == ("unknown", None)
    assert member.ping() == state
    assert (member.state, member.is_up(), member.host, member.port) == (state, up, "127.0.0.1", port)
    assert str(member).startswith(f"127.0.0.1:{port} (state {state} ")


def test_an_admin_server_is_asked_only_if_it_is_clear_whose_it_is() -> None:
    given = {"zk_admin_port": 8080, "zk_admin_scheme": "http"}
    alone = members_to_ask(SimpleNamespace(hosts="zk1:2181,zk2", **given), 1.0)
    assert [[source.place for source in each._sources] for each in alone] == [["client port", "AdminServer"]] * 2
    together = members_to_ask(SimpleNamespace(hosts="zk1:2181,zk1:2182", **given), 1.0)
    assert [[source.place for source in each._sources] for each in together] == [["client port"]] * 2
    assert [each.host_and_port for each in together] == ["zk1:2181", "zk1:2182"]


class Silent:
    """A source that does not answer."""

    name = place = "silence"

    def answer(self, time_limit_s: float) -> bytes:
        gevent.sleep(1000 + time_limit_s)
        return b""

    def metrics(self, answer: bytes) -> dict[str, Any]:
        return {"server_state": answer.decode()}

    def close(self) -> None:
        pass


class Prompt(Silent):
    """A source that answers at once."""

    def answer(self, time_limit_s: float) -> bytes:  # noqa: ARG002 - it takes none of it
        return b"leader"


def test_a_silent_member_keeps_nobody_waiting() -> None:
    members = [EnsembleMember(name, [Silent()], limit_s=0.2) for name in NAMES]
    dispatcher = FunctionDispatcher(fn=print)
    assert dispatcher.ping_ensemble(members) == [[], members]


def test_a_silent_source_leaves_the_next_its_time() -> None:
    assert EnsembleMember(NAMES[0], [Silent(), Prompt()], limit_s=0.2).ping() == "leader"
