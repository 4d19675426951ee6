"""Polling the members' AdminServers: good ones, slow ones, broken ones, none at all."""

import contextlib
import csv
import http.server
import itertools
import json
import math
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from zk_metrics.columns import METRIC_COLUMNS, POLL_MS, REACHABLE
from zk_metrics.settings import admin_servers

TIME_LIMIT_S = 0.7
PATIENCE_S = 30.0  # a stall of the test machine is no fault of a member that answers
INTERVAL_S = 0.1
POLLS = 3  # of the slowest
SLOW = ("slow", "silent", "dribble")
LARGE = ("many", "endless", "deep")  # polled less often: what is measured is not how fast they are read
GOOD = {"command": "monitor", "error": None, "avg_latency": 0.5, "znode_count": 7, "server_state": "leader"}

LATE_S = 0.3
BODIES = {
    "good": json.dumps(GOOD),
    "garbage": "<html>not me</html>",
    "deep": "[" * 200_000,
    "list": "[1, 2]",
    "cut": '{"avg_latency": ',
    "none": '{"command": "monitor", "error": null}',
    "many": json.dumps({f"metric_{number}": 1 for number in range(5_000)}),
    "digits": '{"znode_count": ' + "9" * 5_000 + "}",
    "bomb": json.dumps(GOOD),
    "endless": "",
    "escapes": json.dumps(
        {
            "server_state": "\x1b[31mleader\x07\r\n\x9d]0;title\x1b", "plain\x1b[31mname": 7,
            "text": "half: \ud800 pair", "nested": {"a": [1]}, "znode_count": 10**400, "avg_latency": math.nan,
            "max_latency": math.inf, "": 1, "reachable": 0, "timestamp": "now",
        }
    ),
    "latency": json.dumps(GOOD | {"readlatency": 1}),
}  # fmt: skip

# The pollers need a standard library that is patched, which this process must not be.
POLL = f"""
from gevent import monkey; monkey.patch_all()
import sys, gevent
from zk_metrics.member import Member
from zk_metrics.metrics_file import MetricsFile
from zk_metrics.polling import MemberPoller

left = dict.fromkeys((each.partition("=")[0] for each in sys.argv[2:]), {POLLS})
file = MetricsFile(sys.argv[1])

def record(member, sample):
    file.write(member.name, sample)
    left[member.name] -= 1

pollers = []
for each in sys.argv[2:]:
    name, url = each.split("=", 1)
    limit_s = {TIME_LIMIT_S} if name in {SLOW} else {PATIENCE_S}
    beat_s = {INTERVAL_S} * (7 if name in {LARGE} else 1)
    pollers.append(MemberPoller(Member(name, url, limit_s), beat_s, record))
while max(left.values()) > 0:
    gevent.sleep(0.02)
for each in pollers:
    each.stop()
file.close()
"""


class Member(http.server.BaseHTTPRequestHandler):
    """An AdminServer whose path says how it behaves."""

    def do_GET(self) -> None:
        kind = self.path.strip("/")
        if kind == "slow":
            time.sleep(TIME_LIMIT_S * 5)
        if kind == "late":
            time.sleep(LATE_S)
        answer = BODIES.get(kind, json.dumps(GOOD) if kind in ("dribble", "late", "bomb") else "")
        with contextlib.suppress(OSError):
            if kind == "sly":
                self.wfile.write(b"HTTP/1.1 500 \x1b[31m red\r\nContent-Length: 0\r\n\r\n")
                return
            if kind == "header":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000)
                return
            self.send_response({"broken": 500, "elsewhere": 302}.get(kind, 200))
            if kind == "elsewhere":
                self.send_header("Location", "/good")
            if kind == "bomb":
                self.send_header("Content-Encoding", "gzip")
            if kind != "endless":
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            while kind == "endless":
                self.wfile.write(b" " * 65536)
            for character in answer if kind == "dribble" else [answer]:
                self.wfile.write(character.encode())
                self.wfile.flush()
                time.sleep(0.2 if kind == "dribble" else 0)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass
