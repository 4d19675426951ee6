"""The list of members of a real ensemble, changed and undone by a member's host without a controller."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.zookeeper_server import ZooKeeperServers
from tests import waiting
from tests.needs import require_zookeeper
from zk_locust.host_faults import deadline
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.faults import Faults
from zk_locust.host_faults.reconfiguration import role_in
from zk_locust.host_faults.wire import AdminSession

pytestmark = pytest.mark.integration

LIMIT_S = 60
LONG_S = 300.0
PASSWORD = "a pass:word"
DIGEST = base64.b64encode(hashlib.sha1(f"super:{PASSWORD}".encode(), usedforsecurity=False).digest()).decode()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    properties = {"reconfigEnabled": "true", "DigestAuthenticationProvider.superDigest": f"super:{DIGEST}"}
    with ZooKeeperServers(3, tmp_path_factory.mktemp("ensemble"), properties=properties) as servers:
        yield servers


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    monkeypatch.setattr(deadline, "has_systemd", lambda: False)
    launcher = tmp_path / "faults" / "run"
    launcher.parent.mkdir()
    (launcher.parent / "super").write_text(f"{PASSWORD}\n")
    made = Faults(tmp_path, launcher)
    yield made
    made.heal_all()


def roles(servers: ZooKeeperServers) -> dict[int, str]:
    """Return the role of each server in the list of the ensemble; empty where it is not in it."""
    for member in servers.members:
        try:
            session = AdminSession("127.0.0.1", member.client_port)
        except OSError:
            continue
        try:
            listed = session.configuration()
            return {other.server_id: role_in(listed, other.server_id) for other in servers.members}
        except OSError:
            continue
        finally:
            session.close()
    return {}


def fault(servers: ZooKeeperServers, index: int, change: str, for_s: float, number: int) -> dict[str, Any]:
    own = servers.members[index]
    return {
        "id": f"run.{number}.zk", "run_id": "run", "number": number, "member": "zk", "do": "reconfigure",
        "for_s": for_s, "change": change, "server_id": own.server_id, "role": "participant",
        "between": f"127.0.0.1:{own.peer_port}:{own.election_port}", "listens": f"127.0.0.1:{own.client_port}",
        "clients": [["127.0.0.1", member.client_port] for member in servers.members],
    }  # fmt: skip


def all_vote(servers: ZooKeeperServers) -> bool:
    return {*roles(servers).values()} == {"participant"}


@pytest.mark.parametrize(("number", "change", "role"), [(1, "remove", ""), (2, "role", "observer")])
def test_a_follower_is_taken_out_or_stops_to_vote_until_the_deadline_of_its_host(
    servers: ZooKeeperServers, faults: Faults, number: int, change: str, role: str
) -> None:
    index = (servers.leader() + 1) % 3
    faults.do(fault(servers, index, change, LONG_S, number))
    assert roles(servers)[index + 1] == role
    assert faults.heal_all() == ([f"run.{number}.zk"], [])
    assert all_vote(servers)
    faults.do(fault(servers, index, change, 0.5, number + 10))  # nobody asks for its end
    waiting.until(lambda: not faults.notes.is_active(f"run.{number + 10}.zk"), limit_s=LIMIT_S)
    waiting.until(lambda: all_vote(servers), limit_s=LIMIT_S)


def test_a_leader_that_is_taken_out_closes_the_connection_and_comes_back(
    servers: ZooKeeperServers, faults: Faults
) -> None:
    index = servers.leader()
    note = faults.do(fault(servers, index, "remove", LONG_S, 3))
    assert note["error"] == ""
    waiting.until(lambda: roles(servers).get(index + 1) == "", limit_s=LIMIT_S)
    assert faults.heal_all() == (["run.3.zk"], [])
    waiting.until(lambda: all_vote(servers), limit_s=LIMIT_S)
    waiting.until(lambda: all(member.mode() for member in servers.members), limit_s=LIMIT_S)


def test_a_password_that_is_not_the_ensembles_changes_nothing(servers: ZooKeeperServers, faults: Faults) -> None:
    secret = faults.notes._folder.parent / "super"
    for number, text in ((4, "wrong"), (5, None)):
        secret.unlink()
        if text:
            secret.write_text(text)
        with pytest.raises(FaultError, match="password") as caught:
            faults.do(fault(servers, 0, "remove", LONG_S, number))
        assert PASSWORD not in str(caught.value)
        assert "wrong" not in str(caught.value)
        assert all_vote(servers)
        assert faults.notes.active() == []
        secret.touch()
    assert [note["state"] for note in faults.notes.of_run("run")] == ["healed", "healed"]
