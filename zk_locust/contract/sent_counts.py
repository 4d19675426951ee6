"""The files in shared memory in which workers count what they send: their names, layout and owners.

A worker makes its file (`zk_locust.load.tally`). After the worker was killed, the master reads it if it runs on the
same machine, and the supervisor of the worker's host does. A file names the worker's process and its parent, so that it
is found by process, and removed when both have ended.
"""

import contextlib
import os
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from zk_locust.contract.process_identity import Identity, identity_of, is_running

FOLDER: Final = Path("/dev/shm")
PREFIX: Final = "zk-locust-sent-"
_NAMESPACE: Final = Path("/proc/self/ns/pid")
_LAYOUT: Final = struct.Struct("=6Q")
SIZE: Final = _LAYOUT.size
_OLD_S: Final = 7 * 24 * 3600
"""A file of this age is removed whatever else: nobody asks for it any more."""


class SentCount(NamedTuple):
    """The content of a file. `namespace` is that of the process ids, as an inode number; 0 where it is not known."""

    sent: int
    worker: Identity
    parent: Identity
    namespace: int


def path_of(client_id: str) -> Path:
    """Return the file of the worker with this `client_id`."""
    # Locust makes it of the host's name and a random number, which is enough.
    return FOLDER / f"{PREFIX}{client_id.rpartition('_')[2]}"


def content_of_this_process() -> bytes:
    """Return the first content of this process's file: nothing is sent. Raises OSError without a `/proc`."""
    parent = os.getppid()
    try:
        of_parent = identity_of(parent)
    except OSError:  # the parent is outside of this namespace, or has just ended
        of_parent = Identity(parent, 0)
    return _LAYOUT.pack(0, *identity_of(os.getpid()), *of_parent, _namespace())


def read(path: Path) -> SentCount | None:
    """Return the content of a file of this user; None if there is none, or it is something else."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_size != SIZE:
            return None
        sent, pid, ticks, parent, parent_ticks, namespace = _LAYOUT.unpack(os.pread(file, SIZE, 0))
    except (OSError, struct.error):
        return None
    finally:
        os.close(file)
    return SentCount(sent, Identity(pid, ticks), Identity(parent, parent_ticks), namespace)


def sent_by(worker: Identity) -> int | None:
    """Return how many operations the worker of this process has sent; None if its file is not there (any more)."""
    return next((count.sent for _, count in _of_this_namespace() if count.worker == worker), None)


def remove_left(parent: Identity | None = None) -> None:
    """Remove the files of workers that have ended, and whose parent has ended too or is `parent`; and old files."""
    for path, count in _of_this_namespace():
        if not is_running(count.worker) and (count.parent == parent or not is_running(count.parent)):
            with contextlib.suppress(OSError):
                path.unlink()
    for path in FOLDER.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            if found.st_uid == os.getuid() and found.st_ctime < time.time() - _OLD_S:
                path.unlink()


def _of_this_namespace() -> Iterator[tuple[Path, SentCount]]:
    here = _namespace()
    for path in FOLDER.glob(f"{PREFIX}*"):
        count = read(path)
        if count is not None and count.namespace == here:
            yield path, count


def _namespace() -> int:
    try:
        return _NAMESPACE.stat().st_ino
    except OSError:  # a kernel without namespaces of process ids, or a /proc that hides them
        return 0
