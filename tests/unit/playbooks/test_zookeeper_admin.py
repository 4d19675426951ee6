"""What AdminServers answer, and what they must not be able to do to whoever asks."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from playbooks.library import zookeeper_admin


class Member(BaseHTTPRequestHandler):
    """A stand-in for an AdminServer that answers as no real one would."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        """Answer as the path says."""
        self.asked.append(self.path)
        command = self.path.rpartition("/")[2]
        if command == "redirect":
            self.send_response(302)
            self.send_header("Location", "/commands/good")
            self.end_headers()
            return
        bodies = {
            "good": b'{"version": "3.8.0"}',
            "list": b"[1]",
            "garbage": b"\xff<html>",
            "long": json.dumps({"a": "x" * 1_100_000}).encode(),
            "surrogate": b'{"version": "\\ud800"}',
        }
        self.send_response(200)
        self.end_headers()
        try:
            if command == "dribble":
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.1)
            self.wfile.write(bodies.get(command, b""))
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Member) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_members_are_asked_for_all_commands(address: str) -> None:
    members = {"zk1": address, "zk2": "127.0.0.1:1"}
    assert zookeeper_admin.ask_all(members, ["good", "surrogate"], 10.0) == {
        "zk1": {"good": {"version": "3.8.0"}, "surrogate": {"version": "?"}},
        "zk2": {"good": {}, "surrogate": {}},
    }


@pytest.mark.parametrize("command", ["list", "garbage", "long", "empty"])
def test_an_answer_that_cannot_be_used_is_none(address: str, command: str) -> None:
    assert zookeeper_admin.ask(address, command, 10.0) == {}


def test_a_redirect_is_not_followed(address: str) -> None:
    Member.asked.clear()
    assert zookeeper_admin.ask(address, "redirect", 10.0) == {}
    assert Member.asked == ["/commands/redirect"]


def test_a_proxy_is_not_used(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert zookeeper_admin.ask(address, "good", 10.0) == {"version": "3.8.0"}


def test_a_member_that_dribbles_keeps_nobody(address: str) -> None:
    found = zookeeper_admin.ask_all({"slow": address, "other": address}, ["dribble"], 0.5)
    assert found == {"slow": {"dribble": {}}, "other": {"dribble": {}}}
