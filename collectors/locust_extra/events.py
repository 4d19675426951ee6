"""`events.csv`: what happened when."""

import csv
import io
from datetime import UTC, datetime

from host_metrics.lasting_file import LastingFile
from locust_extra.columns import EVENT_COLUMNS


class EventFile:
    """The events that one process saw. `source` says which.

    On a full disk they wait, with the time at which they happened. That it was full is an event too.
    """

    def __init__(self, path: str, source: str) -> None:
        self._source = source
        self._file = LastingFile(path, self.write)
        self._file.write(_line(EVENT_COLUMNS))

    def write(self, event: str, subject: str = "", detail: str = "") -> None:
        """Add an event that happens now."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        self._file.write(_line((now, self._source, event, subject, detail)))

    def retry(self) -> bool:
        """Write what a full disk has held up, where there is room again; return whether nothing waits any more."""
        return self._file.retry()

    def close(self, patience_s: float = 0.0) -> int:
        """Close the file; return how many events were lost because there was no room within `patience_s`."""
        return self._file.close(patience_s)


def _line(cells: tuple[str, ...]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()
