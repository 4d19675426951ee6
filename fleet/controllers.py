"""Identifies a controller, which is a process on one machine, and says whether it still runs."""

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
    """Return an id for the boot and process namespace in which a process id is valid; empty if unknown.

    Host names are not enough: machines and containers often share one.
    """
    try:
        boot = (root / "proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(root / 'proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def identity(pid: int) -> dict[str, Any]:
    """Return the identity of a controller: the process `pid` of this machine."""
    return {"pid": pid, "start": process_start(pid), "host": socket.gethostname(), "machine": machine()}


def is_here(controller: Mapping[str, Any]) -> bool:
    """Whether a controller runs on this machine; without an id of the machine, the host name decides."""
    if controller.get("host") != socket.gethostname():
        return False
    return not controller.get("machine") or bool(controller["machine"] == machine())


def is_running(controller: Mapping[str, Any]) -> bool:
    """Whether a controller of this machine still runs; False for one that names no process."""
    start, pid = controller.get("start"), str(controller.get("pid") or "")
    return start is not None and pid.isdigit() and process_start(int(pid)) == start
