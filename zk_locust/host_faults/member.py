"""A member's process, by its pid file, and its control script."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from zk_locust.contract.faults.limits import STOP_TIMEOUT_S
from zk_locust.contract.process_identity import Identity, is_running, named_in_pid_file
from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.signals import Signalled

_CONTROL_LIMIT_S = 90.0
_BESIDE_S = 30.0
"""So long its control script takes beside waiting for that."""
_EMPTY_LIMIT_S = 600.0
_GONE_LIMIT_S = 10.0
_POLL_S = 0.01
_ASK_AGAIN_S = 0.05


class Member(Signalled):
    """The member in `folder`, as the role `zookeeper` has made it. After `stop_timeout_s` of a stop it is killed."""

    def __init__(self, folder: Path, stop_timeout_s: float = STOP_TIMEOUT_S) -> None:
        self.folder = folder
        self._stop_timeout_s = stop_timeout_s
        # systemd waits that long, and then the control script.
        self._control_limit_s = max(_CONTROL_LIMIT_S, 2 * stop_timeout_s + _BESIDE_S)
        self._control = folder / "control"
        self._pid_file = folder / "zookeeper.pid"

    def process(self) -> Identity:
        """Return its process. Raises FaultError where it does not run."""
        found = self.running()
        if found is None:
            raise FaultError("its process does not run")
        return found

    def folders(self) -> list[str]:
        """Return the folders of its data and, where it has one of its own, of its log: as it was started with them."""
        return (self.folder / "data-folders").read_text(encoding="utf-8").splitlines()

    def unit(self) -> str:
        """Return its unit of systemd, empty where it has none."""
        unit = f"zookeeper-{self.folder.name}.service"
        there = Path("/etc/systemd/system", unit).exists() and Path("/run/systemd/system").exists()
        return unit if there else ""

    def start(self) -> None:
        """Start it, if it does not run."""
        process = named_in_pid_file(self._pid_file)
        if process is not None and not is_running(process):
            self._wait_for_unit()
        run([str(self._control), "start"], self._control_limit_s)

    def start_again(self, stopped: Identity | None, *, is_ending: bool) -> None:
        """Start it after the stop of a process, which may not have ended yet.

        One that `is_ending` is stopped once more, else it is waited for: where the stop was cut off, nobody knows.
        """
        if stopped is not None and self.running() == stopped:
            if is_ending:
                self.stop()
            else:
                gone(stopped, self._stop_timeout_s)
        self.start()

    def running(self) -> Identity | None:
        """Return its process, None where it does not run."""
        found = named_in_pid_file(self._pid_file)
        return found if is_running(found) else None

    def stop(self) -> None:
        """Stop it in order."""
        run([str(self._control), "stop"], self._control_limit_s)

    def settings(self) -> dict[str, str]:
        """Return the keys of its zoo.cfg. Raises FaultError where that cannot be read."""
        try:
            lines = (self.folder / "conf" / "zoo.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise FaultError(f"its zoo.cfg cannot be read: {error.strerror}") from None
        pairs = [line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#")]
        return {key.strip(): value.strip() for key, _, value in pairs}

    def empty(self) -> None:
        """Remove what it has in its folders for data. Raises FaultError where it runs."""
        run([str(self._control), "empty"], _EMPTY_LIMIT_S)

    def _wait_for_unit(self) -> None:
        """Wait until systemd has seen that the process is gone: it starts no unit that it takes for active."""
        unit = self.unit()
        if not unit:
            return
        deadline = time.monotonic() + _GONE_LIMIT_S
        while time.monotonic() < deadline and not is_running(named_in_pid_file(self._pid_file)):
            with contextlib.suppress(FaultError):
                state = run(["systemctl", "show", "--property=ActiveState", "--value", unit], _GONE_LIMIT_S).strip()
                if state in ("failed", "inactive"):
                    return
            time.sleep(_ASK_AGAIN_S)


def gone(process: Identity, limit_s: float = _GONE_LIMIT_S) -> bool:
    """Wait for the end of a process; return whether it has come."""
    deadline = time.monotonic() + limit_s
    while is_running(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
