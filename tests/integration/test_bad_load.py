"""Bad input of all kinds, each through one real Locust process: a clear word within its time, and no success.

Flags that the command line refuses are in test_load_failures.py, wrong SASL and TLS in test_secure_connections.py.
"""

import csv
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import ZooKeeperServers, free_ports
from tests.integration.clients import require_library
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

CLIENTS = ["kazoo", "native", "libzookeeper"]
SET = LOCUSTFILES / "locust_set.py"
WORKLOAD = LOCUSTFILES / "locust_workload.py"


@dataclass(frozen=True)
class Ended:
    """How the process ended; `counts` has (requests, failures among them) by name, `errors` (name, error)."""

    code: int
    log: str
    counts: dict[str, tuple[int, int]]
    errors: list[tuple[str, str]]
    seconds: float


def run(folder: Path, locustfile: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
    log, began = folder / "locust.log", time.monotonic()
    process = start_locust(
        log, "-f", str(locustfile), "--headless", "--only-summary", "--users", "1", "--run-time", "2s",
        "--stop-timeout", "3", "--csv", str(folder / "locust"), *arguments, environment=environment,
    )  # fmt: skip
    try:
        code = process.wait(40)
    finally:
        process.kill()
        process.wait()
    seconds = time.monotonic() - began
    counts = {
        row["Name"]: (int(row["Request Count"]), int(row["Failure Count"]))
        for row in rows(folder / "locust_stats.csv")
        if row["Name"] != "Aggregated"
    }
    errors = [(row["Name"], row["Error"]) for row in rows(folder / "locust_failures.csv")]
    return Ended(code, log.read_text(), counts, errors, seconds)


def rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@pytest.mark.parametrize(
    ("locustfile", "arguments", "message"),
    [
        (SET, ["--kazoo-handler", "gevnt"], "--kazoo-handler: [gevnt] is unknown, did you mean gevent?"),
        (SET, ["--hosts", "zk1:2181,,zk2"], "--hosts: [zk1:2181,,zk2] has "),
        (SET, ["--hosts", "zk1:2181/a//b"], "--hosts: [zk1:2181/a//b] has "),
        (
            WORKLOAD,
            ["--workload", '{"operations": {"get": 0, "set": 0}}'],
            "workload.operations [{'get': 0, 'set': 0}]: the weights add up to nothing; write e.g. {get: 9, set: 1}",
        ),
        (WORKLOAD, ["--workload", "/no/such/file.yml"], "--workload: "),
    ],
)
def test_a_value_without_sense_is_refused_before_any_load(
    locustfile: Path, arguments: list[str], message: str, tmp_path: Path
) -> None:
    ended = run(tmp_path, locustfile, "--hosts", "127.0.0.1:1", *arguments)
    assert ended.code == 2
    assert message in ended.log
    assert "Traceback" not in ended.log
    assert not ended.counts


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ZK_LOCUST_CLIENT": "kazo"}, "--client: [kazo] is unknown, did you mean kazoo?"),
        ({"ZK_LOCUST_HOSTS": "zk1:port"}, "--hosts: [zk1:port] has a member [zk1:port] that is no address"),
    ],
)
def test_an_environment_variable_without_sense_is_refused_like_a_flag(
    environment: dict[str, str], message: str, tmp_path: Path
) -> None:
    ended = run(tmp_path, SET, environment=environment)
    assert ended.code == 2
    assert message in ended.log
    assert "Traceback" not in ended.log


@pytest.mark.parametrize("client", CLIENTS)
def test_an_unreachable_ensemble_is_reported_within_the_connect_time_limit(client: str, tmp_path: Path) -> None:
    if client == "libzookeeper":
        require_library()
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    ended = run(tmp_path, SET, "--hosts", nobody, "--client", client, "--kazoo-timeout-s", "500ms", "--run-time", "3s")
    assert ended.code == 1
    assert set(ended.counts) == {"connect"}
    # One try takes the limit and a pause of a second.
    assert ended.counts["connect"][0] == ended.counts["connect"][1] >= 1
    ((_, error),) = ended.errors
    assert f"no session with {nobody} within 0.5 s: " in error
    assert "Connection refused" in error
    assert "Traceback" not in ended.log
    assert ended.seconds < 20


