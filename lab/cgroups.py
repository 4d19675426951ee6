"""A control group for each host: it can be frozen and killed as a whole, and two hosts never share one.

systemd-nspawn without a service manager's help (`--keep-unit`) puts a host's groups below the one it runs in itself.
Hosts started from one group would take each other's processes for their own and end them with a unit's.
"""

import contextlib
import os
import time
from pathlib import Path

from lab.commands import LabError, LabUnavailableError

_TOP = "zk-locust-lab"


def hierarchies() -> list[Path]:
    """Return where the unified hierarchy is mounted, and systemd's own where the machine still has one (hybrid)."""
    found: list[Path] = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, rest = line.partition(" - ")
        kind, _, options = rest.split()[:3]
        if kind == "cgroup2":
            found.insert(0, Path(head.split()[4]))
        elif kind == "cgroup" and "name=systemd" in options.split(","):
            found.append(Path(head.split()[4]))
    if not any((path / "cgroup.controllers").exists() for path in found):
        raise LabUnavailableError(
            "the unified control group hierarchy is not mounted: mount -t cgroup2 none /sys/fs/cgroup/unified"
        )
    return found


def make(lab: str, host: str) -> list[Path]:
    """Make the host's group in each hierarchy; return the files that take the process that is to be in it."""
    groups = _groups(lab, host)
    for group in groups:
        while not group.is_dir():
            with contextlib.suppress(FileNotFoundError):  # another lab, on its way down, has removed the one above
                group.mkdir(parents=True, exist_ok=True)
    return [group / "cgroup.procs" for group in groups]


def freeze(lab: str, host: str, *, frozen: bool) -> None:
    """Stop all of the host's processes where they are, or let them go on. Returns when it is so."""
    group = _groups(lab, host)[0]
    if group.is_dir():
        (group / "cgroup.freeze").write_text("1" if frozen else "0")
        _wait_for(group, f"frozen {int(frozen)}")


def kill(lab: str, host: str) -> None:
    """Kill all of the host's processes at once, as a power cut would, and remove its groups.

    Killing systemd-nspawn is not enough: the host's own systemd goes on without it. And a group that was killed is not
    used again: kernels up to 6.18 at least then kill what Debian 13's systemd starts (with CLONE_INTO_CGROUP).
    """
    group = _groups(lab, host)[0]
    if group.is_dir():
        (group / "cgroup.kill").write_text("1")
        _wait_for(group, "populated 0")
    for group in _groups(lab, host):
        for folder, _, _ in os.walk(group, topdown=False):
            _remove_group(Path(folder))


def remove_lab(lab: str) -> None:
    """Remove the lab's own groups, when those of its hosts are gone, and what no other lab uses."""
    for top in hierarchies():
        with contextlib.suppress(OSError):
            (top / _TOP / lab).rmdir()
            (top / _TOP).rmdir()


def _remove_group(group: Path) -> None:
    # The kernel empties a group a moment after its last process has ended.
    for _ in range(50):
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.1)


def _wait_for(group: Path, event: str, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while event not in (group / "cgroup.events").read_text().splitlines():
        if time.monotonic() > deadline:
            raise LabError(f"the control group [{group}] did not become [{event}] within {timeout_s:g} s")
        time.sleep(0.01)


def _groups(lab: str, host: str) -> list[Path]:
    return [path / _TOP / lab / host for path in hierarchies()]
