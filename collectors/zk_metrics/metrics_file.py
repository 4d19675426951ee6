"""Writes `zk-metrics.csv`: a table that gets a column when a metric appears."""

import contextlib
import csv
import io
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import gevent
from gevent.lock import BoundedSemaphore

from host_metrics.columns import WRITE_FAILED
from host_metrics.lasting_file import LastingFile
from zk_metrics.columns import COMMON_METRICS, MEMBER_COLUMNS
from zk_metrics.member import Sample
from zk_metrics.untrusted import Value, plain_text

Tell = Callable[[str, str, str], object]

MOST_COLUMNS: Final = 2_500
COLUMNS_LEFT_OUT: Final = "metrics-left-out"
_PIECE_BYTES: Final = 256 * 1024
# Adding columns rewrites the file: a small one at once, a large one at most this often.
_SMALL_BYTES: Final = 1024 * 1024
_PAUSE_S: Final = 10.0

logger = logging.getLogger(__name__)


class MetricsFile:
    """`zk-metrics.csv`. Greenlets may share it. Errors of the disk do not end a poll.

    Raises OSError if the file cannot be made, except if the disk is full. `tell` takes event, subject and detail for
    `events.csv` (see `host_metrics.lasting_file`).
    """

    def __init__(self, path: str, tell: Tell | None = None) -> None:
        self._path = Path(path).resolve()
        self._tell: Tell = tell if tell is not None else lambda *_: None
        self._failure = ""
        self._columns = list(COMMON_METRICS)
        self._known = {*MEMBER_COLUMNS, *COMMON_METRICS}
        self._without_column: list[str] = []
        self._left_out = False
        self._widened_s = float("-inf")
        self._writing = BoundedSemaphore(1)
        self._file = LastingFile(self._path, self._on_told)
        self._file.write(_line([*MEMBER_COLUMNS, *self._columns]))
        self._began_s = time.perf_counter()

    @property
    def problem(self) -> str:
        """Why the file cannot be written at the moment, for people; otherwise empty."""
        return self._failure if self._file.failing else ""

    def write(self, member: str, sample: Sample) -> None:
        """Add one poll of one member. A metric that was 0 so far gets its column with the first other value."""
        with self._writing:
            self._note_new(name for name, value in sample.metrics.items() if value != 0)
            if self._without_column:
                self._widen()
            self._file.write(_line([*self._label(member, sample), *map(sample.metrics.get, self._columns)]))

    def close(self) -> int:
        """Close the file; return how many polls were lost because there was no room."""
        with self._writing:
            return self._file.close()

    def _label(self, member: str, sample: Sample) -> list[Value | None]:
        stamp = sample.answered.isoformat(timespec="microseconds")
        elapsed = f"{sample.answered_s - self._began_s:.6f}"
        if sample.detail:
            return [stamp, elapsed, member, 0, None, sample.detail]
        return [stamp, elapsed, member, 1, sample.poll_ms, None]

    def _note_new(self, told: Iterable[str]) -> None:
        fresh = [name for name in told if name not in self._known]
        room = MOST_COLUMNS - len(self._known)
        if len(fresh) > room and not self._left_out:
            self._left_out = True
            self._tell(COLUMNS_LEFT_OUT, self._path.name, f"it has {MOST_COLUMNS:,} columns; more are left out")
        self._known.update(fresh[:room])
        self._without_column += fresh[:room]

    def _widen(self) -> None:
        """Add the missing columns as soon as possible."""
        now_s = time.perf_counter()
        # A removed file, and one that is not regular (a pipe, /dev/null), cannot be rewritten.
        if self._file.failing or self._file.removed or not self._path.is_file():
            return
        if now_s < self._widened_s + _PAUSE_S and self._path.stat().st_size > _SMALL_BYTES:
            return
        self._widened_s = now_s
        names = self._without_column
        if (wider := self._rewritten([*self._columns, *names], len(names))) is not None:
            self._file.close()
            self._file = wider
            self._columns += names
            self._without_column = []

    def _rewritten(self, columns: list[str], added: int) -> LastingFile | None:
        """Return the file, rewritten with more columns; None, with nothing changed, if that is not possible."""
        # Named as what may be left where its process is killed (`zk_locust.contract.durable_files.is_left_over`).
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.new")
        placed = False
        file: LastingFile | None = None

        def told(event: str, _: str, detail: str) -> None:
            if placed:
                self._on_told(event, "", detail)

        try:
            file = LastingFile(beside, told)
            beside.chmod(self._path.stat().st_mode & 0o777)
            file.write(_line([*MEMBER_COLUMNS, *columns]))
            for piece in _padded(self._path, added):
                file.write(piece)
                gevent.sleep(0)  # a large file takes a while, and the load must go on
            if not file.failing:
                beside.replace(self._path)
                placed = True
                return file
        except OSError as error:
            logger.warning("%s gets no further columns: %s", self._path, error.strerror)
        finally:  # also if the poller is stopped
            if file is not None and not placed:
                file.close()
                with contextlib.suppress(OSError):
                    beside.unlink()
        return None

    def _on_told(self, event: str, _subject: str, detail: str) -> None:
        if event == WRITE_FAILED:
            self._failure = detail
        self._tell(event, self._path.name, detail)


def _padded(path: Path, columns: int) -> Iterator[str]:
    """Give the rows of the file without its header in pieces, each row with this number of empty cells added."""
    end = b"," * columns + b"\r\n"
    with path.open("rb") as source:
        source.readline()
        while lines := source.readlines(_PIECE_BYTES):
            yield b"".join(line.rstrip(b"\r\n") + end for line in lines).decode()


def _line(cells: Iterable[Value | None]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([_short(cell) for cell in cells])
    return text.getvalue()


def _short(value: Value | None) -> Value | None:
    """Return the value as it is written: six significant digits unless it is an integer."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else f"{value:.6g}"
    return plain_text(value) if isinstance(value, str) else value
