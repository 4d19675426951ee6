"""How many operations a worker has sent, in a memory-mapped file: known even where the worker is killed.

A killed worker takes with it what it has not reported yet. The memory of a mapped file stays, so that the master, or
the supervisor on another load host, can say how many operations these are. The last of them may not have reached the
server: a worker counts an operation just before it sends it.
"""

import logging
import mmap
import os
from typing import Final

from zk_locust.contract import sent_counts
from zk_locust.load.recording import Recording

logger = logging.getLogger(__name__)


class Tally:
    """The count of one worker, named for its `client_id`. Where no file can be made, it is in ordinary memory."""

    def __init__(self, client_id: str) -> None:
        self._path = sent_counts.path_of(client_id)
        self._map = mmap.mmap(-1, sent_counts.SIZE)
        try:
            sent_counts.remove_left()
            content = sent_counts.content_of_this_process()
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(self._path, flags, 0o600)
            try:
                os.write(file, content)
                self._map = mmap.mmap(file, sent_counts.SIZE)
            except (OSError, ValueError):  # no room, or a part of the content only
                self.remove()
                raise
            finally:
                os.close(file)
        except (OSError, ValueError) as error:
            logger.info("What this worker has sent would be unknown if it were killed: %s", error)
        self.sent: Final = memoryview(self._map).cast("Q")

    def count(self, recording: Recording) -> None:
        """Count what this recording's timers begin, and what they have begun so far."""
        self.sent[0] = recording.sent[0]
        recording.sent = self.sent

    def remove(self) -> None:
        """Remove the file: the worker has reported everything."""
        self._path.unlink(missing_ok=True)


def take_sent(client_id: str) -> int | None:
    """Return what a worker that has ended had sent, and remove its file; None where that is not known here."""
    path = sent_counts.path_of(client_id)
    count = sent_counts.read(path)
    if count is None:
        return None
    path.unlink(missing_ok=True)
    return count.sent
