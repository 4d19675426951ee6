"""A control group for each host: it can be frozen and killed as a whole, and two hosts never share one.

systemd-nspawn without a service manager's help (`--keep-unit`) puts a host's groups below the one it runs in itself.
Hosts started from one group would take each other's processes for their own and end them with a unit's.
"""

import contextlib
import os
import time
from pathlib import Path

from tests.lab.commands import LabError, LabUnavailableError

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
        group.mkdir(parents=True, exist_ok=True)
    return [group / "cgroup.procs" for group in groups]


def freeze(lab: str, host: str, *, frozen: bool) -> None:
    """Stop all of the host's processes where they are, or let them go on. Returns when it is so."""
    group = _groups(lab, host)[0]
    if group.is_dir():
        (group / "cgroup.freeze").write_text("1" if frozen else "0")
        _wait_for(group, f"frozen {int(frozen)}")


def kill(lab: str, host: str) -> None:
    """Kill all of the host's processes at once, as a power cut would. Returns when none is left.

    Killing systemd-nspawn is not enough: the host's own systemd goes on without it.
    """
    group = _groups(lab, host)[0]
    if group.is_dir():
        (group / "cgroup.kill").write_text("1")
        _wait_for(group, "populated 0")


def remove(lab: str, host: str) -> None:
    """Remove the host's groups, which must be empty, and those above that are no longer used."""
    for group in _groups(lab, host):
        for folder, _, _ in os.walk(group, topdown=False):
            _remove_group(Path(folder))
        for above in (group.parent, group.parent.parent):
            with contextlib.suppress(OSError):  # other hosts, other labs
                above.rmdir()


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
