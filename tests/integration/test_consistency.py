"""Histories of real servers: what a lying proxy plants is found, and a load without lies is consistent."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gevent
import pytest

from benchmarks.lying_proxy import Lie
from benchmarks.planted_violations import LIES, TOLD, UNPLACED, recorded_session, run, run_with_lie
from lab.zookeeper_server import ZooKeeperServers
from reporting.consistency import found
from reporting.consistency.history_file import HistoryFile
from reporting.consistency.result import of_run
from reporting.consistency.states import CONSISTENT, PARTLY, VIOLATED
from reporting.read.manifest import Manifest
from tests.integration.clients import in_thread, require_library
from tests.needs import require_zookeeper
from zk_locust.clients.interface import ClientSettings
from zk_locust.clients.kazoo.recorded import RecordedKazooClient
from zk_locust.clients.native.recorded import RecordedNativeClient
from zk_locust.contract import history_format as history
from zk_locust.contract.history_format import file_name
from zk_locust.contract.run_files import HISTORY, HISTORY_LOCAL
from zk_locust.load.final_reads import members_of, read_members
from zk_locust.load.journal import Journal

pytestmark = pytest.mark.integration

SHOWN_BY = {
    "acknowledged write dropped": {found.ORDER, found.WRITES, found.SESSIONS},
    # Where a transaction wrote what it misses, it shows that transaction by half.
    "stale read after a newer one": {found.SESSIONS, found.MULTI},
    "two replies swapped": {found.SESSIONS},
    "watch event lost": {found.WATCHES},
    "watch event doubled": {found.WATCHES},
    "watch event late": {found.WATCHES},
    "ephemeral node kept": {found.EPHEMERALS},
    "ephemeral node lost": {found.EPHEMERALS},
    "transaction halved": {found.MULTI, found.ORDER},
    "transaction without a reply halved": {found.MULTI},
    # The C library does not tell of which transaction a node is: there the value is of nobody.
    "sequence number reused": {found.SEQUENCES, found.ORDER},
    "child left out": {found.CHILDREN},
    "child invented": {found.CHILDREN},
}
OTHERS = [(client, name) for client in TOLD if client != "native" for name in TOLD[client]]


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(3, tmp_path_factory.mktemp("ensemble")) as servers:
        yield servers


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    with gevent.Timeout(90, AssertionError("the test did not end")):
        yield


@pytest.mark.parametrize("repeat", range(2))
@pytest.mark.parametrize("name", list(LIES))
def test_a_planted_violation_is_found(name: str, repeat: int, ensemble: ZooKeeperServers, tmp_path: Path) -> None:
    begins_after = random.Random(f"{name} {repeat}").randrange(1, 5)
    port = ensemble.members[0].client_port
    outcome = run_with_lie(port, tmp_path / "1", LIES[name](begins_after), seed=repeat, rounds=12, users=2)
    if SHOWN_BY[name] == {found.CHILDREN} and outcome.found.undecided:
        # On a busy machine a change had no reply in time. No list is judged between that and the session's next write.
        outcome = run_with_lie(port, tmp_path / "2", LIES[name](begins_after), seed=repeat, rounds=12, users=2)
    assert outcome.told
    assert outcome.found.state == VIOLATED
    assert SHOWN_BY[name] & set(outcome.found.counts), outcome.found.counts
    assert outcome.found.excerpt


@pytest.mark.parametrize(("client", "name"), OTHERS)
def test_a_planted_violation_is_found_with_other_clients(
    client: str, name: str, ensemble: ZooKeeperServers, tmp_path: Path
) -> None:
    _require(client)
    lie = LIES[name](2)
    outcome = run_with_lie(
        ensemble.members[0].client_port, tmp_path, lie, seed=1, rounds=12, users=2, client=client
    )  # fmt: skip
    assert outcome.told
    assert outcome.found.state == VIOLATED
    assert SHOWN_BY[name] & set(outcome.found.counts), outcome.found.counts


@pytest.mark.parametrize("client", list(TOLD))
def test_a_proxy_that_tells_the_truth_is_consistent(client: str, ensemble: ZooKeeperServers, tmp_path: Path) -> None:
    _require(client)
    outcome = run_with_lie(ensemble.members[0].client_port, tmp_path, Lie(), seed=1, client=client)
    assert (outcome.told, outcome.found.state) == (False, _clean(client)), outcome.found.excerpt
    assert outcome.found.undecided == 0
    assert outcome.found.notes == ()


@pytest.mark.parametrize("client", list(TOLD))
def test_a_member_that_is_killed_under_load_does_not_make_a_violation(
    client: str, ensemble: ZooKeeperServers, tmp_path: Path
) -> None:
    _require(client)

    def kill_and_start() -> None:
        index = ensemble.leader()
        gevent.sleep(0.3)
        in_thread(ensemble.kill, index)
        gevent.sleep(0.3)
        ensemble.start(index, wait=False)
        in_thread(ensemble.wait_ready, index)

    checked = run(ensemble.hosts, tmp_path, seed=2, rounds=40, users=6, client=client, meanwhile=kill_and_start)
    assert checked.state == _clean(client), (checked.sentence, checked.excerpt)
    assert checked.writes > 0


@pytest.mark.parametrize("client", ["native", "kazoo"])
def test_final_reads_ask_each_member_and_name_one_that_is_down(
    client: str, ensemble: ZooKeeperServers, tmp_path: Path
) -> None:
    chroot, down = f"/below-{client}", "127.0.0.1:1"
    settings = ClientSettings(ensemble.hosts, operation_timeout_s=5.0)
    below = replace(settings, hosts=f"{ensemble.hosts},{down}{chroot}", connect_timeout_s=2.0)
    files = tmp_path / HISTORY / HISTORY_LOCAL
    journal = Journal(files / file_name("users"), process="users", root="/root")
    final = Journal(files / file_name("final"), process="final", root="/root", workers=1, members=members_of(below))
    with recorded_session(settings, Journal(tmp_path / "other.bin")) as preparing:
        preparing.create(chroot)
    with recorded_session(below, journal) as user:
        for path in ("/root", "/root/x", "/root/x/y"):
            user.create(path)
    journal.end()
    kind = {"native": RecordedNativeClient, "kazoo": RecordedKazooClient}[client]
    read_members(lambda own: kind(own, final), below, "/root")
    final.end()
    checked = of_run(tmp_path, Manifest())
    assert (checked.state, checked.reason) == (
        PARTLY, f"Not recorded: the state of {down} at the end, so acknowledged writes may be lost there.",
    )  # fmt: skip
    (chunk,) = HistoryFile(files / file_name("final"), "host").chunks()
    read = chunk.records[(chunk.records["what"] & history.KIND_MASK) == history.GET]
    assert len(read) == 9
    assert len(set(read["session"])) == 3


def _require(client: str) -> None:
    if client == "libzookeeper":
        require_library()


def _clean(client: str) -> str:
    return PARTLY if client in UNPLACED else CONSISTENT
