"""The deadline of a fault, which its own host keeps: a timer of systemd, or a detached process where there is none."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 20.0
_POLL_S = 0.05
_STARTS_S = 0.5
"""So long before the deadline the timer fires: what heals has started by then, and waits for the rest."""


def has_systemd() -> bool:
    """Whether systemd keeps deadlines here."""
    return os.geteuid() == 0 and Path("/run/systemd/system").exists()


def _unit(fault_id: str) -> str:
    return f"zk-locust-fault-{hashlib.sha256(fault_id.encode()).hexdigest()[:16]}"


def arm(fault_id: str, seconds: float, launcher: Path, heal: Callable[[], None], active: Callable[[], bool]) -> None:
    """Have the fault healed in so many seconds. Raises FaultError where that cannot be arranged.

    The timer of systemd runs `launcher expire ID`. The detached process calls `heal`, and ends early once the fault is
    no longer `active`.
    """
    if has_systemd():
        words = [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={_unit(fault_id)}",
            f"--on-active={max(0.0, seconds - _STARTS_S) * 1000:.0f}ms",
        ]
        run([*words, "--timer-property=AccuracySec=1ms", str(launcher), "expire", fault_id], _LIMIT_S)
        return
    until = time.monotonic() + seconds

    def keep() -> None:
        while active():
            left_s = until - time.monotonic()
            if left_s <= 0:
                heal()
                break
            time.sleep(min(left_s, _POLL_S) if left_s < 1 else 0.5)

    detach(keep)


def start(fault_id: str, launcher: Path, work: Callable[[], None]) -> None:
    """Begin what a fault needs a process for: `launcher relay ID` as a unit of systemd, or `work` in a process."""
    if has_systemd():
        words = ["systemd-run", "--quiet", "--collect", f"--unit={_unit(fault_id)}-relay", str(launcher)]
        run([*words, "relay", fault_id], _LIMIT_S)
    else:
        detach(work)


def detach(function: Callable[[], object]) -> None:
    """Call a function in a process that outlives this one and the connection, and that holds nothing of this one."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    code = 1
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.closerange(3, 1024)  # what the connection waits for, and locks
        function()
        code = 0
    finally:
        os._exit(code)


def disarm(fault_id: str) -> None:
    """Remove the timer of a fault that was healed before. It may be the timer itself that runs this."""
    if has_systemd():
        with contextlib.suppress(FaultError):  # it has fired, and is gone
            run(["systemctl", "stop", f"{_unit(fault_id)}.timer"], _LIMIT_S)
