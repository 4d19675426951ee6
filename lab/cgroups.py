"""A control group for each host, to freeze and kill all of its processes at once. No two hosts share a group.

systemd-nspawn with `--keep-unit` puts a host's groups below the group in which systemd-nspawn itself runs. If two hosts
were started in the same group, the systemd of one would end the processes of the other.
"""

import contextlib
import os
import time
from pathlib import Path

from lab.commands import LabError, LabUnavailableError

_TOP = "zk-locust-lab"


def hierarchies() -> list[Path]:
    """Return the mount point of the unified hierarchy, and of systemd's own if the machine has one (hybrid mode)."""
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
    """Make the host's group in each hierarchy; return the files that a process joins the group by."""
    groups = _groups(lab, host)
    for group in groups:
        while not group.is_dir():
            with contextlib.suppress(FileNotFoundError):  # another lab that is being removed has removed the parent
                group.mkdir(parents=True, exist_ok=True)
    return [group / "cgroup.procs" for group in groups]


def freeze(lab: str, host: str, *, frozen: bool) -> None:
    """Freeze all of the host's processes, or let them continue. Returns when this is done."""
    group = _groups(lab, host)[0]
    if group.is_dir():
        (group / "cgroup.freeze").write_text("1" if frozen else "0")
        _wait_for(group, f"frozen {int(frozen)}")


def kill(lab: str, host: str) -> None:
    """Kill all of the host's processes at once, as a power cut would, and remove its groups.

    Killing systemd-nspawn is not enough, because the host's own systemd continues without it. A killed group is not
    used again: kernels up to at least 6.18 then kill what Debian 13's systemd starts in it (with CLONE_INTO_CGROUP).
    """
    group = _groups(lab, host)[0]
    if group.is_dir():
        (group / "cgroup.kill").write_text("1")
        _wait_for(group, "populated 0")
    for group in _groups(lab, host):
        for folder, _, _ in os.walk(group, topdown=False):
            _remove_group(Path(folder))


def remove_lab(lab: str) -> None:
    """Remove the lab's own groups after those of its hosts, and the top group if no other lab uses it."""
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
