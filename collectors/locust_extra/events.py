"""`events.csv`: what happened when."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from locust_extra.columns import EVENT_COLUMNS


class EventFile:
    """The events that one process saw. `source` says which."""

    def __init__(self, path: str, source: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = Path(path).open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(EVENT_COLUMNS)
        self._file.flush()
        self._source = source

    def write(self, event: str, subject: str = "", detail: str = "") -> None:
        """Add an event that happens now."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        self._writer.writerow([now, self._source, event, subject, detail])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
