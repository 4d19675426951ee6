"""Switches hosts off and on by the commands of the inventory, on this machine.

A host that is off keeps no deadline. So what switches it on again is a process of its own here, which is started before
the host is switched off, and which outlives the playbook.
"""

import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Final

from fleet.errors import HostError
from zk_locust.contract.plain_text import plain_line

_LIMIT_S: Final = 60.0
# Tried again: the power of a machine may not be switched twice within seconds.
_SWITCH_ON: Final = '(sleep "$1"; for again in 1 2 3 4 5 6; do sh -c "$2" && exit; sleep 5; done) &'


class PowerSwitch:
    """`commands` has, by member, the commands that switch its host off and on."""

    def __init__(self, commands: Mapping[str, tuple[str, str]]) -> None:
        self._commands = dict(commands)

    def can(self, name: str) -> bool:
        """Whether the inventory says how the host of a member is switched."""
        return name in self._commands

    def cut(self, name: str, due: float, for_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Switch a host off at a moment of the monotonic clock, and on after `for_s`. Raises HostError."""
        off, on = self._commands[name]
        on_in_s = max(0.0, due - monotonic()) + for_s
        subprocess.run(
            ["sh", "-c", _SWITCH_ON, "sh", f"{on_in_s:.3f}", on], start_new_session=True, cwd="/", check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(max(0.0, due - monotonic()))
        try:
            done = subprocess.run(
                ["sh", "-c", off], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                timeout=_LIMIT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise HostError(f"zookeeper_power_off_command did not end within {_LIMIT_S:g} s") from None
        if done.returncode:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise HostError(f"zookeeper_power_off_command failed: {plain_line(said)}")
