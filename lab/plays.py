"""Runs of playbooks, called the way users call them, and what they print."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.commands import LabError
from lab.places import PROJECT

TIMEOUT_S = 240


@dataclass(frozen=True)
class Play:
    """One run of ansible-playbook."""

    code: int
    screen: str
    seconds: float

    @property
    def changed(self) -> int:
        """Return how many tasks have changed something, on all hosts."""
        return sum(int(count) for count in re.findall(r"changed=(\d+)", self.screen))

    def succeeded(self) -> "Play":
        """Return this run. Raises LabError with the screen if it failed."""
        return self._as_expected(self.code == 0)

    def failed(self) -> "Play":
        """Return this run. Raises LabError with the screen if it succeeded."""
        return self._as_expected(self.code != 0)

    def _as_expected(self, holds: bool) -> "Play":
        if not holds:
            raise LabError(f"the playbook ended with code {self.code}\n{self.screen}")
        return self


@dataclass
class Fleet:
    """An inventory, a folder of its own, and the playbooks that run with them."""

    folder: Path
    inventory: dict[str, Any] = field(default_factory=dict)
    python: str = sys.executable

    @property
    def results(self) -> Path:
        """Return the folder of the results, below the fleet's own folder."""
        return self.folder / "results"

    def play(self, playbook: str, *arguments: str, **extra: Any) -> Play:
        """Run a playbook; the variables in `extra` override those of the inventory."""
        started = time.monotonic()
        done = subprocess.run(
            self.command(playbook, arguments, extra),
            **surroundings(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Play(done.returncode, done.stdout, time.monotonic() - started)

    def begin(self, playbook: str, *arguments: str, **extra: Any) -> "subprocess.Popen[bytes]":
        """Start a playbook in the background; `screen` returns what it prints."""
        with self._screen.open("wb") as screen:
            command = self.command(playbook, arguments, extra)
            return subprocess.Popen(command, **surroundings(), stdout=screen, start_new_session=True)

    def screen(self) -> str:
        """Return what the playbook that was started last has printed so far."""
        return self._screen.read_text(errors="replace")

    @staticmethod
    def end_process(process: "subprocess.Popen[bytes]") -> None:
        """Kill a playbook that still runs."""
        if process.poll() is None:
            process.kill()
        process.wait(10)

    def runs(self) -> set[str]:
        """Return the ids of the finished runs."""
        return {folder.name for folder in self.results.glob("2*")} if self.results.is_dir() else set()

    @property
    def _screen(self) -> Path:
        return self.folder / "screen-of-the-last.txt"

    def command(self, playbook: str, arguments: tuple[str, ...], extra: dict[str, Any]) -> list[str]:
        """Return the command line, after writing the current inventory to its file."""
        file = self.folder / "hosts.yml"
        file.write_text(yaml.safe_dump(self.inventory))
        command = [str(Path(self.python).with_name("ansible-playbook")), f"playbooks/{playbook}.yml", "-i", str(file)]
        command += ["--extra-vars", yaml.safe_dump(extra, default_flow_style=True)] if extra else []
        return [*command, *arguments]


def surroundings() -> dict[str, Any]:
    """Return how a playbook is called: in the checkout, without input, with errors among the output."""
    return {"cwd": PROJECT, "env": environment(), "stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}


def environment() -> dict[str, str]:
    """Return the environment of the playbooks: no settings of Ansible except those that print every task."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return kept | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_DISPLAY_OK_HOSTS": "1", "COLUMNS": "200"}
