"""Real Locust processes for tests: a master with its workers, or one process alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.zookeeper_server import free_ports

LOCUST = [sys.executable, "-m", "locust"]
LOCUSTFILES = Path(__file__).parents[2] / "zk_locust" / "locustfiles"


class LocustMasterAndWorkers:
    """A headless master and its workers, each with its output in a file of `folder`. Ends them all when left."""

    def __init__(self, folder: Path, locustfile: str, workers: int, *arguments: str) -> None:
        self.folder = folder
        self.summary = folder / "summary.json"
        port = str(free_ports(1)[0])
        common = ["-f", str(LOCUSTFILES / locustfile), "--master-port", port]
        self.master = self._start(
            "master", *common, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--headless",
            "--expect-workers", str(workers), "--expect-workers-max-wait", "30", "--only-summary",
            "--json-file", str(self.summary.with_suffix("")), *arguments,
        )  # fmt: skip
        self.workers = [
            self._start(f"worker-{n}", *common, "--worker", "--master-host", "127.0.0.1") for n in range(1, workers + 1)
        ]

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ZK_", "KAZOO_", "LOCUST_"))}
        environment["ZK_LOCUST_WORKER_NAME"] = name
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [*LOCUST, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
            )

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
