"""Small disks for a host: a loop device with a file system of its own, which nothing else uses."""

from pathlib import Path

from lab.commands import require_success, run

_LOOP_MAJOR = 7


def make(folder: Path, mib: int) -> str:
    """Make a disk of so many MiB with its file below `folder`; return the device. It is free again once unmounted."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{len([*folder.iterdir()])}.img"
    with file.open("wb") as disk:
        disk.truncate(mib * 2**20)
    require_success(run(["mkfs.ext4", "-q", "-F", "-m", "0", file], check=False), f"a file system in [{file}]")
    return run(["losetup", "--find", "--show", file]).stdout.strip()


def let_go(device: str) -> None:
    """Have the kernel free the device as soon as nobody uses it."""
    run(["losetup", "--detach", device])


def mount_script(device: str, path: str) -> str:
    """Return the script that mounts the device inside a host, which has no node for it."""
    number = device.removeprefix("/dev/loop")
    node = f"[ -e {device} ] || mknod {device} b {_LOOP_MAJOR} {number}"
    return f"{node}; mkdir -p {path} && mount {device} {path} && chmod 755 {path}"
