"""kazoo against real servers that demand SASL or TLS: a load with the right credentials, else a clear failure."""

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from lab.locust_processes import LOCUSTFILES, LocustMasterAndWorkers, start_locust
from lab.zookeeper_server import ZooKeeperServers
from tests.integration.secure_server import (
    PASSWORD,
    USER,
    Certificates,
    make_certificates,
    netty_class_path,
    sasl_server,
    tls_server,
)
from tests.needs import missing, require_zookeeper

pytestmark = pytest.mark.integration

SET = str(LOCUSTFILES / "locust_set.py")
SASL = {"mechanism": "DIGEST-MD5", "username": USER, "password": PASSWORD}
CONNECT_LIMIT_S = 2


@dataclass(frozen=True)
class Ended:
    code: int
    log: str
    names: dict[str, tuple[int, int]]
    seconds: float


def run(folder: Path, *arguments: str, locustfile: str = SET, environment: Mapping[str, str] | None = None) -> Ended:
    """Run two users for two seconds; return what has come of it, by name: requests and failures among them."""
    log, summary, began = folder / "locust.log", folder / "summary.json", time.monotonic()
    process = start_locust(
        log, "-f", locustfile, "--headless", "--only-summary", "--users", "2", "--spawn-rate", "2", "--run-time", "2s",
        "--stop-timeout", "3", "--min-wait", "5", "--kazoo-timeout-s", str(CONNECT_LIMIT_S),
        "--json-file", str(summary.with_suffix("")), *arguments, environment=environment,
    )  # fmt: skip
    try:
        code = process.wait(40)
    finally:
        process.kill()
        process.wait()
    entries = json.loads(summary.read_text()) if summary.exists() else []
    names = {entry["name"]: (entry["num_requests"], entry["num_failures"]) for entry in entries}
    return Ended(code, log.read_text(), names, time.monotonic() - began)


