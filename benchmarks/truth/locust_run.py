"""A run of Locust as a user starts one: a command line, and the files that it leaves."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

REPOSITORY: Final = Path(__file__).resolve().parents[2]
GET: Final = "zk_locust/locustfiles/locust_get.py"
PERCENTILES: Final = (50.0, 99.0, 99.9)
_PATIENCE_S: Final = 60.0


@dataclass
class Said:
    """What a run said of its gets."""

    successes: int = 0
    failures: int = 0
    unanswered: int | None = None
    rate: float = 0.0
    percentiles_us: dict[float, float] = field(default_factory=dict)
    longest_us: float = float("nan")
    worker_cpu_percent: float = float("nan")
    verdict: str = ""
    lost_workers: int = 0

    @property
    def accounted(self) -> int:
        """Operations that the run speaks of, however they ended."""
        return self.successes + self.failures + (self.unanswered or 0)


def run(
    hosts: str,
    folder: Path,
    *,
    users: int,
    seconds: float,
    client: str = "native",
    wait_ms: float = 0.0,
    workers: int = 1,
    report: bool = True,
    meanwhile: Callable[[psutil.Process], None] | None = None,
) -> Said:
    """Run gets and return what the run said. `meanwhile` gets Locust's process.

    With one worker Locust is one process, else a master and that many workers. With `report` a report is written, and
    the run has a verdict.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "locust", "-f", GET, "--headless", "--only-summary", "--hosts", hosts, "--client", client,
        "--users", str(users), "--spawn-rate", str(max(users, 1)), "--run-time", f"{seconds:g}s",
        "--min-wait", str(wait_ms), "--stats-collect", "1s",
    ]  # fmt: skip
    if workers > 1:
        # A port of its own: other runs on this machine have workers too, which look for a master at the usual one.
        port = str(_free_port())
        command += ["--processes", str(workers), "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        command += ["--master-host", "127.0.0.1", "--master-port", port]
    if report:
        command += ["--report-dir", str(folder / "report")]
        files = folder / "report"
    else:
        command += ["--stats-csv", str(folder / "locust-stats.csv"), "--stats-events", str(folder / "events.csv")]
        files = folder
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ZK_", "KAZOO_", "LOCUST_"))}
    log = folder / "locust.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=subprocess.STDOUT, env=clean)
        try:
            if meanwhile is not None:
                meanwhile(psutil.Process(process.pid))
            process.wait(timeout=seconds + _PATIENCE_S)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=_PATIENCE_S)
    if not (files / "locust-stats.csv").exists():
        raise RuntimeError(f"Locust has recorded nothing; its log says\n{log.read_text()[-2000:]}")
    return read(files)


def read(files: Path) -> Said:
    """Read what a run left: the figures of the measured stage, the counts of all stages."""
    said = Said()
    with (files / "locust-stats.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    gets = [
        row for row in rows if row["worker"] == "all" and row["name"] != "Aggregated" and "get" in row["name"].lower()
    ]
    last = {row["stage"]: row for row in gets}
    said.successes = sum(int(row["requests"]) for row in last.values())
    said.failures = sum(int(row["failures"]) for row in last.values())
    # The columns of those whose end the run does not know, once it has such.
    unknown = [int(row[column] or 0) for row in last.values() for column in ("censored", "unreported") if column in row]
    said.unanswered = sum(unknown) if unknown else None
    if measured := last.get("measured"):
        said.percentiles_us = {percent: float(measured[f"p{percent:g}_us"] or "nan") for percent in PERCENTILES}
        said.longest_us = float(measured["max_us"] or "nan")
        said.rate = int(measured["requests"]) / float(measured["elapsed_s"])
    cpu = [float(row["cpu_percent"]) for row in rows if row["worker"] != "all" and row["cpu_percent"]]
    said.worker_cpu_percent = sum(cpu[1:]) / len(cpu[1:]) if len(cpu) > 1 else float("nan")
    if (files / "events.csv").exists():
        with (files / "events.csv").open(newline="") as file:
            said.lost_workers = sum(row["event"] == "worker-lost" for row in csv.DictReader(file))
    if (files / "report.json").exists():
        judgement: Any = json.loads((files / "report.json").read_text())["verdict"]
        said.verdict = _without_admin_server(judgement)
    return said


def _without_admin_server(judgement: Any) -> str:
    """Return the verdict as it is without what is said of the AdminServer, which a scripted server does not have."""
    reasons = [reason for reason in judgement["reasons"] if reason["rule"] != "member-unreachable"]
    found = {reason["severity"]: reason["rule"] for reason in reversed(reasons)}
    return next((f"{kind}: {found[kind]}" for kind in ("void", "inconclusive") if kind in found), "valid")


def kill_one_worker(port: int, after_s: float) -> Callable[[psutil.Process], None]:
    """Return what kills a worker of a run some time after it has connected to the server at that port."""

    def kill(locust: psutil.Process) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and locust.status() != psutil.STATUS_ZOMBIE:
            for worker in locust.children():
                if _is_connected(worker, port):
                    time.sleep(after_s)
                    worker.kill()
                    return
            time.sleep(0.05)
        raise RuntimeError("no worker of Locust has connected to the server")

    return kill


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _is_connected(worker: psutil.Process, port: int) -> bool:
    try:
        links = worker.net_connections(kind="tcp4")
    except psutil.Error:
        return False
    return any(link.raddr and link.raddr.port == port for link in links)
