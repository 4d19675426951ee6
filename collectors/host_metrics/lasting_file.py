"""How figures are written while a load runs: to a file that outlives a full disk.

    file = LastingFile("stats.csv", tell)  # makes or empties the file; raises OSError if it cannot
    file.write("a,b\\n1,2\\n")              # never raises OSError: one call is one record, written completely or not
    file.retry()                           # writes the records that wait; call it if records are rare
    file.close(patience_s=5.0)             # waits this long for room; returns the number of lost records

While the file cannot be written (a full disk, a quota, a failing disk), records wait in memory and the file ends with
its last complete record. Once there is room, they are written in order, each once. Beyond `limit_bytes` the oldest
records are dropped and counted.

`tell(event, subject, detail)` is called with the file's name as the subject, never within itself:

    write-failed    the file can no longer be written
    write-resumed   the waiting records are written
    records-lost    after that, if records were dropped; the detail begins with their number

In the process that leads a load, `tell` may fire `zk_locust.load.stages.happened`, which writes to `events.csv`.

It uses only `host_metrics`, because nothing else is installed where the sampler runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from host_metrics.columns import RECORDS_LOST, WRITE_FAILED, WRITE_RESUMED

LIMIT_BYTES: Final = 64 * 1024 * 1024
_PAUSE_S: Final = 0.1
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)

Tell = Callable[[str, str, str], object]


class LastingFile:
    """A file of complete records. Not for several threads at once; greenlets may share it."""

    def __init__(self, path: str | os.PathLike[str], tell: Tell | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        """Make or empty the file. Raises OSError, except if the disk is full."""
        self._path = Path(path)
        self._tell: Tell = tell if tell is not None else lambda *_: None
        self._limit_bytes = limit_bytes
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._end = 0  # of the last complete record
        self._failed_s: float | None = None
        self._lost = 0  # since the file could be written last
        self._descriptor: int | None = None
        self._closed = False
        try:
            self._open()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._note_failure(error)

    @property
    def failing(self) -> bool:
        """Whether records wait for the file to be written again."""
        return self._failed_s is not None

    @property
    def removed(self) -> bool:
        """Whether the file was removed."""
        return self._descriptor is not None and not os.fstat(self._descriptor).st_nlink

    def write(self, record: str) -> None:
        """Add a record: complete lines, with their ends. What cannot be encoded is escaped.

        A file that is closed stays as it is.
        """
        if self._closed:
            return
        self._waiting.append(record.encode("utf-8", "backslashreplace"))
        self._waiting_bytes += len(self._waiting[-1])
        self.retry()
        while self._waiting_bytes > self._limit_bytes:
            self._waiting_bytes -= len(self._waiting.popleft())
            self._lost += 1

    def retry(self) -> bool:
        """Write the waiting records as far as there is room; return whether none waits any more."""
        written = 0
        while self._waiting:
            try:
                self._append(self._waiting[0])
            except OSError as error:
                self._cut()
                self._note_failure(error)
                return False
            # Counted here and not after the loop: `tell` may write to this very file.
            self._waiting_bytes -= len(self._waiting.popleft())
            written += 1
        if self._failed_s is not None and self._descriptor is not None:
            self._note_resumption(self._failed_s, written)
        return True

    def close(self, patience_s: float = 0.0) -> int:
        """Close the file. Records may wait for room for `patience_s` more; return how many were given up now."""
        deadline = time.monotonic() + patience_s
        while not self.retry() and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        lost = len(self._waiting) + (self._lost if self._waiting else 0)
        self._closed = True
        self._waiting.clear()
        self._waiting_bytes = self._lost = 0
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
        return lost

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o666)
        return self._descriptor

    def _append(self, record: bytes) -> None:
        descriptor = self._open() if self._descriptor is None else self._descriptor
        done = 0
        while done < len(record):  # a nearly full disk takes only some bytes; the next call raises the error
            done += os.pwrite(descriptor, record[done:], self._end + done)
        self._end += done

    def _cut(self) -> None:
        """Remove the beginning of a record that did not fit. If that fails, the next record overwrites it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)

    def _note_failure(self, error: OSError) -> None:
        if self._failed_s is None:
            self._failed_s = time.monotonic()
            reason = error.strerror or type(error).__name__
            self._tell(WRITE_FAILED, self._path.name, f"{reason}; its records wait in memory")

    def _note_resumption(self, failed_s: float, written: int) -> None:
        lost, self._lost, self._failed_s = self._lost, 0, None
        seconds = time.monotonic() - failed_s
        self._tell(WRITE_RESUMED, self._path.name, f"after {seconds:.1f} s; {written} records have waited")
        if lost:
            self._tell(RECORDS_LOST, self._path.name, f"{lost} records: there was no room in memory either")
