"""A small disk that can be filled: a file system in memory."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.needs import missing


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int = 256 * 1024) -> Iterator[Path]:
    """Make the folder and mount a small disk there. Skips the test without the permission."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        missing("needs root: mounting a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk; return the file that fills it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast
