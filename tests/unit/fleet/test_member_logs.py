"""What members' logs say: excerpts as JVMs and servers write them, and what a host may send instead."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.member_logs import log_folder
from fleet.member_logs.log_folder import Found, events_of
from fleet.member_logs.record_events import EXTERNAL, record_events
from zk_locust.contract.events import EVENTS_LEFT_OUT, MEMBER_EVENTS

BEGAN, ENDED = datetime(2026, 11, 27, 2, tzinfo=UTC), datetime(2026, 11, 27, 3, tzinfo=UTC)
# Written by a server 3.8.0 on Java 17 whose time zone is Asia/Kolkata, with this project's layout.
GC_17 = """\
[2026-11-27T07:49:44.770+0530][7.987s][info][gc,start    ] GC(2) Pause Full (Diagnostic Command)
[2026-11-27T07:49:44.770+0530][7.987s][info][gc,phases,start] GC(2) Phase 1: Mark live objects
[2026-11-27T07:49:44.781+0530][7.998s][info][gc             ] GC(2) \
Pause Full (Diagnostic Command) 11M->5M(24M) 10.978ms
[2026-11-27T07:49:59.810+0530][23.027s][info][safepoint      ] Safepoint "Cleanup", Time since last: 2003905685 ns, \
Reaching safepoint: 8381 ns, Cleanup: 42503 ns, At safepoint: 4690 ns, Total: 55574 ns
"""
# Written by Java 25.
GC_25 = """\
[2026-11-27T07:49:56.810+0530][19.921s][info][gc             ] \
GC(1) Pause Full (Diagnostic Command) 16M->5M(24M) 16.046ms
[2026-11-27T07:49:56.812+0530][19.923s][info][safepoint      ] Safepoint "G1CollectFull", \
Time since last: 17888992979 ns, \
Reaching safepoint: 8869 ns, At safepoint: 16082468 ns, Leaving safepoint: 1908427 ns, Total: 17999764 ns, \
Threads: 0 runnable, 24 total
"""
GC_8 = """\
Java HotSpot(TM) 64-Bit Server VM (25.292-b10) for linux-amd64 JRE (1.8.0_292-b10)
2026-11-27T02:20:39.692+0000: 1.079: [GC (Allocation Failure) [PSYoungGen: 33280K->5118K(38400K)] \
33280K->5126K(125952K), 0.0084490 secs] [Times: user=0.01 sys=0.00, real=0.01 secs]
2026-11-27T02:20:41.000+0000: 2.387: [Full GC (System.gc()) [PSYoungGen: 5118K->0K(38400K)] [ParOldGen: 8K->4839K\
(87552K)] 5126K->4839K(125952K), [Metaspace: 3426K->3426K(1056768K)], 0.0176970 secs] [Times: user=0.03 sys=0.00, \
real=0.02 secs]
"""
GC_8_G1 = """\
2026-11-27T02:20:39.692+0000: 5.601: [GC pause (G1 Evacuation Pause) (young) (initial-mark), 0.0092350 secs]
   [Parallel Time: 8.1 ms, GC Workers: 2]
 [Times: user=0.01 sys=0.00, real=0.01 secs]
