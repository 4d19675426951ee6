"""Records when the disk of a sampler in the background was full, and how many samples are lost.

The record is a file beside the samples. It has its full size from the beginning and is overwritten in place, so that
it can be written while the disk is full.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from host_metrics.columns import RECORDS_LOST, WRITE_FAILED, WRITE_RESUMED

_ROOM_BYTES: Final = 4096
_MOST_TIMES: Final = 20


def told_file_of(file: Path) -> Path:
    """Return the record of the sampler that writes `file`."""
    return file.with_suffix(".told")


class Told:
    """A `tell` of `host_metrics.lasting_file` that keeps the record. Raises OSError if there is no room for it."""

    def __init__(self, file: Path) -> None:
        self._file = told_file_of(file)
        self._times: list[dict[str, str | None]] = []
        self._lost = 0
        with self._file.open("wb") as room:
            room.write(_padded(b""))
            room.flush()
            os.fsync(room.fileno())

    def __call__(self, event: str, _subject: str, detail: str) -> None:
        """Record an event. Errors of the disk do not end the sampler."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        if event == WRITE_FAILED:
            if len(self._times) < _MOST_TIMES:
                self._times.append({"since": now, "until": None})
            else:
                self._times[-1]["until"] = None
        elif event == WRITE_RESUMED and self._times:
            self._times[-1]["until"] = now
        elif event == RECORDS_LOST:
            self._lost += int(detail.split()[0])
        content: dict[str, Any] = {"disk_full": self._times, "lost": self._lost}
        with contextlib.suppress(OSError), self._file.open("r+b", buffering=0) as room:
            room.write(_padded(json.dumps(content).encode()))


def told_by(file: Path) -> str:
    """Return the record of the sampler of `file` as JSON; empty if there is none.

    `disk_full` has times (`since` and `until`, null if it was full to the end), `lost` is a number of samples.
    """
    try:
        return told_file_of(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _padded(text: bytes) -> bytes:
    return text.ljust(_ROOM_BYTES - 1) + b"\n"
