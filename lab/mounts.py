"""Overlay mounts: each host's file system is an overlay on a shared root file system."""

import shutil
import time
from pathlib import Path

from lab.commands import LabError, LabUnavailableError, run


def mounts_below(folder: Path) -> list[Path]:
    """Return the mount points at the folder and below it, the innermost first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = Path(line.split()[4].encode().decode("unicode_escape"))
        if point.is_relative_to(folder):
            points.append(point)
    return points[::-1]


def unmount(point: Path, timeout_s: float = 10.0) -> None:
    """Unmount. Retries while processes still use it; after `timeout_s` unmounts lazily."""
    deadline = time.monotonic() + timeout_s
    while point in mounts_below(point):
        lazily = ["--lazy"] if time.monotonic() > deadline else []
        done = run(["umount", *lazily, point], check=False)
        if done.returncode != 0:
            if lazily:
                raise LabError(f"[{point}] cannot be unmounted: {done.stderr.strip()}")
            time.sleep(0.2)


def remove_tree(folder: Path) -> None:
    """Remove a folder, after unmounting what is mounted in it. Does nothing if there is no folder."""
    for point in mounts_below(folder):
        unmount(point)
    if folder.is_dir():
        shutil.rmtree(folder)


def mount_overlay(lower: Path, folder: Path) -> Path:
    """Mount `lower` at `folder/root` with all changes in `folder/upper`. Return the mount point."""
    root, upper, work = (folder / name for name in ("root", "upper", "work"))
    for path in (root, upper, work):
        path.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)  # it becomes the host's `/`
    if root not in mounts_below(root):
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        run(["mount", "-t", "overlay", "-o", options, f"overlay-{folder.name}", root])
    return root


def prepare_storage(folder: Path) -> None:
    """Make the folder, with a tmpfs if its file system cannot hold an overlay (an overlay cannot)."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # keys are for root only; other users may still use the inventory's path
    if folder in mounts_below(folder):
        return
    trial = folder / "trial"
    try:
        mount_overlay(Path("/usr"), trial)
    except LabError as error:
        try:
            run(["mount", "-t", "tmpfs", "-o", "mode=0711", "tmpfs-lab", folder])
            mount_overlay(Path("/usr"), trial)
        except LabError:
            raise LabUnavailableError(
                "no overlay can be mounted on this machine; a lab needs root with CAP_SYS_ADMIN (in a container: "
                f"--privileged) and a kernel with overlay mounts\n{error}"
            ) from error
    finally:
        remove_tree(trial)
