"""`status.json`: the status of a run, also on a full disk, and when the disk was full.

A new file is written, synced and renamed, so a reader sees the complete old or new status. If the disk has no room for
a new file, the old one is overwritten: it is padded to full blocks, so it needs no more room.
"""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from zk_locust.contract.durable_files import overwrite, padded, write_text
from zk_locust.contract.run_files import STATUS

# What is added to the first status: the run's end, when the disk was full, and the end of each process.
_GROWTH_BYTES: Final = 1024
_GROWTH_OF_PROCESS_BYTES: Final = 128
_LOOK_S: Final = 1.0
_NEARLY_FULL_BYTES: Final = 1024 * 1024
_MOST_TIMES: Final = 20


class StatusFile:
    """The file in a run's folder.

    `disk_full` in the status lists when the disk was full: `since`, `until` (None if it still is) and `problem`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / STATUS
        self._times: list[dict[str, Any]] = []
        self._is_full = False
        self._looked_s = time.monotonic()

    def write(self, status: dict[str, Any]) -> bool:
        """Write the status; return whether a reader sees it now, which is false if the disk cannot be written."""
        try:
            write_text(self._file, self._text(status))
        except OSError as error:
            self._note_full(error)
            return overwrite(self._file, self._text(status))
        if self._is_full:
            self._is_full = False
            self._times[-1]["until"] = now()
            return self.write(status)
        return True

    def look(self, status: dict[str, Any]) -> None:
        """Check from time to time whether the disk is full, by writing the status if it may be."""
        if time.monotonic() - self._looked_s >= _LOOK_S:
            self._looked_s = time.monotonic()
            if self._is_full or self._is_nearly_full():
                self.write(status)

    def _text(self, status: dict[str, Any]) -> str:
        content = status | ({"disk_full": self._times} if self._times else {})
        growth_bytes = _GROWTH_BYTES + _GROWTH_OF_PROCESS_BYTES * len(status.get("processes", ()))
        return padded(json.dumps(content, indent=1), growth_bytes)

    def _note_full(self, error: OSError) -> None:
        if self._is_full:
            return
        self._is_full = True
        if len(self._times) < _MOST_TIMES:
            self._times.append({"since": now(), "until": None, "problem": error.strerror or type(error).__name__})
        else:
            self._times[-1]["until"] = None

    def _is_nearly_full(self) -> bool:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return False
        blocks = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail
        return blocks * disk.f_frsize < _NEARLY_FULL_BYTES or (disk.f_files > 0 and disk.f_ffree == 0)


def now() -> str:
    """Return the time, UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
