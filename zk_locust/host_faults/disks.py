"""A full disk: a file that takes what is free where the member writes its transaction log."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zk_locust.host_faults.abilities import FILL, disk_of
from zk_locust.host_faults.errors import FaultError

_LEAST_CHUNK = 4096
_MOST_CHUNK = 2**30


def place(fault: Mapping[str, Any], folders: Sequence[str]) -> str:
    """Return the file that is to fill the disk. Raises FaultError where others need the disk and may not lack it."""
    folder = folders[-1]  # the log's, where it has one of its own
    disk = disk_of(folder, folders)
    if not fault.get("allow_shared_disk"):
        if disk["mount"] == "/" or not disk["device"]:
            raise FaultError(
                f"{folder} lies on the file system of {disk['mount']} ({disk['kind']}), not one of its own"
            )
        if disk["others"]:
            raise FaultError(f"the file system of {folder} also has {', '.join(disk['others'])}")
    return str(Path(folder, FILL + hashlib.sha256(fault["id"].encode()).hexdigest()[:16]))


def fill(fault: Mapping[str, Any]) -> None:
    """Make the file `file`, as large as leaves `leave_mib` to the member's user. No data is written where that can be.

    The folder is the service user's: nothing that is there already is opened or followed.
    """
    with _folder(fault["file"]) as (folder, name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            _take(file, int(fault["leave_mib"]) * 2**20)
        finally:
            os.close(file)


def _take(file: int, leave_bytes: int) -> None:
    size, chunk = 0, _MOST_CHUNK
    while chunk >= _LEAST_CHUNK:
        state = os.fstatvfs(file)
        free = state.f_bavail * state.f_frsize - leave_bytes
        if free < _LEAST_CHUNK:
            return
        chunk = min(chunk, free)
        try:
            os.posix_fallocate(file, size, chunk)
            size += chunk
        except OSError as error:  # the file system itself needs some of it
            if error.errno != errno.ENOSPC:
                raise
            chunk //= 2


def free(fault: Mapping[str, Any]) -> None:
    """Remove the file, if it is there."""
    with contextlib.suppress(FileNotFoundError), _folder(fault["file"]) as (folder, name):
        os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def _folder(file: str) -> Any:
    path, name = os.path.split(file)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)
