"""What becomes of a load when members, workers, the master or the user's command line fail."""

import csv
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.locust_processes import LOCUSTFILES, LocustMasterAndWorkers, start_locust
from lab.zookeeper_server import ZooKeeperServers, four_letters, free_ports
from tests import waiting
from tests.integration.clients import require_library
from tests.needs import require_zookeeper

pytestmark = pytest.mark.integration

SET_AND_GET = str(LOCUSTFILES / "locust_set_and_get.py")
SET = str(LOCUSTFILES / "locust_set.py")


until = partial(waiting.until, limit_s=40.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServers]:
    require_zookeeper()
    with ZooKeeperServers(1, tmp_path_factory.mktemp("zookeeper")) as servers:
        yield servers


@dataclass
class Figures:
    """The files of a load below a folder, and the arguments that have them written."""

    folder: Path

    @property
    def arguments(self) -> list[str]:
        names = {"csv": "stats.csv", "distrib": "distrib.jsonl", "hlog": "latency.hlog", "events": "events.csv"}
        files = [word for flag, name in names.items() for word in (f"--stats-{flag}", str(self.folder / name))]
        return [*files, "--stats-progress", str(self.folder / "progress.json"), "--stats-collect", "500"]

    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "stats.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def rows_of(self, name: str = "Aggregated", worker: str = "all", stage: str = "measured") -> list[dict[str, str]]:
        return [row for row in self.rows() if (row["name"], row["worker"], row["stage"]) == (name, worker, stage)]

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "distrib.jsonl").read_text().splitlines()]

    def events(self) -> list[tuple[str, str]]:
        file = self.folder / "events.csv"
        if not file.exists():
            return []
        with file.open(newline="") as opened:
            return [(row["event"], row["subject"]) for row in csv.DictReader(opened)]

    def progress(self) -> dict[str, Any]:
        file = self.folder / "progress.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def wait_for_requests(self, count: int = 200) -> None:
        """Wait until so many requests of the measured stage were recorded."""
        until(lambda: self.progress().get("stage") == "measured" and self.progress()["requests"] >= count)

    def require_equal_counts(self, *, failures: bool = False) -> dict[str, int]:
        """Require that Locust's summary, the series and the distributions agree; return requests by name.

        Locust's own number of requests has the failed ones in it.
        """
        entries = json.loads((self.folder / "summary.json").read_text())
        summary = {entry["name"]: (entry["num_requests"], entry["num_failures"]) for entry in entries}
        series: dict[str, tuple[int, int]] = {}
        for row in self.rows():
            if row["worker"] == "all" and row["stage"] == "measured" and row["name"] != "Aggregated":
                series[row["name"]] = (int(row["requests"]) + int(row["failures"]), int(row["failures"]))
        distributions: dict[str, tuple[int, int]] = {}
        for line in self.lines():
            if line["stage"] == "measured":
                total, failed = distributions.get(line["name"], (0, 0))
                requests, failures_here = int(line["requests"]), int(line["failures"])
                distributions[line["name"]] = (total + requests + failures_here, failed + failures_here)
                assert sum(line["histogram"].values()) + line["overflows"] == requests
        assert summary == series == distributions
        assert (sum(failed for _, failed in summary.values()) > 0) == failures
        aggregated = self.rows_of()[-1]
        assert int(aggregated["requests"]) + int(aggregated["failures"]) == sum(count for count, _ in summary.values())
        workers = {row["worker"]: row for row in self.rows() if row["worker"] != "all" and row["stage"] == "measured"}
        assert sum(int(row["requests"]) for row in workers.values()) == int(aggregated["requests"])
        return {name: count for name, (count, _) in summary.items()}


@pytest.fixture
def figures(tmp_path: Path) -> Figures:
    return Figures(tmp_path)


def load(server: ZooKeeperServers, run_time: str, *more: str) -> list[str]:
    return [
        *("--hosts", server.hosts, "--users", "8", "--spawn-rate", "8", "--run-time", run_time, "--stop-timeout", "5"),
        *("--min-wait", "2", "--max-wait", "6", *more),
    ]


def end_of(process: subprocess.Popen[bytes], limit_s: float = 40.0) -> int:
    """Wait for the end of a process; return its exit code."""
    try:
        return process.wait(limit_s)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(60)


def run_locally(figures: Figures, *arguments: str, limit_s: float = 40.0) -> tuple[int, str]:
    """Run one Locust process to its end; return its exit code and its output."""
    log = figures.folder / "local.log"
    code = end_of(start_locust(log, *arguments), limit_s)
    return code, log.read_text()


def sessions(server: ZooKeeperServers) -> set[str]:
    """Return the sessions that the server knows, connected or not."""
    return set(re.findall("0x[0-9a-f]+", four_letters(server.members[0].client_port, "dump")))


def connected_sessions(server: ZooKeeperServers) -> set[str]:
    return set(re.findall(r"sid=(0x[0-9a-f]+)", four_letters(server.members[0].client_port, "cons")))


@pytest.mark.parametrize("client", ["kazoo", "native", "libzookeeper"])
def test_members_that_go_and_sessions_that_expire_are_failures_and_no_dead_user_and_the_load_resumes(
    server: ZooKeeperServers, figures: Figures, client: str
) -> None:
    if client == "libzookeeper":
        require_library()
    # Ended as soon as all has been seen, not by its run time.
    arguments = [*load(server, "120s"), "--client", client, "--kazoo-timeout-s", "2", "--operation-timeout", "500ms"]
    with LocustMasterAndWorkers(figures.folder, "locust_set_and_get.py", 2, *figures.arguments, *arguments) as locust:

        def failures() -> int:
            return int(figures.progress()["failures"])

        def wait_for_successes_in_the_series() -> None:
            requests = int(figures.rows_of()[-1]["requests"])
            until(lambda: int(figures.rows_of()[-1]["requests"]) > requests + 200)

        figures.wait_for_requests()
        server.kill(0)
        until(lambda: failures() >= 8)
        server.start(0)
        wait_for_successes_in_the_series()

        before = failures()
        server.pause(0)
        try:
            until(lambda: failures() >= before + 8)
        finally:
            server.resume(0)
        wait_for_successes_in_the_series()

        # A paused server may still take a session up again: it is the workers who must be away for longer than one.
        until(lambda: len(connected_sessions(server)) == 8)
        expired = connected_sessions(server)
        still = [locust.master, *locust.workers]  # a master that goes on takes them for lost after three seconds
        for process in still:
            process.send_signal(signal.SIGSTOP)
        try:
            until(lambda: not expired & sessions(server))
        finally:
            for process in reversed(still):
                process.send_signal(signal.SIGCONT)
        # No failure is asked for: whoever was between two operations may have a new session before the next.
        until(lambda: len(connected_sessions(server) - expired) == 8)
        wait_for_successes_in_the_series()

        assert figures.progress()["users"] == 8, "every user is alive"
        assert figures.progress()["stage"] == "measured"
        locust.master.send_signal(signal.SIGTERM)
        assert end_of(locust.master) == 1, "failures are in Locust's exit code"
        for name in ("master", "worker-1", "worker-2"):
            assert "Traceback" not in locust.log(name)
    figures.require_equal_counts(failures=True)
    rows = figures.rows_of()
    assert {error.partition(":")[0] for error in json.loads(rows[-1]["errors"])} <= {
        "ConnectionLossError", "OperationTimeoutError", "SessionExpiredError",
    }  # fmt: skip
    numbers = sorted({int(row["interval"]) for row in rows})
    assert numbers == list(range(len(numbers))), "also the intervals without a success are there"


def test_an_ensemble_that_nobody_reaches_is_failed_connects_and_the_run_ends_on_time(figures: Figures) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    began = time.monotonic()
    code, log = run_locally(
        figures, "-f", SET, "--headless", "--hosts", nobody, "--run-time", "4s", "--kazoo-timeout-s", "1",
        "--users", "3", "--spawn-rate", "3", *figures.arguments, "--json-file", str(figures.folder / "summary"),
    )  # fmt: skip
    assert time.monotonic() - began < 4 + 12
    assert code == 1
    assert "Traceback" not in log
    assert set(figures.require_equal_counts(failures=True)) == {"connect"}
    (error,) = json.loads(figures.rows_of("connect")[-1]["errors"])
    reason = "Connection dropped: socket connection error: Connection refused"
    assert error == f"ConnectError: no session with {nobody} within 1 s: {reason}"


