"""A slow disk: a control group limits what the member's process writes, so that each of its fsyncs takes long.

Release 1 of control groups (`blkio`): a group of the fault's own, which the process joins. Where that hierarchy is not
mounted, as in containers, it is mounted for the fault. Release 2 (`io`): a setting of the member's unit, by systemd.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zk_locust.contract.process_identity import PROC, Identity
from zk_locust.host_faults.abilities import look
from zk_locust.host_faults.commands import run
from zk_locust.host_faults.errors import FaultError

_LIMIT_S = 20.0
_PREFIX = "zk-locust-fault-"
_LIMITS = {  # the key of a fault: what it is in both releases, and its unit
    "writes_per_s": ("blkio.throttle.write_iops_device", "IOWriteIOPSMax", 1),
    "write_kib_per_s": ("blkio.throttle.write_bps_device", "IOWriteBandwidthMax", 1024),
}
_EMPTY_S = 5.0
_POLL_S = 0.02


def prepare(fault: Mapping[str, Any], folders: Sequence[str], unit: str, folder: Path) -> dict[str, Any]:
    """Return what the note needs besides: `devices`, and `unit` or `group`. Raises FaultError where it cannot be done.

    `folder` is where the hierarchy is mounted that is not mounted elsewhere.
    """
    able = look(folders)
    devices = sorted({disk["device"] for disk in able["disks"]} - {""})
    if not able["root"]:
        raise FaultError("writes can be limited by root only")
    if not devices:
        disk = able["disks"][-1]
        raise FaultError(f"{disk['folder']} lies on {disk['kind']}, which is on no disk of its own that can be limited")
    if able["throttle"] == "v2":
        if not unit:
            raise FaultError("control groups of release 2 limit a unit of systemd, and the member has none")
        return {"devices": devices, "unit": unit}
    if able["throttle"] == "v1":
        name = _PREFIX + hashlib.sha256(fault["id"].encode()).hexdigest()[:16]
        top = _hierarchy()
        return {"devices": devices, "group": str((top or folder) / name), "mounts": top is None}
    raise FaultError("the kernel has no control groups for disks (blkio or io)")


def make_ready(fault: Mapping[str, Any]) -> None:
    """Make the group that the process is to join. Raises FaultError where the kernel cannot limit writes."""
    if fault.get("unit"):
        return
    group = Path(fault["group"])
    if not os.path.ismount(group.parent):
        group.parent.mkdir(exist_ok=True)
        run(["mount", "-t", "cgroup", "-o", "blkio", "zk-locust", str(group.parent)], _LIMIT_S)
    group.mkdir(exist_ok=True)
    for file, _, value in _limits(fault):
        if not (group / file).exists():
            raise FaultError("the kernel's blkio cannot limit writes (CONFIG_BLK_DEV_THROTTLING)")
        for device in fault["devices"]:
            (group / file).write_text(f"{device} {value}", encoding="ascii")


def slow(fault: Mapping[str, Any]) -> None:
    """Limit the writes."""
    if fault.get("unit"):
        limits = [f"{name}=/dev/block/{each} {value}" for _, name, value in _limits(fault) for each in fault["devices"]]
        run(["systemctl", "set-property", "--runtime", fault["unit"], *limits], _LIMIT_S)
        return
    (Path(fault["group"]) / "cgroup.procs").write_text(str(Identity(*fault["process"]).pid), encoding="ascii")


def fast(fault: Mapping[str, Any]) -> None:
    """Limit them no more."""
    if fault.get("unit"):
        run(
            ["systemctl", "set-property", "--runtime", fault["unit"], *(f"{name}=" for _, name, _ in _limits(fault))],
            _LIMIT_S,
        )
        return
    group = Path(fault["group"])
    if group.is_dir():
        for file, _, _ in _limits(fault):
            for device in fault["devices"]:
                (group / file).write_text(f"{device} 0", encoding="ascii")
        deadline = time.monotonic() + _EMPTY_S
        while pids := (group / "cgroup.procs").read_text(encoding="ascii").split():
            for pid in pids:
                with contextlib.suppress(OSError):  # it has ended
                    (group.parent / "cgroup.procs").write_text(pid, encoding="ascii")
            if time.monotonic() > deadline:
                raise FaultError(f"a process does not leave {group}")
            time.sleep(_POLL_S)
        group.rmdir()
    if fault["mounts"] and os.path.ismount(group.parent):
        run(["umount", str(group.parent)], _LIMIT_S)
        group.parent.rmdir()


def _limits(fault: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Return the file of release 1, the property of a unit and the value of each limit of a fault."""
    return [(file, name, fault[key] * unit) for key, (file, name, unit) in _LIMITS.items() if key in fault]


def _hierarchy() -> Path | None:
    """Return where `blkio` of release 1 is mounted."""
    for line in (PROC / "self" / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = tail.split()[:3]
        if kind == "cgroup" and "blkio" in options.split(","):
            return Path(head.split()[4])
    return None
