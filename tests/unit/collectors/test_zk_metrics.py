"""Polling the members' AdminServers: good ones, slow ones, broken ones, none at all."""

import contextlib
import csv
import http.server
import itertools
import json
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

from zk_metrics.admin_servers import admin_servers
from zk_metrics.columns import METRIC_COLUMNS, POLL_MS, REACHABLE

TIME_LIMIT_S = 0.7
PATIENCE_S = 30.0  # a stall of the test machine is no fault of a member that answers
INTERVAL_S = 0.1
POLLS = 3  # of the slowest
SLOW = ("slow", "silent", "dribble")
GOOD = {"command": "monitor", "error": None, "avg_latency": 0.5, "znode_count": 7, "server_state": "leader"}

# The pollers need a standard library that is patched, which this process must not be.
POLL = f"""
from gevent import monkey; monkey.patch_all()
import sys, gevent
from zk_metrics.member import Member
from zk_metrics.metrics_file import MetricsFile
from zk_metrics.poller import MemberPoller

class Counting(MetricsFile):
    left = dict.fromkeys((each.partition("=")[0] for each in sys.argv[2:]), {POLLS})
    def write(self, member, sample):
        super().write(member, sample)
        self.left[member] -= 1

file = Counting(sys.argv[1])
pollers = []
for each in sys.argv[2:]:
    name, url = each.split("=", 1)
    limit_s = {TIME_LIMIT_S} if name in {SLOW} else {PATIENCE_S}
    pollers.append(MemberPoller(Member(name, url, limit_s), {INTERVAL_S}, file))
while max(file.left.values()) > 0:
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
        answer = {
            "good": json.dumps(GOOD),
            "garbage": "<html>not me</html>",
            "deep": "[" * 200_000,
            "list": "[1, 2]",
            "cut": '{"avg_latency": ',
            "dribble": json.dumps(GOOD),
            "empty": "",
        }.get(kind, "")
        with contextlib.suppress(OSError):
            self.send_response({"broken": 500, "elsewhere": 302}.get(kind, 200))
            if kind == "elsewhere":
                self.send_header("Location", "/good")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            for character in answer if kind == "dribble" else [answer]:
                self.wfile.write(character.encode())
                self.wfile.flush()
                time.sleep(0.2 if kind == "dribble" else 0)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass
class Polled:
    """What was written of each member."""

    header: tuple[str, ...] = ()
    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def of(self, member: str, metric: str) -> list[dict[str, str]]:
        return [row for row in self.rows[member] if row["metric"] == metric]


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
    for kind in ("good", "garbage", "deep", "list", "cut", "dribble", "empty", "broken", "elsewhere", "slow"):
        members[kind] = f"{servers['admin']}/{kind}"
    arguments = [f"{member}={url}" for member, url in members.items()]
    done = subprocess.run(
        [sys.executable, "-c", POLL, str(path), *arguments], timeout=60, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.decode() == "", "no poller died"
    result = Polled()
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        result.header = tuple(reader.fieldnames or ())
        for row in reader:
            result.rows.setdefault(row["member"], []).append(row)
    return result


def test_the_columns_are_those_of_the_contract(polled: Polled) -> None:
    assert polled.header == METRIC_COLUMNS


def test_a_member_that_answers_has_all_its_metrics_and_the_time_it_took(polled: Polled) -> None:
    assert {row["metric"] for row in polled.rows["good"]} == {
        REACHABLE, POLL_MS, "avg_latency", "znode_count", "server_state",
    }  # fmt: skip
    assert {row["value"] for row in polled.of("good", REACHABLE)} == {"1"}
    assert {row["value"] for row in polled.of("good", "server_state")} == {"leader"}
    took_ms = [float(row["value"]) for row in polled.of("good", POLL_MS)]
    assert min(took_ms) >= 0
    assert statistics.median(took_ms) < 1000 * TIME_LIMIT_S
    assert {row["detail"] for row in polled.rows["good"]} == {""}


def test_slow_members_delay_no_other(polled: Polled) -> None:
    polls = [float(row["elapsed_s"]) for row in polled.of("good", REACHABLE)]
    assert statistics.median(b - a for a, b in itertools.pairwise(polls)) < INTERVAL_S / 0.6, "its beat is kept"
    assert len(polled.of("good", REACHABLE)) >= 2 * max(len(polled.of(member, REACHABLE)) for member in SLOW)


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
        ("broken", "500 Server Error"),
        ("elsewhere", "the AdminServer sends elsewhere"),
    ],
)
def test_a_member_without_an_answer_is_a_row_that_says_so_at_every_poll(
    polled: Polled, member: str, reason: str
) -> None:
    rows = polled.rows[member]
    assert len(rows) >= POLLS, "it is asked to the end"
    assert {(row["metric"], row["value"]) for row in rows} == {(REACHABLE, "0")}
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