class Polled:
    """What was written of each member."""

    text: str = ""
    header: tuple[str, ...] = ()
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def of(self, member: str, column: str) -> list[str]:
        return [row[column] for row in self.rows[member]]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """Return the addresses of an AdminServer, of a port that nobody holds, and of one that is silent."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Member)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        yield {
            "admin": f"http://127.0.0.1:{server.server_address[1]}",
            "closed": f"http://127.0.0.1:{unused.getsockname()[1]}/",
            "silent": f"http://127.0.0.1:{silent.getsockname()[1]}/",
        }
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture(scope="module")
def polled(servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Polled:
    path = tmp_path_factory.mktemp("metrics") / "zk-metrics.csv"
    members = {kind: servers[kind] for kind in ("closed", "silent")}
    for kind in (*BODIES, "dribble", "empty", "broken", "elsewhere", "slow", "sly", "header", "late"):
        members[kind] = f"{servers['admin']}/{kind}"
    arguments = [f"{member}={url}" for member, url in members.items()]
    done = subprocess.run(
        [sys.executable, "-c", POLL, str(path), *arguments], timeout=60, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.decode() == "", "no poller died"
    result = Polled(text=path.read_text())
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        result.header = tuple(reader.fieldnames or ())
        for row in reader:
            result.rows.setdefault(row["member"], []).append(row)
    return result


def test_the_columns_are_those_of_the_contract(polled: Polled) -> None:
    assert polled.header[: len(METRIC_COLUMNS)] == METRIC_COLUMNS
    assert set(polled.header[len(METRIC_COLUMNS) :]) == {"readlatency", "plain [31mname", "text", "nested"}


def test_a_member_that_answers_has_all_its_metrics_and_the_time_it_took(polled: Polled) -> None:
    assert {name for name, value in polled.rows["good"][-1].items() if value} == {
        "timestamp", "elapsed_s", "member", REACHABLE, POLL_MS, "avg_latency", "znode_count", "server_state",
    }  # fmt: skip
    assert set(polled.of("good", REACHABLE)) == {"1"}
    assert set(polled.of("good", "server_state")) == {"leader"}
    took_ms = [float(value) for value in polled.of("good", POLL_MS)]
    assert min(took_ms) >= 0
    assert statistics.median(took_ms) < 1000 * TIME_LIMIT_S
    assert set(polled.of("good", "detail")) == {""}


def test_a_row_is_labelled_with_the_time_of_the_answer(polled: Polled) -> None:
    took_s = [float(value) / 1000 for value in polled.of("late", POLL_MS)]
    assert min(took_s) >= LATE_S
    # The first answer cannot have been there earlier than it was given.
    assert float(polled.of("late", "elapsed_s")[0]) >= LATE_S


def test_what_a_member_says_is_harmless_text_and_finite_numbers(polled: Polled) -> None:
    for row in polled.rows["escapes"]:
        assert row[REACHABLE] == "1"
        assert row["server_state"] == "[31mleader ]0;title"
        assert row["plain [31mname"] == "7"
        assert row["text"] == "half:   pair"
        assert row["nested"] == '{"a": [1]}'
        assert row["avg_latency"] == row["max_latency"] == row["znode_count"] == ""
    assert [character for character in polled.text if not character.isprintable() and character not in "\r\n"] == []


@pytest.mark.timing
def test_slow_members_delay_no_other(polled: Polled) -> None:
    polls = [float(value) for value in polled.of("good", "elapsed_s")]
    assert statistics.median(b - a for a, b in itertools.pairwise(polls)) < INTERVAL_S / 0.6, "its beat is kept"
    assert len(polls) >= 2 * max(len(polled.rows[member]) for member in SLOW)


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("closed", "no connection to the AdminServer"),
        ("silent", "no answer within 0.7 s"),
        ("slow", "no answer within 0.7 s"),
        ("dribble", "no answer within 0.7 s"),
        ("garbage", "the answer is not JSON"),
        ("deep", "the answer is not JSON"),
        ("cut", "the answer is not JSON"),
        ("empty", "the answer is not JSON"),
        ("list", "no metrics"),
        ("broken", "the AdminServer answers 500"),
        ("sly", "the AdminServer answers 500 [31m red"),
        ("many", "the answer has 5,000 metrics; at most 4,000 are read"),
        ("endless", "the answer is longer than 1 MiB"),
        ("bomb", "the answer is compressed"),
        ("digits", "the answer is not JSON"),
        ("none", "no metrics"),
        ("header", "no connection to the AdminServer"),
        ("elsewhere", "the AdminServer sends elsewhere"),
    ],
)
def test_a_member_without_an_answer_is_a_row_that_says_so_at_every_poll(
    polled: Polled, member: str, reason: str
) -> None:
    rows = polled.rows[member]
    assert len(rows) >= POLLS, "it is asked to the end"
    assert {row[REACHABLE] for row in rows} == {"0"}
    filled = {name for row in rows for name, value in row.items() if value}
    assert filled == {"timestamp", "elapsed_s", "member", REACHABLE, "detail"}
    assert any(reason in row["detail"] for row in rows)
    assert all(row["detail"] for row in rows)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"zk_admin_addresses": "a=h1:1, h2:2"}, [("a", "h1:1"), ("h2:2", "h2:2")]),
        ({"hosts": "zk1:2181,[::1]:2182/app"}, [("zk1", "zk1:8080"), ("::1", "[::1]:8080")]),
        ({"hosts": "zk1:2181,zk1:2182"}, [("zk1", "zk1:8080")]),
        ({"hosts": None}, []),
    ],
)
def test_who_is_polled(given: dict[str, str | None], expected: list[tuple[str, str]]) -> None:
    options = {"zk_admin_addresses": None, "hosts": None, "zk_admin_port": 8080, "zk_admin_scheme": "http"} | given
    urls = [(name, f"http://{address}/commands/monitor") for name, address in expected]
    assert admin_servers(SimpleNamespace(**options)) == urls