2026-11-27T02:20:39.702+0000: 5.611: [GC concurrent-root-region-scan-start]
2026-11-27T02:20:39.705+0000: 5.614: [GC concurrent-root-region-scan-end, 0.0031234 secs]
2026-11-27T02:20:40.941+0000: 6.850: [GC concurrent-mark-end, 1.2345678 secs]
2026-11-27T02:20:40.942+0000: 6.851: [GC remark 2026-11-27T02:20:40.942+0000: 6.851: [Finalize Marking, 0.0001 secs] \
2026-11-27T02:20:40.943+0000: 6.852: [Unloading, 0.0021 secs], 0.0034567 secs]
"""
# The safepoints of Java 9 to 12.
GC_11 = """\
[2026-11-27T02:20:01.000+0000][1.000s][info][safepoint    ] Entering safepoint region: RevokeBias
[2026-11-27T02:20:01.300+0000][1.300s][info][safepoint    ] Leaving safepoint region
[2026-11-27T02:20:01.300+0000][1.300s][info][safepoint    ] Total time for which application threads were stopped: \
0.3000000 seconds, Stopping threads took: 0.0200000 seconds
[2026-11-27T02:20:02.000+0000][2.000s][info][safepoint    ] Entering safepoint region: G1CollectForAllocation
[2026-11-27T02:20:02.400+0000][2.400s][info][gc           ] \
GC(0) Pause Young (Normal) (G1 Evacuation Pause) 24M->5M(64M) 400.000ms
[2026-11-27T02:20:02.450+0000][2.450s][info][safepoint    ] Leaving safepoint region
[2026-11-27T02:20:02.450+0000][2.450s][info][safepoint    ] Total time for which application threads were stopped: \
0.4500000 seconds, Stopping threads took: 0.0500000 seconds
[2026-11-27T02:20:03.000+0000][3.000s][info][safepoint    ] Entering safepoint region: Cleanup
[2026-11-27T02:20:03.001+0000][3.001s][info][safepoint    ] Total time for which application threads were stopped: \
0.0010000 seconds, Stopping threads took: 0.0000457 seconds
[2026-11-27T02:20:04.000+0000][4.000s][info][safepoint    ] Total time for which application threads were stopped: \
0.5000000 seconds, Stopping threads took: 0.0000457 seconds
"""
SERVER_38 = """\
2026-11-27 07:49:37.724+0530 INFO  [main:ZooKeeperServerMain@123] Starting server
2026-11-27 07:49:38.619+0530 WARN  [Thread-0:JvmPauseMonitor$JVMMonitor@201] Detected pause in JVM or host machine \
(eg GC): pause of approximately 84 ms, total pause: info level: 0, warn level: 2 
2026-11-27 07:49:43.930+0530 WARN  [SyncThread:0:FileTxnLog@394] fsync-ing the write ahead log in SyncThread:0 took \
11ms which will adversely effect operation latency.File size is 67108880 bytes. See the ZooKeeper troubleshooting guide
2026-11-27 07:49:46.139+0530 INFO  [SessionTracker:ZooKeeperServer@632] Expiring session 0x10003024e0d0001, timeout of \
2000ms exceeded
2026-11-27 07:49:46.140+0530 INFO  [SessionTracker:ZooKeeperServer@632] Expiring session 0x10003024e0d0002, timeout of \
2000ms exceeded
"""  # noqa: W291
QUORUM = "[QuorumPeer[myid=2](plain=127.0.0.1:17648)(secure=disabled)"
ELECTION_38 = f"""\
2026-11-27 02:22:40.683+0000 INFO  {QUORUM}:QuorumPeer@1455] LOOKING
2026-11-27 02:22:41.892+0000 INFO  {QUORUM}:QuorumPeer@1549] LEADING
2026-11-27 02:22:41.942+0000 INFO  {QUORUM}:Leader@588] LEADING - LEADER ELECTION TOOK - 1259 MS
2026-11-27 02:22:42.252+0000 INFO  {QUORUM}:QuorumPeer@913] Peer state changed: leading - broadcast
"""
# ZooKeeper 3.4.13 with its own layout, which tells no offset from UTC.
SERVER_34 = """\
2026-11-27 02:22:40,683 [myid:2] - INFO  [QuorumPeer[myid=2]/0:0:0:0:0:0:0:0:2181:QuorumPeer@893] - LOOKING
2026-11-27 02:22:41,883 [myid:2] - INFO  [QuorumPeer[myid=2]/0:0:0:0:0:0:0:0:2181:QuorumPeer@967] - FOLLOWING
2026-11-27 02:22:41,900 [myid:2] - INFO  [QuorumPeer[myid=2]/0:0:0:0:0:0:0:0:2181:Follower@65] - FOLLOWING - LEADER \
ELECTION TOOK - 1217
2026-11-27 02:23:00,500 [myid:2] - WARN  [SyncThread:2:FileTxnLog@338] - fsync-ing the write ahead log in SyncThread:2 \
took 1234ms which will adversely effect operation latency. See the ZooKeeper troubleshooting guide
2026-11-27 02:23:05,000 [myid:2] - INFO  [NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:NIOServerCnxn@1044] - \
Closed socket connection for client /127.0.0.1:43062 which had sessionid 0x1672a8c3c5a0000
"""


def read(folder: Path, **files: str) -> Found:
    """Write logs (`gc_log`, `zookeeper_log_1`, …) and return what they say."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return events_of(folder, BEGAN, ENDED)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-27T{text}+00:00")


def told(found: Found, name: str) -> list[tuple[Any, ...]]:
    return [(event.began, event.detail, event.duration_s) for event in found.events if event.name == name]


