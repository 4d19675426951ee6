"""A small disk that can be full: a file system in memory, which is as full as any other."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.needs import missing


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int = 256 * 1024) -> Iterator[Path]:
    """Mount one at a folder that is made. Skips the test where we may not."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        missing("root, who may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk; return the file that takes the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast
