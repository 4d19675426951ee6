"""A run of Locust as a user starts one: command lines, and the files that they leave."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil

from benchmarks.truth.said import Said, read
from lab.locust_processes import LOCUST, LOCUSTFILES, clean_environment
from lab.places import PROJECT
from locust_extra.files import path_of_run
from zk_locust.contract.run_files import STATS

_GET: Final = LOCUSTFILES / "locust_get.py"
_REPLICATED: Final = Path(__file__).with_name("replicated_worker.py")
_PATIENCE_S: Final = 60.0
# How long after its start a worker has told the master that it is there, on a machine with other work.
_PATIENCE_WITH_WORKERS_S: Final = 30.0

Meanwhile = Callable[[psutil.Process], None]


@dataclass(frozen=True)
class Load:
    """What a run drives. `options` are further parameters by their names; True is a flag without a value."""

    users: int
    seconds: float
    client: str = "native"
    wait_ms: float = 0.0
    arrival_rate: float | None = None
    options: dict[str, object] = field(default_factory=dict)

    def arguments(self, hosts: str) -> list[str]:
        """Return Locust's arguments."""
        parameters: dict[str, object] = {
            "hosts": hosts, "client": self.client, "users": self.users, "spawn-rate": self.users,
            "run-time": f"{self.seconds:g}s", "min-wait": self.wait_ms, "stats-collect": "1s", "headless": True,
            "only-summary": True, "arrival-rate": self.arrival_rate,
        } | self.options  # fmt: skip
        arguments = []
        for name, value in parameters.items():
            if value is not None:
                arguments += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        return arguments


def run(
    hosts: str, folder: Path, load: Load, *, workers: int = 1, report: bool = True, meanwhile: Meanwhile | None = None
) -> Said:
    """Run gets and return what the run said. `meanwhile` gets Locust's process.

    With one worker Locust is one process, else a master and that many workers. With `report` a report is written, and
    the figures have verdicts.
    """
    files, arguments = _places(folder, report)
    arguments += load.arguments(hosts)
    if workers > 1:
        # A port of its own: other runs on this machine have workers too, which look for a master at the usual one.
        port = str(_free_port())
        arguments += ["--processes", str(workers), "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        arguments += ["--master-host", "127.0.0.1", "--master-port", port]
    with _locust(folder / "locust.log", arguments) as process:
        if meanwhile is not None:
            meanwhile(psutil.Process(process.pid))
        process.wait(timeout=load.seconds + _PATIENCE_S)
    return _read(files, folder / "locust.log")


def run_twice(hosts: str, folder: Path, load: Load) -> list[Said]:
    """Run two tests in one Locust process, by its page; return what is said of each."""
    files, arguments = _places(folder, report=False)
    page = f"http://127.0.0.1:{_free_port()}"
    pageless = {"headless": None, "only-summary": None, "run-time": None}
    arguments += replace(load, options=load.options | pageless).arguments(hosts)
    arguments += ["--web-host", "127.0.0.1", "--web-port", page.rpartition(":")[2]]
    with _locust(folder / "locust.log", arguments) as process:
        _wait_until(lambda: bool(_asked(f"{page}/stats/requests")), process)
        for _ in range(2):
            _asked(f"{page}/swarm", urlencode({"user_count": load.users, "spawn_rate": load.users}).encode())
            time.sleep(load.seconds)
            _asked(f"{page}/stop", b"")
            _wait_until(lambda: json.loads(_asked(f"{page}/stats/requests"))["state"] == "stopped", process)
            time.sleep(1)
    return [_read(files, folder / "locust.log", name) for name in (STATS, path_of_run(STATS, 2))]


def _asked(address: str, form: bytes | None = None) -> bytes:
    """Return what Locust's page answers; nothing if it does not listen yet."""
    try:
        with urlopen(address, form, timeout=_PATIENCE_S) as answer:
            return bytes(answer.read())
    except HTTPError:
        raise
    except URLError:
        return b""


def _wait_until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError("Locust's page does not answer as expected")
        time.sleep(0.1)


def run_with_late_worker(hosts: str, folder: Path, load: Load, *, workers: int, late_s: float) -> Said:
    """Run gets by a master and separate workers, one of which starts `late_s` after the load."""
    load = replace(load, options={**load.options, "arrival-workers": workers})
    files, master_arguments, worker_arguments = _master_and_workers(hosts, folder, load, workers - 1)
    with ExitStack() as stack:
        master = stack.enter_context(_locust(folder / "locust.log", master_arguments))
        for number in range(workers - 1):
            stack.enter_context(_locust(folder / f"worker-{number}.log", worker_arguments))
        _wait_for_load(files / STATS, master)
        time.sleep(late_s)
        stack.enter_context(_locust(folder / "worker-late.log", worker_arguments))
        master.wait(timeout=load.seconds + _PATIENCE_S)
    return _read(files, folder / "locust.log")


@dataclass(frozen=True)
class MasterCost:
    """What the master took while the load ran: percent of one core, and MiB."""

    cpu_percent: float
    resident_mib: float


def run_replicated(hosts: str, folder: Path, load: Load, *, workers: int) -> tuple[Said, MasterCost]:
    """Run gets by one worker that speaks to the master for many; return also what the master took."""
    files, master_arguments, worker_arguments = _master_and_workers(hosts, folder, load, workers)
    with (
        _locust(folder / "locust.log", master_arguments) as master,
        _locust(folder / "worker.log", worker_arguments, _REPLICATED, {"REPLICAS": str(workers)}),
    ):
        _wait_for_load(files / STATS, master)
        process = psutil.Process(master.pid)
        began, before = time.monotonic(), process.cpu_times()
        # Until shortly before its end: what follows is the summary and the report.
        time.sleep(load.seconds - 2)
        after, took_s, resident = process.cpu_times(), time.monotonic() - began, process.memory_info().rss
        master.wait(timeout=_PATIENCE_S)
    used_s = after.user + after.system - before.user - before.system
    return _read(files, folder / "locust.log"), MasterCost(100 * used_s / took_s, resident / 2**20)


def _master_and_workers(hosts: str, folder: Path, load: Load, workers: int) -> tuple[Path, list[str], list[str]]:
    """Return the folder of the files, the arguments of the master, and those of each worker."""
    files, arguments = _places(folder, report=True)
    # A port of its own: other runs on this machine have workers too, which look for a master at the usual one.
    port = str(_free_port())
    arguments += load.arguments(hosts)
    arguments += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    arguments += ["--expect-workers", str(workers), "--expect-workers-max-wait", f"{_PATIENCE_WITH_WORKERS_S:g}"]
    return files, arguments, ["--worker", "--master-host", "127.0.0.1", "--master-port", port]


def _places(folder: Path, report: bool) -> tuple[Path, list[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    if report:
        return folder / "report", ["--report-dir", str(folder / "report")]
    return folder, ["--stats-csv", str(folder / STATS), "--stats-events", str(folder / "events.csv")]


@contextmanager
def _locust(
    log: Path, arguments: list[str], locustfile: Path = _GET, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a Locust process, and end it with the context if it still runs."""
    command = [*LOCUST, "-f", str(locustfile), *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env=clean_environment() | dict(environment or {}),
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_load(stats: Path, master: "subprocess.Popen[bytes]") -> None:
    """Return when the master has written the first interval, which it does a second or two after the load's start."""
    deadline = time.monotonic() + _PATIENCE_WITH_WORKERS_S + _PATIENCE_S
    while time.monotonic() < deadline and master.poll() is None:
        if stats.exists() and stats.read_bytes().count(b"\n") > 1:
            return
        time.sleep(0.1)
    raise RuntimeError("the load has not started")


def _read(files: Path, log: Path, stats: str = STATS) -> Said:
    if not (files / stats).exists():
        raise RuntimeError(f"Locust has recorded nothing in {stats}; its log says\n{log.read_text()[-2000:]}")
    return read(files, stats)


def kill_one_worker(port: int, after_s: float) -> Meanwhile:
    """Return what kills a worker of a run some time after it has connected to the server at that port."""

    def kill(locust: psutil.Process) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and (workers := _children(locust)) is not None:
            for worker in workers:
                if _is_connected(worker, port):
                    time.sleep(after_s)
                    try:
                        worker.kill()
                    except psutil.NoSuchProcess:
                        raise RuntimeError("the load ended before a worker was killed: the machine is busy") from None
                    return
            time.sleep(0.05)
        raise RuntimeError("no worker of Locust has connected to the server")

    return kill


def _children(process: psutil.Process) -> list[psutil.Process] | None:
    """Return the processes that a process has started; None if it has ended."""
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else process.children()
    except psutil.NoSuchProcess:
        return None


def stop_each_second(port: int, for_s: float, seconds: float) -> Meanwhile:
    """Return what stops Locust's process for so long in each of so many seconds, once it has connected to the port."""

    def stop(locust: psutil.Process) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not _is_connected(locust, port):
            if time.monotonic() > deadline or locust.status() == psutil.STATUS_ZOMBIE:
                raise RuntimeError("Locust has not connected to the server")
            time.sleep(0.05)
        for _ in range(int(seconds)):
            time.sleep(1 - for_s)
            with contextlib.suppress(psutil.NoSuchProcess):
                locust.suspend()
                time.sleep(for_s)
                locust.resume()

    return stop


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _is_connected(process: psutil.Process, port: int) -> bool:
    try:
        links = process.net_connections(kind="tcp4")
    except psutil.Error:
        return False
    return any(link.raddr and link.raddr.port == port for link in links)
