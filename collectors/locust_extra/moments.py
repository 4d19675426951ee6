"""What ends in each 50 ms of one process: fine enough to see how a load recovers from a fault.

The operations pay nothing for it. A greenlet reads what the recording has, and writes what is new.
"""

import logging
import time
from collections.abc import Iterator
from typing import Any, Final

import gevent

from host_metrics.lasting_file import LastingFile
from locust_extra.columns import MOMENT_COLUMNS
from locust_extra.sessions import Sessions
from zk_locust.load.recording import Key, Recording

MOMENT_NS: Final = 50_000_000
_WAITS_EVERY: Final = 4
"""Of so many moments, one looks at the operations that are under way: there may be one for each session."""
_LEAST_WAIT_NS: Final = 100_000_000
_FLUSH_ROWS: Final = 200

logger = logging.getLogger(__name__)


class Moments:
    """Writes the moments of a recording into a file, and what becomes of its sessions beside it, until `close`.

    Raises OSError where there can be no file.
    """

    def __init__(self, path: str, recording: Recording, options: Any = None) -> None:
        self._recording = recording
        self._clock_ns = recording.clock_ns
        self._options = options
        self._file = LastingFile(path)
        self._file.write(",".join(MOMENT_COLUMNS) + "\n")
        self._began_s, self._began_ns = time.time(), self._clock_ns()
        self._last_ns = self._began_ns
        self._sessions = Sessions(path, recording, self._epoch_s)
        self._rare: dict[Key, tuple[int, int]] = {}
        self._rows: list[str] = []
        self._number = 0
        self._greenlet = gevent.spawn(self._write)

    def close(self) -> None:
        """Write the last moment; a second call does nothing."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
            self.take()
            self._flush()
            self._file.close()
            self._sessions.close(self._last_ns)

    def take(self) -> None:
        """Take what has ended since the last call."""
        start_ns, self._last_ns = self._last_ns, self._clock_ns()
        times = f"{self._epoch_s(start_ns):.6f},{self._epoch_s(self._last_ns):.6f}"
        self._rows += [f"{times},{row}\n" for row in self._news()]
        self._sessions.look(self._last_ns)
        self._number += 1
        if self._number % _WAITS_EVERY == 0:
            waits_ns = max((one.waits_ns(self._last_ns) for one in self._recording.under_way()), default=0)
            if waits_ns >= _LEAST_WAIT_NS:
                self._rows.append(f"{times},,,0,0,0,,{waits_ns // 1000},0,\n")

    def _news(self) -> Iterator[str]:
        objective_ms = getattr(self._options, "stats_objective", None)  # the master's comes with each test
        for key, operation in list(self._recording.operations.items()):
            times_ns, *rare = operation.untold()
            before = self._rare.get(key, (0, 0))
            failures, censored = (now - then for now, then in zip(rare, before, strict=True))
            self._rare[key] = rare[0], rare[1]
            if times_ns or failures or censored:
                longest = max(times_ns) // 1000 if times_ns else ""
                above = "" if objective_ms is None else sum(time_ns > objective_ms * 1e6 for time_ns in times_ns)
                name = f"{_word(key[0])},{_word(key[1])}"
                count, sum_us = len(times_ns), sum(times_ns) // 1000
                yield f"{name},{count},{failures},{sum_us},{longest},,{censored},{above}"

    def _epoch_s(self, moment_ns: int) -> float:
        return self._began_s + (moment_ns - self._began_ns) / 1e9

    def _write(self) -> None:
        due_ns = self._last_ns
        while True:
            due_ns = max(due_ns + MOMENT_NS, self._clock_ns())
            gevent.sleep(max(0.0, (due_ns - self._clock_ns()) / 1e9))
            self.take()
            if len(self._rows) >= _FLUSH_ROWS:
                self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._file.write("".join(self._rows))
            self._rows = []


def moments_of(options: Any, recording: Recording) -> Moments | None:
    """Return what writes the moments, if `--stats-moments` asks for them; a warning where there can be no file."""
    path = getattr(options, "stats_moments", None)
    if not path:
        return None
    try:
        return Moments(str(path), recording, options)
    except OSError as error:
        logger.warning("This process writes no moments: %s", error)
        return None


def _word(text: str) -> str:
    """Return a name as a field of CSV."""
    quoted = text.replace('"', '""').replace("\n", " ").replace("\r", " ")
    return f'"{quoted}"' if quoted != text or "," in text else text
