"""Where a member's metrics come from: its AdminServer, four-letter words, a Prometheus endpoint, whichever answers."""

import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from zk_locust.contract.connect_string import Address
from zk_locust.contract.member_answers import AnswerError
from zk_locust.load.stages import happened
from zk_metrics import member as member_module
from zk_metrics.member import Member
from zk_metrics.polling import MemberPoller
from zk_metrics.prometheus import metrics_of_text
from zk_metrics.recording import Recording
from zk_metrics.settings import members_of
from zk_metrics.sources import FourLetterWord, Prometheus
from zk_metrics.untrusted import MOST_BYTES, MOST_METRICS

MNTR_OF_3_4 = """\
zk_version\t3.4.13-6+deb11u1--1, built on Fri, 04 Jun 2021 20:17:39 +0200
zk_avg_latency\t0
zk_max_latency\t12
zk_packets_received\t70
zk_packets_sent\t69
zk_num_alive_connections\t1
zk_outstanding_requests\t0
zk_server_state\tfollower
zk_znode_count\t4
zk_open_file_descriptor_count\t31
"""
SRVR = """\
Zookeeper version: 3.9.3-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC
Latency min/avg/max: 0/1.5/12
Received: 10
Sent: 9
Connections: 3
Outstanding: 1
Zxid: 0x100000002
Mode: leader
Node count: 5
"""
PROMETHEUS = """\
# HELP znode_count znode_count
# TYPE znode_count gauge
znode_count 5.0
# HELP looking_count_total looking_count
# TYPE looking_count_total counter
looking_count_total 2.0
# TYPE connection_drop_count counter
connection_drop_count 3.0
# TYPE readlatency summary
readlatency{quantile="0.5",} 1.0
readlatency{quantile="0.99",} NaN
readlatency_count 4.0
readlatency_sum 6.5
# TYPE write_per_namespace summary
write_per_namespace_count{key="app",} 7.0
jvm_gc_collection_seconds_count{gc="Copy",} 9.0
garbage{ 1
\x1b[31mnasty 1
"""


