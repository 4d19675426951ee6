"""Users' own makers of kazoo clients and the identity of the scheme digest, each through a real Locust process."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.integration.clients import require_library
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

SET = str(LOCUSTFILES / "locust_set.py")
MAKERS = """\
from kazoo.client import KazooClient

def make(**kwargs):
    open("made", "a").write(kwargs["hosts"] + chr(10))
    return KazooClient(**kwargs)

def fail(**kwargs):
    raise ValueError(kwargs["auth_data"])

def no_client(**kwargs):
    return object()
"""
CODE = """
    open("made", "a").write(kwargs["hosts"] + chr(10))
    client = kazoo.client.KazooClient(**kwargs)
"""
CREDENTIAL = "mandrel:hush-7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.fixture(autouse=True)
def _beside_the_makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_makers.py").write_text(MAKERS)
    monkeypatch.chdir(tmp_path)


def run(server: ZooKeeperServers, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run two users for two seconds; return the exit code and the output."""
    log = Path("locust.log")
    process = start_locust(
        log, "-f", SET, "--headless", "--only-summary", "--hosts", server.hosts, "--users", "2", "--spawn-rate", "2",
        "--run-time", "2s", "--stop-timeout", "3", "--min-wait", "5", *arguments,
        environment={"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])} | environment,
    )  # fmt: skip
    try:
        return process.wait(30), log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("maker", ["own_makers.make", "own_makers:make", CODE])
def test_the_users_own_maker_makes_each_client(maker: str, server: ZooKeeperServers) -> None:
    code, log = run(server, KAZOO_LOCUST_CREATE_CLIENT=maker)
    assert code == 0, log
    assert "zookeeper  set  " in log
    # One for each of the two users; the check before the load makes none.
    assert Path("made").read_text().split() == [server.hosts] * 2


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        ("own_makers:absent", "[own_makers:absent]: it cannot be imported (AttributeError: "),
        ("absent_module.make", "[absent_module.make]: it cannot be imported (ModuleNotFoundError: "),
        ("own_makers:__name__", "[own_makers:__name__]: it cannot be called; name a class or a function"),
        ("client = (", "Python (line 1: "),
    ],
)
def test_a_maker_that_there_is_not_is_refused_before_any_load(
    maker: str, message: str, server: ZooKeeperServers
) -> None:
    code, log = run(server, KAZOO_LOCUST_CREATE_CLIENT=maker)
    assert code == 2
    assert message in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        ("own_makers:fail", "it raises ValueError; it gets the arguments of KazooClient"),
        ("own_makers:no_client", "it makes no kazoo client but a object"),
        ("x = kwargs", "it assigns no client; end with client = "),
    ],
)
def test_a_maker_that_makes_no_client_is_a_counted_failure_without_the_secrets(
    maker: str, message: str, server: ZooKeeperServers
) -> None:
    code, log = run(server, KAZOO_LOCUST_CREATE_CLIENT=maker, ZK_LOCUST_DIGEST_CREDENTIAL=CREDENTIAL)
    assert code == 1
    assert message in log.rpartition("Error report")[2]
    assert "Traceback" not in log
    assert "hush-7" not in log


@pytest.mark.parametrize("client", ["kazoo", "native", "libzookeeper"])
def test_the_digest_credential_opens_what_is_its_own(client: str, server: ZooKeeperServers) -> None:
    if client == "libzookeeper":
        require_library()
    root = f"/private-{client}"
    owner = KazooClient(server.hosts)
    owner.start(10)
    try:
        owner.create(root, acl=[make_digest_acl(*CREDENTIAL.split(":"), all=True)])
    finally:
        owner.stop()
        owner.close()
    arguments = ["--client", client, "--pseudo-root", root]
    code, log = run(server, *arguments)
    assert code == 1
    assert "NoAuthError" in log.rpartition("Error report")[2]
    code, log = run(server, *arguments, ZK_LOCUST_DIGEST_CREDENTIAL=CREDENTIAL)
    assert code == 0, log
    assert "zookeeper  set  " in log
    assert "hush-7" not in log
