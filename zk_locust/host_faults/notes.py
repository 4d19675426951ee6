"""The notes of faults in a member's folder: what was done, until when, and whether it is healed.

`ID.active` is there from before the fault until it is healed; then it is `ID.json`. So a list of names tells whether
a member has a fault.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zk_locust.contract.durable_files import overwrite, padded, write_text
from zk_locust.host_faults.errors import FaultError

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")
_ACTIVE = ".active"
_HEALED = ".json"
_GROWTH_BYTES = 2048
"""So much longer a note may become where there is no room for another file."""


class Notes:
    """The notes in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, note: dict[str, Any]) -> None:
        """Note that a fault is about to be done. Raises FaultError where there was one of this id before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._file(note["id"], _ACTIVE).exists() or self._file(note["id"], _HEALED).exists():
            raise FaultError(f"the fault {note['id']} was done before")
        self.write(note)

    def write(self, note: dict[str, Any]) -> None:
        """Replace the note of a fault that is not healed."""
        text = padded(json.dumps(note), _GROWTH_BYTES)
        try:
            write_text(self._file(note["id"], _ACTIVE), text)
        except OSError as error:  # the disk may be full on purpose
            if error.errno != errno.ENOSPC or not overwrite(self._file(note["id"], _ACTIVE), text):
                raise

    def end(self, note: dict[str, Any]) -> None:
        """Note that a fault is healed."""
        write_text(self._file(note["id"], _HEALED), json.dumps(note) + "\n")
        self._file(note["id"], _ACTIVE).unlink()

    def is_active(self, fault_id: str) -> bool:
        """Whether this fault is there."""
        return self._file(fault_id, _ACTIVE).exists()

    def active(self) -> list[str]:
        """Return the ids of faults that are there."""
        return sorted(file.stem for file in self._folder.glob(f"*{_ACTIVE}"))

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """Return the notes of a run, healed or not."""
        files = [file for kind in (_ACTIVE, _HEALED) for file in sorted(self._folder.glob(f"*{kind}"))]
        notes = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        return [note for note in notes if note["run_id"] == run_id]

    def read(self, fault_id: str) -> dict[str, Any]:
        """Return the note of a fault that is there."""
        note: dict[str, Any] = json.loads(self._file(fault_id, _ACTIVE).read_text(encoding="utf-8"))
        return note

    def healed(self, fault_id: str) -> dict[str, Any] | None:
        """Return the note of a fault that is healed, None where there is none."""
        try:
            note: dict[str, Any] = json.loads(self._file(fault_id, _HEALED).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return note

    def forget(self, run_id: str) -> None:
        """Remove the notes of a run's healed faults."""
        for note in self.of_run(run_id):
            with contextlib.suppress(FileNotFoundError):
                self._file(note["id"], _HEALED).unlink()

    @contextlib.contextmanager
    def locked(self, fault_id: str) -> Iterator[None]:
        """Keep others from doing or healing this fault meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._file(fault_id, ".lock")
        with file.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                if not self.is_active(fault_id):
                    file.unlink(missing_ok=True)

    def _file(self, fault_id: str, kind: str) -> Path:
        if not ID.match(fault_id):
            raise FaultError(f"id [{fault_id}] cannot name a fault")
        return self._folder / f"{fault_id}{kind}"
