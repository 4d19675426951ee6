"""What a lab needs on this machine, checked before anything is made."""

import os
import shutil
from pathlib import Path

from lab.commands import LabUnavailableError
from lab.image import KEYRING

# Command, and the Debian package that brings it.
_COMMANDS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "mount": "mount",
}


def missing() -> list[str]:
    """Return what is missing on this machine, each with its remedy; empty if a lab can be made."""
    if not Path("/proc/self/mountinfo").exists():
        return ["Linux: the lab's hosts are containers"]
    problems = []
    if os.geteuid() != 0:
        problems.append("root, for mounts and network devices: call it with sudo")
    packages = {package for command, package in _COMMANDS.items() if shutil.which(command) is None}
    if not KEYRING.exists():
        packages.add("debian-archive-keyring")
    if packages:
        problems.append(f"Debian packages: sudo apt install {' '.join(sorted(packages))}")
    if "overlay" not in Path("/proc/filesystems").read_text() and shutil.which("modprobe") is None:
        problems.append("a kernel with overlay mounts")
    return problems


def require() -> None:
    """Raise LabError that names everything that is missing."""
    problems = missing()
    if problems:
        raise LabUnavailableError(
            "the lab cannot start on this machine; it needs\n" + "\n".join(f"  - {problem}" for problem in problems)
        )
