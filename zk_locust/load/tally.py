"""How many operations a worker has sent, in a memory-mapped file: known even where the worker is killed.

A killed worker takes with it what it has not reported yet. The memory of a mapped file stays, so the master can say how
many operations these are, if it runs on the same machine. The last of them may not have reached the server: a worker
counts an operation just before it sends it.
"""

import contextlib
import logging
import mmap
import os
import stat
import sys
import time
from pathlib import Path
from typing import Final

from zk_locust.load.recording import Recording

_FOLDER: Final = Path("/dev/shm")
_PREFIX: Final = "zk-locust-sent-"
_SIZE: Final = 8
_OLD_S: Final = 7 * 24 * 3600
"""Nobody asks any more for the file of a worker that was killed so long ago: its master is elsewhere."""

logger = logging.getLogger(__name__)


def _path(client_id: str) -> Path:
    # Locust makes it of the host's name and a random number, which is enough.
    return _FOLDER / f"{_PREFIX}{client_id.rpartition('_')[2]}"


class Tally:
    """The count of one worker, named for its `client_id`. Where no file can be made, it is in ordinary memory."""

    def __init__(self, client_id: str) -> None:
        self._path = _path(client_id)
        _remove_old()
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(self._path, flags, 0o600)
        except OSError as error:
            logger.info("What this worker has sent would be unknown if it were killed: %s", error)
            self._map = mmap.mmap(-1, _SIZE)
        else:
            os.ftruncate(file, _SIZE)
            self._map = mmap.mmap(file, _SIZE)
            os.close(file)
        self.sent: Final = memoryview(self._map).cast("Q")

    def count(self, recording: Recording) -> None:
        """Count what this recording's timers begin, and what they have begun so far."""
        self.sent[0] = recording.sent[0]
        recording.sent = self.sent

    def remove(self) -> None:
        """Remove the file: the worker has reported everything."""
        self._path.unlink(missing_ok=True)


def _remove_old() -> None:
    for path in _FOLDER.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            if found.st_uid == os.getuid() and found.st_ctime < time.time() - _OLD_S:
                path.unlink()


def take_sent(client_id: str) -> int | None:
    """Return what a worker that has ended had sent, and remove its file; None where that is not known here."""
    path = _path(client_id)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_size != _SIZE:
            return None
        path.unlink(missing_ok=True)
        with mmap.mmap(file, _SIZE, access=mmap.ACCESS_READ) as content:
            return int.from_bytes(content[:], sys.byteorder)
    finally:
        os.close(file)
