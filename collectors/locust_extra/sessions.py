"""What becomes of the sessions of one process: how long each was silent, to which member it moved, what replaced it.

The operations pay one assignment each for it (`zk_locust.load.heard`). The greenlet of the moments looks at the
sessions that have asked for something. A session is silent from the first operation that it has sent since its last
success until its next success: also over operations that fail, one after the other.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from host_metrics.lasting_file import LastingFile
from locust_extra.columns import MOVED, REPLACED, SESSION_COLUMNS, SILENT, UNANSWERED
from zk_locust.contract.run_files import sessions_of
from zk_locust.load.heard import NOBODY, Heard
from zk_locust.load.recording import Recording
from zk_locust.load.slowest import NOWHERE

LEAST_SILENCE_NS: Final = 100_000_000
_WHERE_EVERY: Final = 4
"""Of so many looks, one asks the clients where their sessions are."""
_MOST_TIMERS: Final = 2000
"""Of more timers, each look takes so long that there are fewer: one of two moments for twice as many, and so on."""

_Where = tuple[int, Any]


class Sessions:
    """Writes the sessions of a recording into the file beside that of its moments. Raises OSError without a file.

    `epoch_s` gives the file's time of a moment of the recording's clock.
    """

    def __init__(self, moments: str, recording: Recording, epoch_s: Callable[[int], float]) -> None:
        self._recording = recording
        self._epoch_s = epoch_s
        place = Path(moments)
        self._file = LastingFile(place.with_name(sessions_of(place.name)))
        self._file.write(",".join(SESSION_COLUMNS) + "\n")
        self._asks_since: WeakKeyDictionary[Heard, int] = WeakKeyDictionary()
        self._where: WeakKeyDictionary[Heard, _Where] = WeakKeyDictionary()
        self._number = 0

    def look(self, now_ns: int) -> None:
        """Note which sessions ask, and write which have been answered, moved or replaced since the last look."""
        self._number += 1
        every = 1 + len(self._recording.kept) // _MOST_TIMERS
        if self._number % every:
            return
        self._end_silences()
        self._note_askers()
        if self._number // every % _WHERE_EVERY == 0:
            self._look_where(now_ns)

    def close(self, now_ns: int) -> None:
        """Write who is still silent, and end the file."""
        self._end_silences()
        for heard, since_ns in self._asks_since.items():
            self._write_silence(UNANSWERED, heard, since_ns, now_ns)
        self._file.close()

    def _end_silences(self) -> None:
        for heard, since_ns in list(self._asks_since.items()):
            if heard.at_ns >= since_ns:
                del self._asks_since[heard]
                self._write_silence(SILENT, heard, since_ns, heard.at_ns)

    def _note_askers(self) -> None:
        for timer in self._recording.under_way():
            heard = timer.heard
            if heard is not NOBODY:
                sent_ns = timer.sent_ns
                if sent_ns < self._asks_since.get(heard, sent_ns + 1):
                    self._asks_since[heard] = sent_ns

    def _look_where(self, now_ns: int) -> None:
        timers = (*self._recording.running, *self._recording.kept)
        asked = {timer.heard: timer.origin for timer in timers if timer.origin is not None}
        for heard, asks in asked.items():
            session, member = asks()[0]
            before = self._where.get(heard)
            if heard is NOBODY or not session or (session, member) == before:
                continue
            self._where[heard] = session, member
            if before is None:
                continue
            if session != before[0]:
                self._write(now_ns, now_ns, REPLACED, (session, member), _id(before[0]))
            else:
                self._write(now_ns, now_ns, MOVED, (session, member), _named(before[1]))

    def _write_silence(self, event: str, heard: Heard, since_ns: int, end_ns: int) -> None:
        if end_ns - since_ns >= LEAST_SILENCE_NS:
            self._write(since_ns, end_ns, event, self._where.get(heard, NOWHERE[0]), "")

    def _write(self, start_ns: int, end_ns: int, event: str, where: _Where, before: str) -> None:
        times = f"{self._epoch_s(start_ns):.6f},{self._epoch_s(end_ns):.6f}"
        self._file.write(f"{times},{event},{_id(where[0])},{_named(where[1])},{before}\n")


def _id(session: int) -> str:
    """Return a session's id as members write it; nothing for 0."""
    return f"{session & 0xFFFF_FFFF_FFFF_FFFF:#x}" if session else ""


def _named(member: Any) -> str:
    """Return a member as a field of CSV: host:port, without what only a strange name would contain."""
    return "" if member is None else str(member).replace(",", " ").replace('"', " ").replace("\n", " ")
