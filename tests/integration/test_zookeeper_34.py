"""ZooKeeper 3.4.13 as Debian 11 has it, with its own layout of logs: clients, metrics, logs and the report of a load.

The JVM loads a library by which a file in a member's folder says how long a sync of the transaction log takes.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import gevent
import pytest

from benchmarks.injections import compile_faulty_host, loaded
from fleet.member_logs.log_folder import events_of
from lab import zookeeper_34
from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import Member, ZooKeeperServers, four_letters
from tests import waiting
from tests.integration.clients import in_thread, require_library
from tests.integration.test_three_clients import Driver, clients_of
from tests.needs import missing, require_zookeeper_34
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.native import NativeClient
from zk_metrics import member as metrics_member
from zk_metrics.member import Sample
from zk_metrics.polling import MemberPoller
from zk_metrics.settings import members_of

pytestmark = pytest.mark.integration

RELEASE = "3.4.13"
# What the package's environment file says, and the gc.log that managed members write.
OPTIONS = (
    "-Dzookeeper.log.dir=.",
    "-Dzookeeper.root.logger=INFO,ROLLINGFILE",
    "-Xlog:gc*,safepoint:file=gc.log:time,uptime,level,tags:filecount=5,filesize=10M",
)
SLOW_SYNC_S = 1.1  # it warns of a sync from 1 s on
INTERVAL_S, SECONDS = 0.1, 1.0


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    packages = require_zookeeper_34()
    require_library()
    folder = tmp_path_factory.mktemp("zookeeper-34")
    if (library := compile_faulty_host(folder)) is None:
        missing("needs a C compiler: apt install gcc libc6-dev")
    with ZooKeeperServers(
        3, folder, properties={"forceSync": "yes"}, java_options=OPTIONS, prefix=loaded(library),
        jars=zookeeper_34.class_path(packages), log4j=zookeeper_34.log4j(packages),
    ) as servers:  # fmt: skip
        yield servers


def addresses(ensemble: ZooKeeperServers) -> dict[str, str]:
    """Return the parameters that say where the members are asked: they share a host."""
    return {
        "zk_admin_addresses": ",".join(f"zk{m.server_id}=127.0.0.1:{m.admin_port}" for m in ensemble.members),
        "zk_client_addresses": ",".join(f"zk{m.server_id}={m.address}" for m in ensemble.members),
    }


def polled(ensemble: ZooKeeperServers) -> dict[str, list[Sample]]:
    """Poll all members for a second, and return the samples of each."""
    options = SimpleNamespace(hosts=ensemble.hosts, zk_admin_scheme="http", **addresses(ensemble))
    found: dict[str, list[Sample]] = {}
    members = [
        metrics_member.Member(who.name, who.admin_url, others=who.further_sources()) for who in members_of(options)
    ]
    pollers = [
        MemberPoller(member, INTERVAL_S, lambda of, sample: found.setdefault(of.name, []).append(sample))
        for member in members
    ]
    gevent.sleep(SECONDS)
    for poller in pollers:
        poller.stop()
    return found


def test_all_clients_give_the_same_answers_and_events(ensemble: ZooKeeperServers) -> None:
    sequence = [
        *(("create", "/a", b"one", False, False), ("create", "/a", b"", False, False)),
        *(("create", "/a/b", b"", True, False), ("create", "/a/b/c", b"", False, False)),
        *(("create", "/a/", b"", True, True), ("exists", "/ü", True), ("create", "/ü", b"", False, False)),
        *(("get", "/a", True), ("set", "/a", b"three", 0), ("set", "/a", b"", 0), ("get", "/a", False)),
        *(
            ("get_children", "/a", True, True),
            ("get_children", "/a", False, False),
            ("get_children", "/x", False, False),
        ),
        *(("delete", "/a", -1), ("delete", "/a/b", 7), ("delete", "/a/b", 0), ("exists", "/a/b", False)),
    ]
    clients = clients_of(ClientSettings(ensemble.hosts, session_timeout_s=5.0))
    for client in clients:
        client.start()
    kazoo, *others = [Driver(client, 0) for client in clients]
    wanted = [kazoo.answer(place, operation) for place, operation in enumerate(sequence)]
    assert [answer for answer in wanted if isinstance(answer, str)] == [
        *("/a", "NodeExistsError", "/a/b", "NoChildrenForEphemeralsError", "/a/0000000001", "/ü", "BadVersionError"),
        *("NoNodeError", "NotEmptyError", "BadVersionError"),
    ]
    events = kazoo.told()
    assert [(event.type, event.path) for event in events[0]] == [
        *(("CREATED", "/ü"), ("CHANGED", "/a"), ("CHILD", "/a")),
    ]
    for driver in others:
        assert [driver.answer(place, operation) for place, operation in enumerate(sequence)] == wanted, driver.root
        assert driver.told() == events, driver.root
    for client in clients:
        client.stop()
        client.close()


def test_metrics_come_from_mntr_every_100_ms(ensemble: ZooKeeperServers) -> None:
    client = NativeClient(ClientSettings(ensemble.hosts))
    client.start()
    client.create("/counted")
    client.create("/counted/mine", ephemeral=True)
    client.exists("/nowhere", lambda _: None)
    found = polled(ensemble)
    at = str(client.last_connection[1])
    for member in ensemble.members:
        samples = found[f"zk{member.server_id}"]
        last = samples[-1]
        assert last.source == "mntr on the client port", last
        assert last.instead == "no connection to the AdminServer"
        told = last.metrics
        assert (told["server_state"], str(told["version"]).partition("-")[0]) == (member.mode(), RELEASE)
        lines = dict(line.split(": ", 1) for line in four_letters(member.client_port, "srvr").splitlines())
        assert told["znode_count"] == int(lines["Node count"])
        assert told["ephemerals_count"] == 1
        is_here = member.address == at
        assert (told["watch_count"], told["num_alive_connections"]) == (int(is_here), 1 + is_here)
        # Each poll is one packet, each answer another.
        polls = [int(sample.metrics["packets_received"]) for sample in samples]
        assert polls == sorted({*polls}), "a counter that grows with each poll"
        assert 3 < len(samples) <= SECONDS / INTERVAL_S + 1, "none is asked more often"
    leader = found[f"zk{ensemble.leader() + 1}"][-1].metrics
    assert (leader["followers"], leader["synced_followers"], leader["pending_syncs"]) == (2, 2, 0)
    client.delete("/counted/mine")
    client.delete("/counted")
    client.stop()
    client.close()


@contextmanager
def only_ruok_and_srvr(ensemble: ZooKeeperServers, index: int) -> Iterator[Member]:
    """Have a member know these two words only."""
    before = ensemble.properties["4lw.commands.whitelist"]
    ensemble.properties["4lw.commands.whitelist"] = "ruok, srvr"
    try:
        ensemble.restart(index)
        yield ensemble.members[index]
    finally:
        ensemble.properties["4lw.commands.whitelist"] = before


def test_a_load_on_it_is_reported_without_guesses(ensemble: ZooKeeperServers, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    index = ensemble.followers()[0]
    with only_ruok_and_srvr(ensemble, index) as poor:
        members = [f"--{name.replace('_', '-')}={value}" for name, value in addresses(ensemble).items()]
        load = start_locust(
            tmp_path / "locust.log", "-f", str(LOCUSTFILES / "locust_set_and_get.py"), "--headless", "--only-summary",
            "--users", "4", "--spawn-rate", "4", "--run-time", "2s", "--min-wait", "5ms", "--max-wait", "10ms",
            "--hosts", ensemble.hosts, "--client", "native", "--zk-metrics-collect", "100ms", *members,
            "--report-dir", str(folder),
        )  # fmt: skip
        assert load.wait(90) == 0, (tmp_path / "locust.log").read_text()
    told = json.loads((folder / "report.json").read_text())
    assert told["verdict"]["verdict"] != "void", told["verdict"]
    with (folder / "events.csv").open(newline="") as file:
        sources = {row["subject"]: row["detail"] for row in csv.DictReader(file) if row["event"] == "metrics-source"}
    gone = "no connection to the AdminServer"
    mntr = "mntr on the client port"
    wanted = {f"zk{member.server_id}": f"{mntr} ({gone})" for member in ensemble.members}
    wanted[f"zk{poor.server_id}"] = (
        f"srvr on the client port ({gone}; {mntr}: mntr is not in the member's 4lw.commands.whitelist)"
    )
    assert sources == wanted
    page = (folder / "report.md").read_text()
    for member in ensemble.members:
        (row,) = (line for line in page.splitlines() if line.startswith(f"| zk{member.server_id} | "))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1:3] == [member.mode(), RELEASE], row
        assert (cells[7] == "\N{EN DASH}") == (member is poor), f"watches are not in srvr: {row}"
    assert "GC pauses, slow fsyncs and elections are not known" in page
    for unknown in ("Fsync time of each member", "JVM pauses of each member", "Read latency of each member"):
        assert unknown not in page
    assert "Average latency of each member" in page


def test_its_logs_tell_slow_syncs_lost_sessions_and_elections(ensemble: ZooKeeperServers) -> None:
    began = datetime.now(UTC)
    leader = ensemble.leader()
    member = ensemble.members[leader]
    log, slow_sync = member.folder / "zookeeper.log", member.folder / "sync-us"
    client = NativeClient(ClientSettings(member.address, session_timeout_s=1.0))
    client.start()
    slow_sync.write_text(str(int(SLOW_SYNC_S * 1e6)))
    client.create("/slow", ephemeral=True)  # acknowledged by the other two
    waiting.until((member.folder / "sync-slowed").exists, limit_s=10, pause_s=0.01)
    slow_sync.unlink()
    client.close()  # without an end of its session
    closed = datetime.now(UTC)
    texts = ("fsync-ing", "Expiring session")
    waiting.until(lambda: all(text in log.read_text() for text in texts), limit_s=20)
    killed = datetime.now(UTC)
    in_thread(ensemble.kill, leader)
    elected = in_thread(ensemble.leader)
    ended = datetime.now(UTC)
    of_leader = events_of(ensemble.members[leader].folder, began, ended)
    of_elected = events_of(ensemble.members[elected].folder, killed, ended)
    assert of_leader.problems == of_elected.problems == []
    events = {event.name: event for event in of_leader.events}
    assert {"slow-fsync", "session-expired", "connection-closed"} <= events.keys(), events
    slow = events["slow-fsync"]
    assert slow.duration_s is not None
    assert slow.duration_s >= 1.0
    assert began <= slow.began <= closed
    assert closed <= events["session-expired"].began <= killed
    (election,) = (event for event in of_elected.events if event.name == "election")
    assert election.detail == "leader"
    assert killed <= election.began <= ended
    pauses = events_of(ensemble.members[elected].folder, datetime(2000, 1, 1, tzinfo=UTC), ended).events
    assert any(event.name == "gc-pause" and event.detail.startswith("Pause Young") for event in pauses)