def errors(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a load that cannot connect; return the report of its errors, without what kazoo logs beside it."""
    log = folder / "errors.log"
    process = start_locust(
        log, "-f", SET, "--headless", "--only-summary", "--users", "1", "--run-time", "3s",
        "--kazoo-timeout-s", str(CONNECT_LIMIT_S), *arguments, environment=environment,
    )  # fmt: skip
    began = time.monotonic()
    try:
        assert process.wait(40) == 1
    finally:
        process.kill()
        process.wait()
    assert time.monotonic() - began < 20
    return log.read_text().rpartition("Error report")[2]


@pytest.fixture(scope="module")
def sasl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with sasl_server(tmp_path_factory.mktemp("sasl")) as servers:
        yield servers


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[str]:
    require_zookeeper()
    jars = netty_class_path()
    if jars is None:
        missing("needs Netty beside ZooKeeper: apt install libnetty-java")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOOKEEPER_CLASSPATH", jars)
        servers, address = tls_server(tmp_path_factory.mktemp("tls"), certificates)
        with servers:
            _shake_hands(address, certificates)
            yield address


def _shake_hands(address: str, certificates: Certificates) -> None:
    """Let the JVM have its first handshake, which takes seconds on a busy machine: longer than clients wait here."""
    host, port = address.rsplit(":", 1)
    context = ssl.create_default_context(cafile=str(certificates.ca))
    context.check_hostname = False
    context.load_cert_chain(str(certificates.client_cert), str(certificates.client_key))
    with socket.create_connection((host, int(port)), 30) as plain, context.wrap_socket(plain):
        pass


def require_sets(ended: Ended) -> None:
    assert ended.code == 0, ended.log
    assert set(ended.names) == {"set"}
    assert ended.names["set"][0] > 0
    assert ended.names["set"][1] == 0


def test_sasl_by_environment_variable(sasl: ZooKeeperServers, tmp_path: Path) -> None:
    ended = run(tmp_path, "--hosts", sasl.hosts, environment={"KAZOO_LOCUST_SASL_OPTIONS": json.dumps(SASL)})
    require_sets(ended)
    assert PASSWORD not in ended.log


def test_sasl_of_each_process_is_in_no_log_and_no_process_list(sasl: ZooKeeperServers, tmp_path: Path) -> None:
    secret = {"KAZOO_LOCUST_SASL_OPTIONS": json.dumps(SASL)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "lab.locust_processes.start_locust",
            lambda log, *arguments, environment: start_locust(log, *arguments, environment=environment | secret),
        )
        load = LocustMasterAndWorkers(
            tmp_path, "locust_set.py", 2, "--hosts", sasl.hosts, "--users", "4", "--spawn-rate", "4",
            "--run-time", "5s", "--stop-timeout", "3", "--min-wait", "5",
        )  # fmt: skip
    with load:
        lines = [Path(f"/proc/{p.pid}/cmdline").read_bytes() for p in (load.master, *load.workers)]
        assert load.master.wait(60) == 0, load.log()
        for worker in load.workers:
            worker.wait(60)
        logs = "".join(load.log(name) for name in ("master", "worker-1", "worker-2"))
    (entry,) = json.loads(load.summary.read_text())
    assert entry["name"] == "set"
    assert entry["num_requests"] > 0
    assert entry["num_failures"] == 0
    assert PASSWORD not in logs
    assert all(PASSWORD.encode() not in line for line in lines)


def test_a_wrong_sasl_password_is_a_clear_failure_of_the_connect(sasl: ZooKeeperServers, tmp_path: Path) -> None:
    wrong = {"KAZOO_LOCUST_SASL_OPTIONS": json.dumps(SASL | {"password": "herring-9"})}
    report = errors(tmp_path, "--hosts", sasl.hosts, environment=wrong)
    assert "connect: AuthFailedError(" in report
    assert "SASL credentials" in report
    assert "herring-9" not in (tmp_path / "errors.log").read_text()


def test_without_sasl_the_server_says_that_it_demands_it(sasl: ZooKeeperServers, tmp_path: Path) -> None:
    assert "SessionClosedRequireSaslError" in errors(tmp_path, "--hosts", sasl.hosts, "--min-wait", "100")


def tls_flags(ca: Path, certificates: Certificates) -> list[str]:
    return [
        *("--kazoo-tls-ca", str(ca), "--kazoo-tls-cert", str(certificates.client_cert)),
        *("--kazoo-tls-key", str(certificates.client_key)),
    ]


@pytest.mark.parametrize("handler", ["gevent", "threading"])
def test_tls_with_a_client_certificate(handler: str, tls: str, certificates: Certificates, tmp_path: Path) -> None:
    flags = tls_flags(certificates.ca, certificates)
    require_sets(run(tmp_path, "--hosts", tls, "--kazoo-handler", handler, *flags))


def workload_of(folder: Path, root: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a workload on a tree of its own, which is removed."""
    workload = json.dumps({"operations": {"get": 3, "create": 1, "delete": 1}, "nodes": 50})
    return run(
        folder, "--workload", workload, "--pseudo-root", root, "--remove-nodes", *arguments,
        locustfile=str(LOCUSTFILES / "locust_workload.py"), environment=environment,
    )  # fmt: skip


def require_a_tree_that_is_gone(ended: Ended, client: KazooClient, root: str) -> None:
    assert ended.code == 0, ended.log
    assert set(ended.names) == {"get", "create", "delete"}, ended.log
    assert {failures for _, failures in ended.names.values()} == {0}, ended.log
    assert re.search(rf"Filled {root}/zk-locust-[\w-]+/workload with ", ended.log), ended.log
    client.start(timeout=20)
    try:
        assert client.exists(root) is None, ended.log
    finally:
        client.stop()
        client.close()


def test_a_workload_is_filled_and_removed_by_sasl(sasl: ZooKeeperServers, tmp_path: Path) -> None:
    secret = {"KAZOO_LOCUST_SASL_OPTIONS": json.dumps(SASL)}
    ended = workload_of(tmp_path, "/by-sasl", "--hosts", sasl.hosts, environment=secret)
    require_a_tree_that_is_gone(ended, KazooClient(sasl.hosts, sasl_options=SASL), "/by-sasl")
    assert PASSWORD not in ended.log


def test_a_workload_is_filled_and_removed_by_tls(tls: str, certificates: Certificates, tmp_path: Path) -> None:
    ended = workload_of(tmp_path, "/by-tls", "--hosts", tls, *tls_flags(certificates.ca, certificates))
    files = {"ca": certificates.ca, "certfile": certificates.client_cert, "keyfile": certificates.client_key}
    client = KazooClient(tls, use_ssl=True, check_hostname=False, **{name: str(path) for name, path in files.items()})
    require_a_tree_that_is_gone(ended, client, "/by-tls")


def test_a_server_of_an_unknown_authority_is_refused(tls: str, certificates: Certificates, tmp_path: Path) -> None:
    report = errors(tmp_path, "--hosts", tls, *tls_flags(certificates.other_ca, certificates))
    assert f"ConnectError('no session with {tls} within {CONNECT_LIMIT_S} s" in report.replace('"', "'")
    assert "certificate verify failed" in report


def test_a_client_without_certificate_is_refused(tls: str, certificates: Certificates, tmp_path: Path) -> None:
    report = errors(tmp_path, "--hosts", tls, "--kazoo-tls-ca", str(certificates.ca))
    assert f"no session with {tls} within {CONNECT_LIMIT_S} s: " in report
    assert "connection" in report.partition(" s: ")[2]


def test_plain_text_to_a_tls_port_ends_within_the_time_limit(tls: str, tmp_path: Path) -> None:
    assert f"no session with {tls} within {CONNECT_LIMIT_S} s" in errors(tmp_path, "--hosts", tls)