def test_pauses_of_java_17_and_25_begin_before_they_are_logged(tmp_path: Path) -> None:
    found = read(tmp_path, gc_log_0=GC_17, gc_log=GC_25)
    assert told(found, "gc-pause") == [
        (at("02:19:44.770022"), "Pause Full (Diagnostic Command)", pytest.approx(0.010978)),
        (at("02:19:56.793954"), "Pause Full (Diagnostic Command)", pytest.approx(0.016046)),
    ]
    assert told(found, "jvm-pause") == [], "a safepoint is the collection that it was for, or is short"


def test_pauses_of_java_8_are_logged_with_their_begin(tmp_path: Path) -> None:
    found = read(tmp_path, gc_log_0_current=GC_8)
    assert told(found, "gc-pause") == [
        (at("02:20:39.692"), "GC (Allocation Failure)", 0.008449),
        (at("02:20:41.000"), "Full GC (System.gc())", 0.017697),
    ]


def test_concurrent_phases_of_java_8_are_no_pauses(tmp_path: Path) -> None:
    assert told(read(tmp_path, gc_log=GC_8_G1), "gc-pause") == [
        (at("02:20:39.692"), "GC pause (G1 Evacuation Pause) (young) (initial-mark)", 0.009235),
        (at("02:20:40.942"), "GC remark", 0.0034567),
    ]


def test_safepoints_of_java_11_are_told_by_two_lines(tmp_path: Path) -> None:
    found = read(tmp_path, gc_log=GC_11)
    assert told(found, "jvm-pause") == [
        (at("02:20:01"), "safepoint RevokeBias", 0.3),
        (at("02:20:02"), "safepoint G1CollectForAllocation", 0.05),
    ], "a pause of the collector is told once, and a stop without a name may be one"
    assert told(found, "gc-pause") == [(at("02:20:02"), "Pause Young (Normal) (G1 Evacuation Pause)", 0.4)]


def test_what_a_server_says_of_itself(tmp_path: Path) -> None:
    found = read(tmp_path, gc_log=GC_17, zookeeper_log=SERVER_38)
    assert told(found, "slow-fsync") == [(at("02:19:43.919"), "", 0.011)]
    assert told(found, "jvm-pause") == [(at("02:19:38.535"), "", 0.084)]
    assert told(found, "session-expired") == [(at("02:19:46.139"), "2 sessions", None)]
    assert len(told(found, "member-restart")) == 1
    assert found.problems == []


def test_an_election_goes_on_in_the_next_file_and_ends_when_the_member_serves(tmp_path: Path) -> None:
    lines = ELECTION_38.splitlines(keepends=True)
    found = read(tmp_path, gc_log=GC_17, zookeeper_log_1=lines[0], zookeeper_log="".join(lines[1:]))
    assert told(found, "election") == [(at("02:22:40.683"), "leader", pytest.approx(1.569))]


@pytest.mark.parametrize(
    ("next_line", "pauses"),
    [("GC pool 'Copy' had collection(s): count=1 time=85ms\n", 0), ("No GCs detected\n", 1), ("", 1)],
)
def test_a_pause_for_the_garbage_collector_is_told_by_gc_log_only(tmp_path: Path, next_line: str, pauses: int) -> None:
    lines = SERVER_38.splitlines(keepends=True)[:2]
    found = read(tmp_path, gc_log=GC_17, zookeeper_log="".join(lines) + next_line)
    assert len(told(found, "jvm-pause")) == pauses


def test_without_a_gc_log_the_server_tells_the_collectors_pauses(tmp_path: Path) -> None:
    lines = SERVER_38.splitlines(keepends=True)[:2]
    found = read(tmp_path, zookeeper_log="".join(lines) + "GC pool 'Copy' had collection(s): count=1 time=85ms\n")
    assert told(found, "jvm-pause") == []
    assert told(found, "gc-pause") == [(at("02:19:38.535"), "as the server saw it", 0.084)]


