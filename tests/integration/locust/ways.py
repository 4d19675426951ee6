"""One way to use Locust: its files, its command, and its results."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from lab.locust_processes import LOCUST, clean_environment

LENGTH = ("--users", "2", "--spawn-rate", "10", "--run-time", "4s", "--stop-timeout", "10")
AT_A_TIME = 5  # a master and its two workers must run together
HEADLESS = ("--headless", "--only-summary", *LENGTH)


@dataclass(frozen=True)
class Way:
    """One way. `files` are written beside `locustfile.py`; in arguments, {hosts} is the server's address.

    A script is run by Python; anything else by Locust. `kept` has Locust write its summary to a file.
    """

    locustfile: str
    arguments: tuple[str, ...] = HEADLESS
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    script: bool = False
    kept: bool = True
    hosts: bool = True


class Running:
    """A way that runs in a folder of its own, which is its working directory."""

    def __init__(self, way: Way, folder: Path, hosts: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name, text in {"locustfile.py": way.locustfile, **way.files}.items():
            (folder / name).write_text(text.replace("{hosts}", hosts))
        arguments = [word.replace("{hosts}", hosts) for word in way.arguments]
        command = [sys.executable, "locustfile.py"] if way.script else [*LOCUST]
        if way.kept and not way.script:
            command += ["--json-file", "summary"]
        given = {"ZK_LOCUST_HOSTS": hosts, "ZK_LOCUST_MIN_WAIT": "5"} if way.hosts else {}
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL,
            env=clean_environment() | given | {k: v.replace("{hosts}", hosts) for k, v in way.environment.items()},
            start_new_session=True,
        )  # fmt: skip

    def wait(self, limit_s: float = 120.0) -> "Running":
        self.process.wait(limit_s)
        return self

    def end(self) -> None:
        """Kill its processes that still run, including forked workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        self._log.close()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def entries(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return (requests, failures) by (request type, name)."""
        found = json.loads((self.folder / "summary.json").read_text())
        return {(e["method"], e["name"]): (e["num_requests"], e["num_failures"]) for e in found}

    def failures(self) -> dict[str, int]:
        return {name: failures for (_, name), (_, failures) in self.entries().items()}

    def printed(self, mark: str = "COUNTED ") -> dict[str, int]:
        """Return the counts that a locustfile has printed, as JSON after the mark."""
        (line,) = (line for line in self.log().splitlines() if line.startswith(mark))
        found: dict[str, int] = json.loads(line.removeprefix(mark))
        return found

    def went_well(self) -> bool:
        return self.process.returncode == 0 and "Traceback" not in self.log()


class AllWays:
    """All ways, a few at a time and in their order: most of their time is waiting, or the start of Python."""

    def __init__(self, ways: Mapping[str, Way], folder: Path, hosts: str) -> None:
        self._pool = ThreadPoolExecutor(AT_A_TIME)
        self._begun: list[Running] = []
        self._over = False

        def run(name: str, way: Way) -> Running:
            if self._over:
                raise RuntimeError("the tests are over")
            running = Running(way, folder / name, hosts)
            self._begun.append(running)
            return running.wait()

        self._done = {name: self._pool.submit(run, name, way) for name, way in ways.items()}

    def __getitem__(self, name: str) -> Running:
        """Return the way once it has ended."""
        return self._done[name].result(300)

    def __enter__(self) -> "AllWays":
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for running in self._begun:
            running.end()
        self._pool.shutdown()
        for running in self._begun:
            running.end()
