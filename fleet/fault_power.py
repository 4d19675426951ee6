"""Switches hosts off and on by the commands of the inventory, on this machine.

A host that is off keeps no deadline. So what switches it off and on again is a process of its own here, `power_cycle`,
which outlives the playbook.
"""

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from fleet import power_cycle
from zk_locust.contract.plain_text import plain_line

_LIMIT_S: Final = 60.0
_TRIES: Final = 6
_AGAIN_S: Final = 5.0
_POLL_S: Final = 0.2
_PATIENCE_S: Final = 20.0
"""So long the end of a load waits for the commands that should have ended before."""
_COMMANDS: Final = {"off": "zookeeper_power_off_command", "on": "zookeeper_power_on_command"}


class PowerSwitch:
    """`commands` has, by member, the commands that switch its host off and on. `again_s` is between tries of `on`."""

    def __init__(self, commands: Mapping[str, tuple[str, str]], again_s: float = _AGAIN_S) -> None:
        self._commands = dict(commands)
        self._again_s = again_s

    def can(self, name: str) -> bool:
        """Whether the inventory says how the host of a member is switched."""
        return name in self._commands

    def cycle(self, name: str, due: float, for_s: float, ended: threading.Event) -> Iterator[str]:
        """Switch a host off at a moment of the monotonic clock, and on `for_s` after that; yield what goes wrong.

        The second command follows whatever becomes of the first, and of this process. It is waited for, unless the load
        has `ended` before.
        """
        off, on = self._commands[name]
        told = {"off": off, "on": on, "due": due, "for_s": for_s, "again_s": self._again_s}
        with subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(power_cycle.__file__).resolve())], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, bufsize=0,
        ) as child:  # fmt: skip
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(told | {"limit_s": _LIMIT_S, "tries": _TRIES}).encode())
            child.stdin.close()
            yield from _problems(child.stdout, for_s, ended)


def _problems(source: IO[bytes], for_s: float, ended: threading.Event) -> Iterator[str]:
    """Yield what goes wrong, as the process tells it."""
    on_due: float | None = None
    ended_at: float | None = None

    def is_given_up() -> bool:
        nonlocal ended_at
        if not ended.is_set():
            return False
        now = time.monotonic()
        ended_at = ended_at or now
        return now > ended_at + _PATIENCE_S or (on_due is not None and now < on_due)

    for line in _lines(source, is_given_up):
        found = json.loads(line)
        if found["problem"]:
            yield f"{_COMMANDS[found['done']]} {plain_line(str(found['problem']))}"
        if found["done"] == "on":
            return
        on_due = time.monotonic() + for_s
    yield f"it is not known whether its host is on again: {_COMMANDS['on']} is run by a process of its own"


def _lines(source: IO[bytes], is_given_up: Callable[[], bool]) -> Iterator[bytes]:
    """Yield each line until the pipe ends."""
    rest = b""
    with selectors.DefaultSelector() as ready:
        ready.register(source, selectors.EVENT_READ)
        while not is_given_up():
            if not ready.select(_POLL_S):
                continue
            piece = os.read(source.fileno(), 4096)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