@pytest.mark.parametrize(
    "loss",
    [
        f"2026-11-27 02:22:40.543+0000 WARN  {QUORUM}:Follower@128] Exception when following the leader\n",
        f"2026-11-27 02:22:40.543+0000 WARN  {QUORUM}:Observer@160] Exception when observing the leader\n",
        f"2026-11-27 02:22:40.543+0000 INFO  {QUORUM}:Leader@868] Shutdown called. For the reason Not sufficient "
        "followers synced, only synced with sids: [ [2] ]\n",
    ],
)
def test_an_election_begins_where_the_member_loses_its_role(tmp_path: Path, loss: str) -> None:
    """Its server then shuts down for 0.14 s before it looks for a leader."""
    found = read(tmp_path, gc_log=GC_17, zookeeper_log=loss + ELECTION_38)
    assert told(found, "election") == [(at("02:22:40.543"), "leader", pytest.approx(1.709))]


def test_an_election_of_an_older_server_begins_where_it_loses_its_leader(tmp_path: Path) -> None:
    lost = (
        "2026-11-27 02:22:{},543 [myid:2] - WARN  [QuorumPeer[myid=2]/0:0:0:0:0:0:0:0:2181:Follower@90] - "
        "Exception when following the leader\n"
    )
    again = SERVER_34.replace("02:22:4", "02:22:5").splitlines(keepends=True)[:3]
    found = read(tmp_path, gc_log=GC_8, zookeeper_log=lost.format(40) + SERVER_34 + lost.format(50) + "".join(again))
    assert told(found, "election") == [
        (at("02:22:40.543"), "follower", pytest.approx(1.357)),
        (at("02:22:50.543"), "follower", pytest.approx(1.357)),
    ]


def test_a_server_that_started_again_looks_for_a_leader_from_its_start_on(tmp_path: Path) -> None:
    lost = f"2026-11-27 02:22:10.000+0000 WARN  {QUORUM}:Follower@128] Exception when following the leader\n"
    start = "2026-11-27 02:22:40.600+0000 INFO  [main:QuorumPeerMain@160] Starting quorum peer\n"
    found = read(tmp_path, gc_log=GC_17, zookeeper_log=lost + start + ELECTION_38)
    assert told(found, "election") == [(at("02:22:40.683"), "leader", pytest.approx(1.569))]


def test_an_older_server_logs_in_the_time_zone_of_its_gc_log(tmp_path: Path) -> None:
    found = read(tmp_path, gc_log=GC_8, zookeeper_log=SERVER_34)
    assert told(found, "election") == [(at("02:22:40.683"), "follower", pytest.approx(1.217))]
    assert told(found, "slow-fsync") == [(at("02:22:59.266"), "", 1.234)]
    assert told(found, "connection-closed") == [(at("02:23:05"), "1 connection", None)]
    east = SERVER_34.replace("27 02:", "27 07:").replace("07:2", "07:5")  # by half past
    (tmp_path / "gc.log").write_text(GC_17)
    assert told(read(tmp_path, zookeeper_log=east), "election")[0][0] == at("02:22:40.683")


