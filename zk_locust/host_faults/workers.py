"""The worker processes of a run on a load host, by the status that its supervisor keeps."""

from __future__ import annotations

from pathlib import Path

from zk_locust.contract.durable_files import read_object_if_sound
from zk_locust.contract.process_identity import Identity, is_running
from zk_locust.contract.run_files import STATUS
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.signals import Signalled

_WORKER = "worker-"


class Workers(Signalled):
    """The workers of the run in `folder`. What was killed is not started again: the run goes on without it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def processes(self) -> list[Identity]:
        """Return those that run, in the order of their names. Raises FaultError where there is none."""
        told = read_object_if_sound(self.folder / STATUS).get("processes") or {}
        named = [
            Identity(int(one["pid"]), int(one["start_ticks"]))
            for name, one in sorted(told.items())
            if name.startswith(_WORKER)
        ]
        found = [process for process in named if is_running(process)]
        if not found:
            raise FaultError("no worker of the run runs there")
        return found

    def process(self) -> Identity:
        """Return the first of them."""
        return self.processes()[0]

    def start(self) -> None:
        """Nothing is started again."""

    def stop(self) -> None:
        """Raise FaultError: a load is not stopped in order by a fault."""
        raise FaultError("workers are not stopped in order by a fault")

    def folders(self) -> list[str]:
        """Raise FaultError: a load host has no data."""
        raise FaultError("a load host has no data of a member")

    def unit(self) -> str:
        """Return the unit of systemd: there is none."""
        return ""