def test_a_worker_that_is_killed_is_an_event_and_one_that_comes_late_joins(
    server: ZooKeeperServers, figures: Figures
) -> None:
    arguments = [*figures.arguments, *load(server, "12s", "--warm-up", "500ms")]
    with LocustMasterAndWorkers(figures.folder, "locust_set_and_get.py", 2, *arguments) as locust:
        figures.wait_for_requests()
        locust.workers[0].kill()
        locust.workers[0].wait(60)
        locust.add_worker()
        until(lambda: ("worker-lost", "worker-1") in figures.events())
        until(lambda: figures.rows_of(worker="worker-3"))
        interval = int(figures.rows_of()[-1]["interval"])
        until(lambda: int(figures.rows_of()[-1]["interval"]) > interval, limit_s=5)
        assert figures.progress()["stage"] == "measured", "nobody waits for the lost worker"
        until(lambda: figures.progress()["workers"] == 2, limit_s=5)
        assert end_of(locust.master) == 0, locust.log()
        for worker in locust.workers[1:]:
            assert end_of(worker, 10) == 0
    figures.require_equal_counts()
    came_and_went = ("worker-ready", "worker-lost")
    assert sorted(event for event in figures.events() if event[0] in came_and_went) == [
        ("worker-lost", "worker-1"),
        *(("worker-ready", f"worker-{n}") for n in (1, 2, 3)),
    ]
    assert not any(int(row["requests"]) for row in figures.rows_of(worker="worker-3", stage="warm-up"))
    late = figures.rows_of(worker="worker-3")
    assert int(late[0]["interval"]) >= 2, "it joined where the load was"
    assert int(late[-1]["interval"]) == 23
    assert int(late[-1]["requests"]) > 0