NO_DATE = "its lines do not begin with a date as in ISO 8601"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"zookeeper_log": SERVER_38}, "there is no gc.log"),
        ({"gc_log": GC_17}, "there is no zookeeper.log"),
        ({"gc_log": "", "zookeeper_log": SERVER_34}, "its lines do not say their time zone, and no gc.log says it"),
        ({"gc_log": GC_17, "zookeeper_log": "27/11/26 02:22:40 LOOKING\n"}, NO_DATE),
        ({"gc_log": GC_17, "zookeeper_log": "Fri Nov 27 02:20:41 UTC 2026 WARN x@1 - LOOKING\n"}, NO_DATE),
        ({"gc_log": GC_17, "zookeeper_log": "INFO 2026-11-27 02:20:41,123 x@1 - LOOKING\n"}, NO_DATE),
        (
            {"gc_log": "", "zookeeper_log": "[2026-11-27 02:20:41,123] INFO x@1 - LOOKING\n"},
            "do not say their time zone",
        ),
        ({"gc_log": "[0.621s][info][gc] GC(0) Pause Full (x) 6M->2M(64M) 6.3ms\n"}, f"gc.log: {NO_DATE}"),
        ({"gc_log": "1.079: [GC (Allocation Failure) 6M->2M(64M), 0.0063 secs]\n"}, f"gc.log: {NO_DATE}"),
    ],
)
def test_a_log_that_does_not_tell_is_a_problem(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    assert problem in "".join(read(tmp_path, **files).problems)


def test_what_a_start_script_prints_is_no_problem(tmp_path: Path) -> None:
    found = read(tmp_path, gc_log=GC_8, zookeeper_log=SERVER_38, zookeeper_out="ZooKeeper JMX enabled by default\n")
    assert found.problems == []
    heading = "".join(GC_8.splitlines(keepends=True)[:1])
    assert read(tmp_path, gc_log=heading).problems == [], "there was no pause"


def test_cut_lines_and_absurd_numbers_are_no_events(tmp_path: Path) -> None:
    huge = "9" * 400
    absurd = [
        f"[2026-11-27T02:20:00.000+0000][1s][info][gc ] GC(1) Pause Full (x) 1M->1M(1M) {huge}.0ms",
        f"2026-11-27T02:20:00.000+0000: 1.0: [GC (x) 1K->1K(1K), {huge}.0 secs]",
        "[2026-11-27T02:20:00.000+9999][1s][info][gc ] GC(1) Pause Full (x) 1M->1M(1M) 1.0ms",
        "[0001-01-01T00:00:00.000+1400][1s][info][gc ] GC(1) Pause Full (x) 1M->1M(1M) 1.0ms",
        '[2026-11-27T02:20:00.000+0000][1s][info][safepoint ] Safepoint "X", Reaching safepoint: 1 ns, Total: ' + huge,
        GC_17.splitlines()[2][:90],
        "Pause " * 100_000,
        "\0\x1b[2J",
    ]
    (tmp_path / "zookeeper.log").write_bytes(b"\xff\xfe\0" * 5000 + SERVER_38.encode()[:-40])
    found = read(tmp_path, gc_log="\n".join([GC_17, *absurd]))
    assert [event.name for event in found.events].count("gc-pause") == 1
    assert all(event.duration_s is None or event.duration_s < 3600 for event in found.events)


STAMP = "[2026-11-27T02:20:00.000+0000]"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "line",
    [
        STAMP + "[gc]" * 300 + " GC(0) Pause " + " 1B->" * 24 + " 123456789" * 270 + "x",
        STAMP + '] Safepoint "X", ' * 80 + " Reaching safepoint: 1 ns," * 40 + "Total: 1 n" * 150,
        STAMP[1:-1] + ": 1.0: [GC " + "x" * 110 + ", (" * 1300 + " secs]",
    ],
)
def test_no_line_takes_long(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, gc_log=f"{line}\n" * 4000).events == []


def test_of_too_many_events_the_longest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_folder, "MOST_EVENTS", 10)
    line = "[2026-11-27T02:20:{:02}.000+0000][1s][info][gc ] GC(1) Pause Full (x) 1M->1M(1M) {}.5ms\n"
    found = read(tmp_path, gc_log="".join(line.format(number, number) for number in range(40)))
    assert (len(found.events), found.left_out) == (10, 30)
    assert min(event.duration_s or 0.0 for event in found.events) == pytest.approx(0.0305)


def test_connections_of_four_letter_words_are_no_events(tmp_path: Path) -> None:
    polls = "".join(
        f"2026-11-27 02:2{minute}:0{second},000 [myid:2] - INFO  [Thread-9:NIOServerCnxn@1044] - Closed socket"
        f" connection for client /127.0.0.1:4{minute}{second} (no session established for client)\n"
        for minute in range(5)
        for second in range(10)
    )
    found = read(tmp_path, gc_log=GC_8, zookeeper_log=SERVER_34 + polls)
    assert told(found, "connection-closed") == [(at("02:23:05"), "1 connection", None)]


def test_a_broken_connection_of_an_older_server_counts_once(tmp_path: Path) -> None:
    unread = "Unable to read additional data from client sessionid 0x{}, likely client has closed socket"
    failed = "Exception causing close of session 0x{}: Connection reset by peer"
    closed = "Closed socket connection for client /127.0.0.1:43062 which had sessionid 0x{}"
    said = [
        ("05,100", unread.format("a1")), ("05,101", closed.format("a1")),
        ("10,100", failed.format("a2")), ("10,100", unread.format("a3")),  # of two threads
        ("10,101", closed.format("a3")), ("10,101", closed.format("a2")),
        ("15,100", closed.format("a1")), ("15,100", unread.format("0")),
    ]  # fmt: skip
    log = "".join(f"2026-11-27 02:24:{time} [myid:2] - WARN  [x:NIOServerCnxn@1] - {text}\n" for time, text in said)
    found = read(tmp_path, gc_log=GC_8, zookeeper_log=log)
    assert told(found, "connection-closed") == [
        (at("02:24:05.1"), "1 connection", None),
        (at("02:24:10.1"), "2 connections", None),
        (at("02:24:15.1"), "2 connections", None),
    ]


