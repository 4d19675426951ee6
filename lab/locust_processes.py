"""Real Locust processes on loopback: a master with its workers, or a single process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.places import PROJECT
from lab.zookeeper_server import free_ports

LOCUST = [sys.executable, "-m", "locust"]
LOCUSTFILES = PROJECT / "zk_locust" / "locustfiles"


def _heed_ctrl_c() -> None:
    """Undo what a shell does to background processes: they ignore SIGINT, and so do the processes that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def clean_environment() -> dict[str, str]:
    """Return this process's environment without variables that set parameters of Locust or of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("ZK_", "KAZOO_", "LOCUST_"))}


def start_locust(log: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start one Locust process that gets only the parameters given here; its output goes to `log`."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [*LOCUST, *arguments],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=clean_environment() | dict(environment or {}),
            preexec_fn=_heed_ctrl_c,
        )  # fmt: skip


class LocustMasterAndWorkers:
    """A headless master and its workers. Their output goes to files in `folder`. Leaving the context kills them all."""

    def __init__(self, folder: Path, locustfile: str, workers: int, *arguments: str) -> None:
        self.folder = folder
        self.summary = folder / "summary.json"
        port = str(free_ports(1)[0])
        self._common = ["-f", str(LOCUSTFILES / locustfile), "--master-port", port]
        self.master = self._start(
            "master", *self._common, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
            "--headless", "--expect-workers", str(workers), "--expect-workers-max-wait", "30", "--only-summary",
            "--json-file", str(self.summary.with_suffix("")), *arguments,
        )  # fmt: skip
        self.workers: list[subprocess.Popen[bytes]] = []
        for _ in range(workers):
            self.add_worker()

    def add_worker(self) -> subprocess.Popen[bytes]:
        """Start another worker. Its name is `worker-N`, counted from 1."""
        name = f"worker-{len(self.workers) + 1}"
        self.workers.append(self._start(name, *self._common, "--worker", "--master-host", "127.0.0.1"))
        return self.workers[-1]

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return start_locust(self.folder / f"{name}.log", *arguments, environment={"ZK_LOCUST_WORKER_NAME": name})

    def __enter__(self) -> "LocustMasterAndWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.master, *self.workers):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(10)

    def log(self, name: str = "master") -> str:
        """Return what a process has printed so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")
