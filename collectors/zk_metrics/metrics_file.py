"""`zk-metrics.csv`, as it is written."""

import csv
import time
from pathlib import Path

from zk_metrics.columns import METRIC_COLUMNS, POLL_MS, REACHABLE
from zk_metrics.member import Sample


class MetricsFile:
    """`zk-metrics.csv`. Raises OSError where it cannot be made or written."""

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = Path(path).open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(METRIC_COLUMNS)
        self._file.flush()
        self._began_s = time.perf_counter()

    def write(self, member: str, sample: Sample) -> None:
        """Add one member's metrics at one poll: all rows in one go, so that members do not mix."""
        stamp = sample.sent.isoformat(timespec="microseconds")
        elapsed = f"{sample.sent_s - self._began_s:.6f}"
        values = {REACHABLE: 0} if sample.detail else {REACHABLE: 1, POLL_MS: sample.poll_ms} | sample.metrics
        self._writer.writerows([stamp, elapsed, member, name, value, sample.detail] for name, value in values.items())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