def test_sessions_and_connections_push_out_no_other_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_folder, "MOST_EVENTS", 5)
    line = "2026-11-27 02:24:{:02},000 [myid:2] - INFO  [Thread-9:x@1] - Expiring session 0x1, timeout exceeded\n"
    later = "2026-11-27 02:25:00,000 [myid:2] - INFO  [main:QuorumPeerMain@127] - Starting quorum peer\n"
    closing = "".join(line.format(second) for second in range(0, 60, 2))
    found = read(tmp_path, gc_log=GC_8, zookeeper_log=SERVER_34 + closing + later)
    assert [event.name for event in found.events] == [
        "gc-pause", "gc-pause", "election", "slow-fsync", "member-restart",
    ]  # fmt: skip
    assert found.left_out == 31


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "inventory": {"groups": {"zookeeper": ["zk1", "zk2"]}, "hosts": {"zk1": {}, "zk2": {}}},
        "phases": [{"name": "run", "start": "2026-11-27T02:20:00+00:00", "end": "2026-11-27T02:23:00+00:00"}],
        "hosts": {},
    } | changes


def recorded(folder: Path) -> list[dict[str, str]]:
    with (folder / "events.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["event"] in MEMBER_EVENTS]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    logs = tmp_path / "logs" / "zk1"
    logs.mkdir(parents=True)
    (logs / "gc.log").write_text(GC_8)
    (logs / "zookeeper.log").write_text(ELECTION_38)
    return tmp_path


def test_the_events_of_a_run_stand_in_its_record_once(record: Path) -> None:
    (record / "events.csv").write_text(
        "timestamp,source,event,subject,detail\n2026-11-27T02:21:00,master,run-start,,\n"
    )
    for _ in range(2):
        assert record_events(record, manifest()) == []
    found = recorded(record)
    assert [row["event"] for row in found] == ["gc-pause", "gc-pause", "election"]
    assert {(row["source"], row["subject"], row["clock"]) for row in found} == {("zk1",) * 3}
    assert (found[2]["timestamp"], found[2]["duration_s"]) == ("2026-11-27T02:22:40.683000+00:00", "1.569000")
    assert "run-start" in (record / "events.csv").read_text()


def test_only_the_time_of_the_run_counts_by_each_members_clock(record: Path) -> None:
    late = [{"name": "run", "start": "2026-11-27T02:30:00+00:00", "end": "2026-11-27T02:31:00+00:00"}]
    record_events(record, manifest(phases=late))
    assert recorded(record) == []
    behind_ms = -timedelta(minutes=8) / timedelta(milliseconds=1)
    record_events(record, manifest(phases=late, hosts={"zk1": {"clock_offset_ms": behind_ms}}))
    assert [row["event"] for row in recorded(record)] == ["election"]


@pytest.mark.parametrize("offset_ms", [568_970_024_000_000.0, -1e300, 10**400, float("nan"), float("inf")])
def test_an_absurd_clock_keeps_no_record_open(record: Path, offset_ms: float) -> None:
    hosts = {"zk1": {"clock_offset_ms": 1.0, "clock_offset_after_ms": offset_ms}}
    assert record_events(record, manifest(hosts=hosts)) == []
    assert [row["event"] for row in recorded(record)] == ["gc-pause", "gc-pause", "election"]


def test_a_log_that_does_not_tell_is_a_line_of_the_record(record: Path) -> None:
    (record / "logs" / "zk1" / "gc.log").unlink()
    assert record_events(record, manifest()) == [
        "zk1: there is no gc.log: of the garbage collector's pauses only those that the server noticed are known"
    ]


def test_an_external_ensemble_is_said_once(record: Path) -> None:
    external = {
        "groups": {"zookeeper": ["zk1", "zk2"]},
        "hosts": {h: {"zookeeper_managed": "no"} for h in ("zk1", "zk2")},
    }
    assert record_events(record, manifest(inventory=external)) == [EXTERNAL]
    assert record_events(record, manifest(phases=[])) == []


def test_what_is_left_out_is_counted_in_the_record(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_folder, "MOST_EVENTS", 1)
    record_events(record, manifest())
    assert [row["event"] for row in recorded(record)] == ["election", EVENTS_LEFT_OUT]
    assert json.dumps(recorded(record)).count("2 shorter events") == 1