def test_when_all_workers_are_gone_the_run_fails_and_the_figures_so_far_are_kept(
    server: ZooKeeperServers, figures: Figures
) -> None:
    arguments = [*figures.arguments, *load(server, "60s")]
    with LocustMasterAndWorkers(figures.folder, "locust_set_and_get.py", 2, *arguments) as locust:
        figures.wait_for_requests()
        for worker in locust.workers:
            worker.kill()
        assert end_of(locust.master, 25) == 1
        assert "No worker is left" in locust.log()
        assert "Traceback" not in locust.log()
    counts = figures.require_equal_counts()
    assert sum(counts.values()) >= 200
    lost = [subject for event, subject in figures.events() if event == "worker-lost"]
    assert sorted(lost) == ["worker-1", "worker-2"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_master_that_is_stopped_keeps_the_figures_so_far_and_ends_its_workers(
    server: ZooKeeperServers, figures: Figures, how: signal.Signals
) -> None:
    arguments = [*figures.arguments, *load(server, "60s", "--warm-up", "500ms")]
    with LocustMasterAndWorkers(figures.folder, "locust_set_and_get.py", 2, *arguments) as locust:
        figures.wait_for_requests()
        locust.master.send_signal(how)
        assert end_of(locust.master, 20) == 0, locust.log()
        for worker in locust.workers:
            assert end_of(worker, 10) == 0
        assert "Traceback" not in locust.log()
    figures.require_equal_counts()
    assert ("stage-start", "cool-down") in figures.events()
    assert ("run-stopped", "load") in figures.events()
    assert not [event for event, _ in figures.events() if event == "worker-lost"]
    assert figures.progress()["stage"] == "ended"


def test_one_process_alone_counts_the_same_three_times(server: ZooKeeperServers, figures: Figures) -> None:
    code, log = run_locally(
        figures, "-f", SET_AND_GET, "--headless", "--only-summary", *load(server, "3s", "--warm-up", "1s"),
        *figures.arguments, "--json-file", str(figures.folder / "summary"),
    )  # fmt: skip
    assert code == 0, log
    counts = figures.require_equal_counts()
    assert min(counts.values()) > 10
    assert [subject for event, subject in figures.events() if event == "stage-start"][:2] == ["warm-up", "measured"]
    assert len({row["interval"] for row in figures.rows_of()}) == 6


def test_an_automatic_warm_up_sees_the_series_of_the_load(server: ZooKeeperServers, figures: Figures) -> None:
    """On a busy machine it may reach its limit, because of what the series shows."""
    code, log = run_locally(
        figures, "-f", SET_AND_GET, "--headless", "--only-summary", *load(server, "1s", "--warm-up", "auto:15s"),
        *figures.arguments, "--json-file", str(figures.folder / "summary"),
    )  # fmt: skip
    assert code == 0, log
    figures.require_equal_counts()
    with (figures.folder / "events.csv").open(newline="") as opened:
        told = [(row["event"], row["subject"], row["detail"]) for row in csv.DictReader(opened)]
    names = [(event, subject) for event, subject, _ in told]
    (ended,) = [row for row in told if row[0] == "warm-up-ended"]
    assert ended[1] in ("stationary", "limit-reached")
    assert "recorded" not in ended[2], "the rule has seen nothing, or too little"
    assert names.index(("stage-start", "warm-up")) < told.index(ended) < names.index(("stage-start", "measured"))


def test_a_plain_locust_command_works_and_collects_nothing(server: ZooKeeperServers, figures: Figures) -> None:
    code, log = run_locally(
        figures, "-f", SET, "--headless", "--hosts", server.hosts, "--val-size", "512", "--run-time", "3s",
        "--json-file", str(figures.folder / "summary"),
    )  # fmt: skip
    assert code == 0, log
    assert "Traceback" not in log
    (entry,) = json.loads((figures.folder / "summary.json").read_text())
    assert entry["name"] == "set"
    assert entry["num_requests"] > 100
    assert sorted(file.name for file in figures.folder.iterdir()) == ["local.log", "summary.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--client", "kazo"], "argument --client: [kazo] is unknown, did you mean kazoo?; known: "),
        (["--val-size", "big"], "argument --val-size: [big] is not a whole number of bytes; write e.g. 1024"),
        (["--hosts", "zk1:port"], "argument --hosts: [zk1:port] has a member [zk1:port] that is no address"),
        (["--pseudo-rot", "/a"], "unrecognized arguments: --pseudo-rot\nDid you mean '--pseudo-root'?"),
        (
            [],
            "zk-locust: --hosts []: the ensemble's address is missing; give --hosts host:port,… or set ZK_LOCUST_HOSTS",
        ),
    ],
)
def test_a_bad_command_line_is_one_line_and_exit_code_2(figures: Figures, arguments: list[str], message: str) -> None:
    code, log = run_locally(figures, "-f", SET, "--headless", "--run-time", "30s", *arguments, limit_s=15)
    assert code == 2
    assert "Traceback" not in log
    assert message in log
    said = [line for line in log.splitlines() if "Starting Locust" not in line and not line.startswith("Did you mean")]
    assert len(said) == 1, log


def test_without_hosts_a_master_ends_with_the_workers_that_wait_for_it(figures: Figures) -> None:
    port = str(free_ports(1)[0])
    worker_log, log = figures.folder / "worker.log", figures.folder / "master.log"
    worker = start_locust(worker_log, "-f", SET, "--worker", "--master-host", "127.0.0.1", "--master-port", port)
    try:
        until(lambda: "Starting Locust" in worker_log.read_text())
        arguments = ["--master", "--headless", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        master = start_locust(log, "-f", SET, *arguments, "--expect-workers", "1", "--run-time", "30s")
        assert end_of(master, 15) == 2
        assert log.read_text().count("zk-locust: --hosts []") == 1
        assert "Traceback" not in log.read_text()
        assert end_of(worker, 10) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait(60)


def test_a_worker_alone_that_is_stopped_leaves_its_figures_with_the_master(
    server: ZooKeeperServers, figures: Figures
) -> None:
    arguments = [*figures.arguments, *load(server, "6s")]
    with LocustMasterAndWorkers(figures.folder, "locust_set_and_get.py", 2, *arguments) as locust:
        figures.wait_for_requests()
        locust.workers[0].terminate()
        assert end_of(locust.workers[0], 15) == 0
        assert end_of(locust.master) == 0, locust.log()
    figures.require_equal_counts()
    assert ("worker-lost", "worker-1") in figures.events()
    assert not [child for child in psutil.Process().children() if child.pid in {w.pid for w in locust.workers}]
