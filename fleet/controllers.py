"""What tells one controller, a process of one machine, from others, and whether it still runs."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zk_locust.contract.process_identity import identity_of


def process_start(pid: int) -> str | None:
    """Return the start time of a process as the kernel counts it, or None where there is no such process."""
    try:
        return str(identity_of(pid).start_ticks)
    except OSError:
        return None


def machine(root: Path = Path("/")) -> str:
    """Return what tells the place where a process id counts from others, until the next boot; empty if nothing does.

    Names do not: machines and containers are often called alike. A boot has one id, and a container its own processes.
    """
    try:
        boot = (root / "proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(root / 'proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def identity(pid: int) -> dict[str, Any]:
    """Return what tells this controller, the process `pid` of this machine, from others."""
    return {"pid": pid, "start": process_start(pid), "host": socket.gethostname(), "machine": machine()}


def is_here(controller: Mapping[str, Any]) -> bool:
    """Whether a controller's process id is one of this very machine; one that names no machine goes by its host."""
    if controller.get("host") != socket.gethostname():
        return False
    return not controller.get("machine") or bool(controller["machine"] == machine())


def is_running(controller: Mapping[str, Any]) -> bool:
    """Whether a controller of this machine still runs; False for one that names no process."""
    start, pid = controller.get("start"), str(controller.get("pid") or "")
    return start is not None and pid.isdigit() and process_start(int(pid)) == start