class FakeSource:
    """A source that answers as it is told: a dictionary of metrics, an error, or seconds of silence."""

    def __init__(self, name: str, told: Any) -> None:
        self.name = self.place = name
        self.told = told
        self.asked = 0

    def answer(self, time_limit_s: float) -> bytes:
        self.asked += 1
        if isinstance(self.told, float):
            gevent.sleep(min(self.told, time_limit_s))
        if isinstance(self.told, str):
            raise ValueError(self.told)
        return json.dumps(self.told).encode()

    def metrics(self, answer: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """Close nothing."""


def a_member(*told: Any, time_limit_s: float = 0.2) -> tuple[Member, list[FakeSource]]:
    sources = [FakeSource(f"source {number}", each) for number, each in enumerate(told)]
    member = Member("zk1", "http://127.0.0.1:1/", time_limit_s)
    member._sources = tuple(sources)
    return member, sources


@contextmanager
def client_port(answer_to: Callable[[bytes], bytes]) -> Iterator[Address]:
    """Listen as a member's client port does: read four letters, answer, close."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.sendall(answer_to(connection.recv(4)))
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield Address("127.0.0.1", server.getsockname()[1])
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def asked(word: str, answer: bytes, *, tls: bool = False) -> dict[str, Any]:
    with client_port(lambda letters: answer if letters == word.encode() else b"") as address:
        source = FourLetterWord(word, address, tls)
        return source.metrics(source.answer(5))


def test_mntr_of_3_4_has_the_names_of_the_admin_server() -> None:
    found = asked("mntr", MNTR_OF_3_4.encode())
    assert found["version"].startswith("3.4.13-6")
    assert found["server_state"] == "follower"
    assert (found["packets_received"], found["znode_count"], found["open_file_descriptor_count"]) == (70, 4, 31)


def test_srvr_tells_what_it_knows_by_the_same_names() -> None:
    assert asked("srvr", SRVR.encode()) == {
        "server_state": "leader", "version": "3.9.3", "num_alive_connections": 3, "outstanding_requests": 1,
        "znode_count": 5, "packets_received": 10, "packets_sent": 9, "min_latency": 0.0, "avg_latency": 1.5,
        "max_latency": 12.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "answer", "reason"),
    [
        ("mntr", b"mntr is not executed because it is not in the whitelist.\n", "mntr is not in the member's 4lw"),
        ("mntr", b"", "closed the connection without an answer to mntr: it speaks TLS only, or does not know"),
        ("srvr", b"\x15\x03\x03\x00\x02\x02\x46", "the client port speaks TLS"),
        ("srvr", b"This ZooKeeper instance is not currently serving requests\n", "no metrics [This ZooKeeper instance"),
        ("mntr", b"<html>\x1b[31mnot me", "the answer has no metrics [<html> [31mnot me]"),
        ("mntr", b"\xff\xfe" * 20, "the answer has no metrics"),
        ("mntr", b"a" * (MOST_BYTES + 1), "longer than"),
        ("mntr", b"".join(b"zk_a%d\t1\n" % number for number in range(MOST_METRICS + 1)), "more than 4,000 metrics"),
    ],
)
def test_a_client_port_that_gives_no_metrics_says_why(word: str, answer: bytes, reason: str) -> None:
    with pytest.raises((ValueError, AnswerError), match=re.escape(reason)):
        asked(word, answer)


def test_a_client_port_of_tls_is_named() -> None:
    with pytest.raises(ValueError, match="the client port speaks TLS"):
        asked("mntr", b"", tls=True)


def test_prometheus_metrics_have_the_names_of_the_admin_server() -> None:
    assert metrics_of_text(PROMETHEUS.encode()) == {
        "znode_count": 5, "looking_count": 2, "connection_drop_count": 3, "p50_readlatency": 1, "cnt_readlatency": 4,
        "sum_readlatency": 6.5, "cnt_app_write_per_namespace": 7,
    }  # fmt: skip
    with pytest.raises(ValueError, match="answers no metrics"):
        metrics_of_text(b"<html>")


@pytest.mark.timeout(5)
@pytest.mark.parametrize("length", [4_000, 20_000, 1_000_000])
def test_no_line_of_a_prometheus_endpoint_takes_long(length: int) -> None:
    lines = f"jvm_info{{{'a' * length}}} 1\n" * (1_000_000 // length)
    assert metrics_of_text(f"{lines}znode_count 5\n".encode()).get("znode_count") == 5


def test_a_longer_line_than_any_metrics_is_left_out() -> None:
    text = f'znode_count{{key="{"a" * 5000}"}} 4\nznode_count 5\n'
    assert metrics_of_text(text.encode()) == {"znode_count": 5}


def test_prometheus_takes_the_members_state_from_srvr() -> None:
    with client_port(lambda letters: SRVR.encode() if letters == b"srvr" else b"") as address:
        source = Prometheus("127.0.0.1:1", FourLetterWord("srvr", address))
        source._http = SimpleNamespace(body=lambda _: PROMETHEUS.encode(), close=lambda: None)  # type: ignore[assignment]
        found = source.metrics(source.answer(5))
    assert (found["server_state"], found["version"], found["znode_count"]) == ("leader", "3.9.3", 5)


def test_a_member_without_an_admin_server_is_asked_by_the_next_source_in_the_same_poll() -> None:
    member, (best, words, last) = a_member("no connection to the AdminServer", {"znode_count": 4}, {"znode_count": 5})
    sample = member.ask()
    assert (sample.metrics, sample.source, sample.detail) == ({"znode_count": 4}, "source 1", "")
    assert sample.instead == "source 0: no connection to the AdminServer"
    assert member.ask().source == "source 1"
    assert (best.asked, words.asked, last.asked) == (1, 2, 0)


def test_a_better_source_is_tried_again_beside_the_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "_FIRST_RETRY_S", 0.0)
    member, (best, _) = a_member("away", {"znode_count": 4}, time_limit_s=5.0)
    assert member.ask().source == "source 1"
    best.told = 60.0
    assert member.ask().source == "source 1"
    gevent.sleep(0.01)
    assert best.asked == 2, "it is being asked, and silent"
    assert member.ask().source == "source 1", "which delays no poll"
    member.close()
    best.told = {"znode_count": 6}
    assert member.ask().source == "source 1"
    gevent.sleep(0.01)
    assert member.ask().metrics == {"znode_count": 6}
    assert member.ask().source == "source 0"
    member.close()


def test_a_source_that_often_fails_is_tried_less_often_until_it_was_sound_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now_s=1_000.0)
    monkeypatch.setattr("zk_metrics.member.time.perf_counter", lambda: clock.now_s)
    member, (best, _) = a_member("away", {"znode_count": 4}, time_limit_s=5.0)

    def waited_s() -> float:
        """Return after how long it is tried again; then it is sound."""
        best.told, before = "away", clock.now_s
        while member.ask().source == "source 1":
            best.told = {"znode_count": 6}
            clock.now_s += 1
            gevent.sleep(0.001)
        return float(clock.now_s - before)

    assert [waited_s() for _ in range(8)] == [2, 3, 5, 9, 17, 33, 61, 61]
    clock.now_s += 600
    assert waited_s() == 2
    member.close()


def test_a_source_that_uses_up_the_time_leaves_the_next_poll_to_another_one() -> None:
    member, _ = a_member(60.0, {"znode_count": 4}, time_limit_s=0.05)
    sample = member.ask()
    assert (sample.metrics, sample.source) == ({}, "")
    assert sample.detail == "source 0: no answer within 0.05 s"
    assert member.ask().metrics == {"znode_count": 4}


def test_each_source_that_fails_says_why() -> None:
    member, _ = a_member("refused", "not allowed", "refused")
    assert member.ask().detail == "source 0: refused; source 1: not allowed; source 2: refused"
    member, _ = a_member("no source 0 here", "away from source 2", "away from source 2")
    assert member.ask().detail == "no source 0 here; source 1: away from source 2; away from source 2"


def test_an_event_says_once_which_source_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str, str]] = []

    def note(event: str, subject: str, detail: str, **_: Any) -> None:
        told.append((event, subject, detail))

    monkeypatch.setattr(happened, "_handlers", [note])
    recording = Recording(SimpleNamespace())
    member, (best, _) = a_member("refused", {"znode_count": 4})
    for _ in range(3):
        recording.add(member, member.ask())
    best.told, member._current = {"znode_count": 4}, 0
    recording.add(member, member.ask())
    assert told == [
        ("metrics-source", "zk1", "source 1 (source 0: refused)"),
        ("metrics-source", "zk1", "source 0"),
    ]
    recording = Recording(SimpleNamespace())
    recording.add(member, member.ask())
    assert len(told) == 2, "the best source from the start is nothing to tell"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"hosts": "zk1:2181,zk2:2182"}, [("zk1", "zk1:2181", 2), ("zk2", "zk2:2182", 2)]),
        ({"hosts": "zk1:2181,zk1:2182"}, [("zk1", "None", 0)]),
        (
            {"zk_admin_addresses": "a=h:1,b=h:2", "zk_client_addresses": "a=h:3,b=[::1]:4"},
            [("a", "h:3", 2), ("b", "[::1]:4", 2)],
        ),
        (
            {"zk_admin_addresses": "a=h:1", "hosts": "h:2181", "zk_prometheus_addresses": "a=h:7000"},
            [("a", "h:2181", 3)],
        ),
        ({"zk_admin_addresses": "a=h:1,b=h:2", "hosts": "h:2181"}, [("a", "None", 0), ("b", "None", 0)]),
        ({"zk_admin_addresses": "h:1", "zk_prometheus_addresses": "h:7000"}, [("h:1", "None", 1)]),
    ],
)
def test_where_each_member_is_asked(given: dict[str, str], expected: list[tuple[str, str, int]]) -> None:
    options = SimpleNamespace(**({"zk_admin_port": 8080, "zk_admin_scheme": "http"} | given))
    found = [(each.name, str(each.client), len(each.further_sources())) for each in members_of(options)]
    assert found == expected


def test_a_late_poll_does_not_shift_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    member, (source,) = a_member({"znode_count": 4}, time_limit_s=5.0)
    began: list[float] = []
    answer = source.answer

    def noted(time_limit_s: float) -> bytes:
        began.append(time.perf_counter())
        gevent.sleep(0.25 if len(began) == 3 else 0.0)
        return answer(time_limit_s)

    monkeypatch.setattr(source, "answer", noted)
    poller = MemberPoller(member, 0.1, lambda *_: None)
    while len(began) < 8:
        gevent.sleep(0.01)
    poller.stop()
    beats = [(at_s - began[0]) / 0.1 for at_s in began]
    assert max(round(beat) for beat in beats) >= 9, "polls were skipped"
    # A shifted poll is half an interval off; a busy machine makes single ones late.
    off = sorted(abs(beat - round(beat)) for beat in beats[3:])
    assert off[len(off) // 2] < 0.3
    assert all(b > a for a, b in itertools.pairwise(beats))
