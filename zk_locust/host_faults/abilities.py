"""What this host can do of the faults of hosts. It imports nothing of ours, so that preflight can send it as it is.

python3 -I -c "$(cat abilities.py)" FOLDER...    prints it as one JSON object, for a member with these folders
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FILL = "zk-locust-fill-"
"""What the names of files begin with that fill a disk on purpose."""
_MOST_NAMED = 5
_CAP_SYS_BOOT = 22  # capabilities(7)
_CAP_SYS_TIME = 25
_CONTAINER_MARKS = ("/run/systemd/container", "/.dockerenv", "/run/.containerenv")


def look(folders: Sequence[str]) -> dict[str, Any]:
    """Return what counts: `root`, `systemd`, `container`, `memory_mib`, and whether it `reboots` or `sets_clock`.

    `throttle` is `v1` or `v2`, the release of control groups that limits writes, or empty. `disks` has one entry for
    each of the member's folders, see `disk_of`.
    """
    return {
        "root": os.geteuid() == 0,
        "reboots": bool(_capabilities() >> _CAP_SYS_BOOT & 1),
        "sets_clock": bool(_capabilities() >> _CAP_SYS_TIME & 1),
        "container": any(Path(mark).exists() for mark in _CONTAINER_MARKS),
        "systemd": Path("/run/systemd/system").exists(),
        "memory_mib": _memory_mib("MemTotal"),
        "throttle": _throttle(),
        "disks": [disk_of(folder, folders) for folder in folders],
    }


def disk_of(folder: str, own: Sequence[str]) -> dict[str, Any]:
    """Return where a folder, which may not be there yet, lies: its `mount`, `kind`, `device` and who else is there.

    `device` is MAJOR:MINOR of the complete disk, empty where the file system is on none that is the kernel's. `others`
    names what uses the file system beside the folders `own`: files in it, or other places where it is mounted.
    """
    there = Path(folder).resolve()
    while not there.is_dir():
        there = there.parent
    mounts = _mounts()
    inside = [each for each in mounts if _is_within(there, [each[1]])]
    longest = max(len(each[1].parts) for each in inside)
    number, mount, kind = [each for each in inside if len(each[1].parts) == longest][-1]
    used = os.statvfs(there)
    own_folders = [Path(each).resolve() for each in own]
    elsewhere = {
        str(each[1]) for each in mounts if each[0] == number and not _is_within(each[1], [mount, *own_folders])
    }
    others = [*_strangers(mount, own_folders), *sorted(elsewhere)]
    return {
        "folder": folder,
        "mount": str(mount),
        "kind": kind,
        "device": _disk(number),
        "others": others[:_MOST_NAMED],
        "free_mib": used.f_bavail * used.f_frsize // 2**20,
    }


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)


def _strangers(mount: Path, own: Sequence[Path]) -> list[str]:
    """Return what lies in a file system beside the folders `own` and the way to them."""
    found: list[str] = []
    look_at = [mount]
    while look_at and len(found) < _MOST_NAMED:
        folder = look_at.pop()
        if folder in own:
            continue
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            return [*found, f"{folder} ({error.strerror})"]
        for path in inside:
            if any(_is_within(each, [path]) for each in own):
                look_at.append(path)
            elif path.name != "lost+found" and not path.name.startswith(FILL):
                found.append(str(path))
    return found


def _mounts() -> list[tuple[str, Path, str]]:
    """Return MAJOR:MINOR, the place and the kind of each mounted file system (proc(5), `mountinfo`)."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        head, _, tail = line.partition(" - ")
        words = head.split()
        place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), words[4])
        found.append((words[2], Path(place), tail.split()[0]))
    return found


def _disk(number: str) -> str:
    """Return the disk of a device, which may be a partition; empty where there is no such block device."""
    device = Path("/sys/dev/block") / number
    if not device.exists():
        return ""
    if (device / "partition").exists():
        return (device.resolve().parent / "dev").read_text(encoding="ascii").strip()
    return number


def _throttle() -> str:
    """Return the release of control groups that limits writes here."""
    if "io" in _text("/sys/fs/cgroup/cgroup.controllers").split():
        return "v2"
    for line in _text("/proc/cgroups").splitlines():
        name, hierarchy, *_ = line.split()
        if name == "blkio" and hierarchy != "0":
            return "v1"
    return ""


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except OSError:
        return ""


def _capabilities() -> int:
    found = re.search(r"^CapEff:\s+([0-9a-f]+)$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1], 16) if found else 0


def _memory_mib(name: str) -> int:
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1:])))
