"""Histories of real servers: what a lying proxy plants is found, and a load without lies is consistent."""

import random
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from benchmarks.lying_proxy import Lie
from benchmarks.planted_violations import LIES, run, run_with_lie
from lab.zookeeper_server import ZooKeeperServers
from reporting.consistency import found
from reporting.consistency.states import CONSISTENT, VIOLATED
from tests.integration.clients import in_thread
from tests.needs import require_zookeeper

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
    "sequence number reused": {found.SEQUENCES},
}


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
    lie = LIES[name](random.Random(f"{name} {repeat}").randrange(1, 5))
    outcome = run_with_lie(ensemble.members[0].client_port, tmp_path, lie, seed=repeat, rounds=12, users=2)
    assert outcome.told
    assert outcome.found.state == VIOLATED
    assert SHOWN_BY[name] & set(outcome.found.counts), outcome.found.counts
    assert outcome.found.excerpt


def test_a_proxy_that_tells_the_truth_is_consistent(ensemble: ZooKeeperServers, tmp_path: Path) -> None:
    outcome = run_with_lie(ensemble.members[0].client_port, tmp_path, Lie(), seed=1)
    assert (outcome.told, outcome.found.state) == (False, CONSISTENT), outcome.found.excerpt
    assert outcome.found.undecided == 0
    assert outcome.found.notes == ()


def test_a_member_that_is_killed_under_load_does_not_make_a_violation(
    ensemble: ZooKeeperServers, tmp_path: Path
) -> None:
    def kill_and_start() -> None:
        index = ensemble.leader()
        gevent.sleep(0.3)
        in_thread(ensemble.kill, index)
        gevent.sleep(0.3)
        ensemble.start(index, wait=False)
        in_thread(ensemble.wait_ready, index)

    checked = run(ensemble.hosts, tmp_path, seed=2, rounds=40, users=6, meanwhile=kill_and_start)
    assert checked.state == CONSISTENT, (checked.sentence, checked.excerpt)
    assert checked.writes > 0
