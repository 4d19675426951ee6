"""A reboot in the middle of a fault: deadlines are gone with it, so a unit of systemd heals what the notes tell of.

The unit lies there from the preparation of the faults until the member is removed. Without a note it does nothing.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from zk_locust.contract.durable_files import write_text
from zk_locust.host_faults.errors import FaultError

UNITS = Path("/etc/systemd/system")
_AUTOBOOT = 0x01234567  # reboot(2)


def boot_id() -> str:
    """Return which boot of the host this is: its monotonic clock begins with it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def install(member: str, launcher: Path, units: Path = UNITS) -> None:
    """Have what is left healed after each boot. Call it where systemd runs, as root."""
    notes = launcher.parent / "notes"
    text = (
        "[Unit]\n"
        f"Description=Heals the faults of the ZooKeeper member {member} after a reboot (zk-locust)\n"
        "After=network-online.target\nWants=network-online.target\n"
        f"ConditionPathExistsGlob={_escaped(notes)}/*.active\n"
        f'\n[Service]\nType=oneshot\nExecStart="{_escaped(launcher)}" booted\n'
        "\n[Install]\nWantedBy=multi-user.target\n"
    )
    file, link = _places(member, units)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write_text(file, text)
    if not link.is_symlink():
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(file)


def remove(member: str, units: Path = UNITS) -> None:
    """Have nothing healed any more."""
    for file in reversed(_places(member, units)):
        file.unlink(missing_ok=True)


def reboot() -> None:
    """Let the host reboot at once: nothing is stopped, and nothing is written to its disks. Raises FaultError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.reboot(_AUTOBOOT):
        raise FaultError(f"the host cannot be rebooted: {os.strerror(ctypes.get_errno())}")


def _places(member: str, units: Path) -> tuple[Path, Path]:
    name = f"zk-locust-faults-{member}.service"
    return units / name, units / "multi-user.target.wants" / name


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