@pytest.mark.parametrize("client", CLIENTS)
def test_a_value_larger_than_the_server_takes_is_a_counted_error_and_the_user_goes_on(
    client: str, server: ZooKeeperServers, tmp_path: Path
) -> None:
    if client == "libzookeeper":
        require_library()
    locustfile = tmp_path / "large.py"
    locustfile.write_text(LARGE_AND_SMALL)
    ended = run(
        tmp_path, locustfile, "--hosts", server.hosts, "--client", client, "--run-time", "5s",
        "--pseudo-root", f"/large-{client}",
    )  # fmt: skip
    assert ended.code == 1
    assert ended.counts["large"][0] == ended.counts["large"][1] >= 2, ended.log
    assert ended.counts["small"][0] > 2
    ((name, error),) = ended.errors
    assert name == "large"
    assert "over a request of 2000" in error
    assert "above the server's jute.maxbuffer" in error
    assert "Traceback" not in ended.log


LARGE_AND_SMALL = """\
from locust import task
from zk_locust import ZKLocust, ZKLocustTaskSet


class InTurn(ZKLocustTaskSet):
    @task
    def both(self):
        path = self.client.create_default_node()
        for name, size in (("small", 10), ("large", 2_000_000)):
            with self.client.timer(name):
                self.client.get_zk_client().set(path, bytes(size))


class Large(ZKLocust):
    tasks = [InTurn]
    min_wait = 300
"""


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("from zk_locust import ZKLocust\nclass Set(ZKLocust:\n", ['mistaken.py", line 2', "SyntaxError: "]),
        ("from zk_locust import ZKLocust\n1 / 0\n", ['mistaken.py", line 2', "ZeroDivisionError: division by zero"]),
        ("import zk_locus\n", ['mistaken.py", line 1', "ModuleNotFoundError: No module named 'zk_locus'"]),
        ("from zk_locust import ZKLocust\n", ["No User class found"]),
    ],
)
def test_a_mistake_in_a_locustfile_ends_locust_with_its_place(code: str, says: list[str], tmp_path: Path) -> None:
    file = tmp_path / "mistaken.py"
    file.write_text(code)
    ended = run(tmp_path, file, "--hosts", "127.0.0.1:1")
    assert ended.code == 1
    assert ended.seconds < 15
    # Locust's own traceback ends with the place and the error.
    last = "\n".join(ended.log.splitlines()[-5:])
    for words in says:
        assert words in last


def test_a_mistake_in_a_task_is_shown_with_its_place_and_the_user_lives(
    server: ZooKeeperServers, tmp_path: Path
) -> None:
    file = tmp_path / "mistaken.py"
    file.write_text(LARGE_AND_SMALL.replace("bytes(size))", "bites(size))"))
    ended = run(tmp_path, file, "--hosts", server.hosts)
    assert ended.log.count("NameError: name 'bites' is not defined") >= 2
    assert not ended.counts


def test_a_report_folder_that_holds_a_run_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "events.csv").write_text("of an earlier run\n")
    ended = run(tmp_path, SET, "--hosts", "127.0.0.1:1", "--report-dir", str(folder))
    assert ended.code == 2
    assert f"zk-locust: --report-dir [{folder}]: it holds a run already (events.csv); name another" in ended.log
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"events.csv": "of an earlier run\n"}
    assert "Traceback" not in ended.log


def test_a_report_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run(tmp_path, SET, "--hosts", "127.0.0.1:1", "--report-dir", str(tmp_path / "file" / "report"))
    assert ended.code == 2
    assert "it cannot be made (Not a directory); name another folder" in ended.log
    assert "Traceback" not in ended.log
