"""A load host below a folder, and the commands by which a controller uses it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tests import waiting
from zk_locust.agent.process_identity import find

COMMAND = [sys.executable, "-m", "zk_locust.cli", "host-run"]
SECRET = "swordfish"
SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]
# It prints when it is ready and when it is asked to end, like a Locust master that has figures to write.
ORDERLY = [
    sys.executable,
    "-c",
    "import signal, sys, time\n"
    "def end(*_): print('orderly end', flush=True); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end)\n"
    "print('ready', flush=True)\n"
    "time.sleep(300)",
]
DEAF = [
    sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(300)",
]  # fmt: skip


until = partial(waiting.until, limit_s=20.0)


class Host:
    """A load host below a folder, used by commands as a controller does."""

    def __init__(self, folder: Path) -> None:
        self.lock = folder / "lock"
        self.runs = folder
        self.folder = folder / "run"

    def spec(self, run_id: str = "run", **values: Any) -> Path:
        """Write the spec of a run; the folder has the run's name."""
        folder = self.runs / run_id
        folder.mkdir(exist_ok=True)
        content = {
            "run_id": run_id, "owner": "tester@here", "folder": str(folder), "lock": str(self.lock), "deadline_s": 60,
            "processes": [{"name": "worker-1", "arguments": SLEEP}],
        }  # fmt: skip
        file = folder / "spec.json"
        file.write_text(json.dumps(content | values))
        return file

    def call(self, *arguments: str | Path, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"ZK_LOCUST_VAL_SIZE": "666", "LOCUST_USERS": "666"}
        return subprocess.run(
            [*under, *COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env=environment,
        )

    def start(self, **values: Any) -> dict[str, Any]:
        done = self.call("start", "--spec", self.spec(**values))
        assert done.returncode == 0, done.stderr
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def status(self, run_id: str = "run") -> dict[str, Any]:
        done = self.call("status", "--folder", self.runs / run_id)
        assert done.returncode == 0, done.stderr
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def stop(self, run_id: str = "run") -> dict[str, Any]:
        done = self.call("stop", "--folder", self.runs / run_id)
        assert done.returncode == 0, done.stderr
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def ended(self, limit_s: float = 20.0) -> dict[str, Any]:
        """Wait until the run's file shows its end; return its status."""

        def look() -> dict[str, Any] | None:
            status: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
            return status if status["state"] != "running" else None

        found: dict[str, Any] = until(look, limit_s=limit_s)
        return found

    def log(self, name: str) -> str:
        file = self.folder / f"{name}.log"
        return file.read_text() if file.exists() else ""


def processes_of(status: dict[str, Any]) -> list[psutil.Process | None]:
    return [find(identity) for identity in status["processes"].values()]


def processes_below(folder: Path) -> list[psutil.Process]:
    """Return the processes of runs whose folders are below this one."""
    found = []
    for process in psutil.process_iter(["cwd"]):
        if str(process.info["cwd"] or "").startswith(f"{folder}/"):
            found.append(process)
    return found


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]
