"""Events in the log of a ZooKeeper server, release 3.4 to 3.9: elections, slow fsyncs, sessions, connections.

A line begins with the moment and ends with the message; the layout between them does not matter.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Final

from fleet.member_logs.log_lines import Event, moment_of
from zk_locust.contract.events import (
    CONNECTION_CLOSED,
    ELECTION,
    GC_PAUSE,
    JVM_PAUSE,
    MEMBER_RESTART,
    SESSION_EXPIRED,
    SLOW_FSYNC,
)

_CLOSED: Final = "Closed socket connection for client"
_STATE: Final = "Peer state changed: "
_ROLE_LOST: Final = (
    "Exception when following the leader",
    "Exception when observing the leader",
    "Shutdown called",
)
# What a message contains, and what it is about. The first that fits counts.
_MESSAGES: Final = (
    ("fsync-ing the write ahead log", SLOW_FSYNC),
    ("Detected pause in JVM or host machine", JVM_PAUSE),
    ("Expiring session ", SESSION_EXPIRED),
    ("Unable to read additional data from client", CONNECTION_CLOSED),
    (_CLOSED, CONNECTION_CLOSED),
    ("Too many connections from", CONNECTION_CLOSED),
    ("Exception causing close of session", CONNECTION_CLOSED),
    ("Starting quorum peer", MEMBER_RESTART),
    ("ZooKeeperServerMain", MEMBER_RESTART),
    (_STATE, ELECTION),
    ("LEADER ELECTION TOOK", ELECTION),
    ("] LOOKING", ELECTION),
    ("] - LOOKING", ELECTION),
    *((text, ELECTION) for text in _ROLE_LOST),
)
_TOOK: Final = {
    SLOW_FSYNC: re.compile(r" took (\d{1,9})ms", re.ASCII),
    JVM_PAUSE: re.compile(r"pause of approximately (\d{1,9}) ?ms", re.ASCII),
}
# How the line after that of a pause begins if the garbage collector ran. gc.log has such a pause with its true begin.
_OF_COLLECTOR: Final = "GC pool "
# Releases 3.4 and 3.5 log the end of each connection, those of four-letter words included.
_NO_CLIENT: Final = "(no session established"
COUNTED: Final = {SESSION_EXPIRED: "sessions", CONNECTION_CLOSED: "connections"}
"""Events that count what ends within a second, and their unit."""
_SESSION: Final = re.compile(r" session(?:id)? (0x[0-9a-f]{1,16})", re.ASCII)
_THREADS: Final = 100  # more than those of a server that serve connections
_TOGETHER: Final = timedelta(seconds=1)
_ROLES: Final = {"leading": "leader", "following": "follower", "observing": "observer"}


def events(lines: Iterable[str], zone: timezone | None, *, has_gc_log: bool) -> Iterator[Event]:
    """Give the events of a log. `zone` is for lines that do not say theirs; without it these are left out.

    Pauses of the garbage collector are given only where the JVM has no gc.log. What happens to several sessions or
    connections within a second is one event, which counts them.
    """
    election, counts = _Election(), {name: _Count(name, things) for name, things in COUNTED.items()}
    broken = _Broken()
    started: datetime | None = None
    pause: Event | None = None
    for line in lines:
        if pause is not None:
            if not line.startswith(_OF_COLLECTOR):
                yield pause
            elif not has_gc_log:
                yield pause._replace(name=GC_PAUSE, detail="as the server saw it")
            pause = None
        name = next((name for text, name in _MESSAGES if text in line), None)
        if name is None or _NO_CLIENT in line or (moment := moment_of(line, zone)) is None:
            continue
        if name in _TOOK:
            if (took := _TOOK[name].search(line)) is not None:
                seconds = int(took[1]) / 1000
                event = Event(moment - timedelta(seconds=seconds), name, "", seconds)
                if name == JVM_PAUSE:
                    pause = event
                else:
                    yield event
        elif name in counts:
            if name != CONNECTION_CLOSED or not broken.was_counted(line):
                yield from counts[name].add(moment)
        elif name == ELECTION:
            yield from election.follow(line, moment)
        elif started is None or moment - started > _TOGETHER:  # several lines say it
            started = moment
            election.restarted()
            yield Event(moment, MEMBER_RESTART, "the server started")
    if pause is not None:
        yield pause
    yield from election.rest()
    for count in counts.values():
        yield from count.rest()


class _Election:
    """The time in which a member has no role. One without an end in the log has no duration.

    It begins where the member loses its leader, or as leader its followers. From then on it serves nobody, but it looks
    for a leader only after its server has shut down, which takes 0.1 s or longer.
    """

    def __init__(self) -> None:
        self._lost: datetime | None = None
        self._began: datetime | None = None
        self._elected: Event | None = None
        self._says_when_it_serves = False  # from 3.6 on; before, it says only when it was elected, or found its leader

    def follow(self, line: str, moment: datetime) -> Iterator[Event]:
        """Take a line of the election; give an election that ends with it."""
        if _STATE in line:
            self._says_when_it_serves = True
            state = line.partition(_STATE)[2].split(" - ")
            if state[-1].strip() == "broadcast":
                yield from self._ended(moment, state[0])
        elif "LOOKING" in line:
            if self._elected is not None and not self._says_when_it_serves:
                yield from self.rest()
            self._began = self._began or self._lost or moment
            self._lost = None
        elif any(text in line for text in _ROLE_LOST):
            self._lost = self._lost or moment
        elif self._began is not None:
            role = next((role for word, role in _ROLES.items() if word.upper() in line), "")
            self._elected = Event(self._began, ELECTION, role, (moment - self._began).total_seconds())

    def restarted(self) -> None:
        """Take the start of the server: it looks for a leader for another reason than that it lost one."""
        self._lost = None

    def _ended(self, moment: datetime, state: str) -> Iterator[Event]:
        if self._began is not None:
            yield Event(self._began, ELECTION, _ROLES.get(state.strip(), ""), (moment - self._began).total_seconds())
        self._began = self._elected = None

    def rest(self) -> Iterator[Event]:
        """Give the election that runs at the end of the log."""
        if self._elected is not None and not self._says_when_it_serves:
            yield self._elected
        elif self._began is not None:
            yield Event(self._began, ELECTION, "no role at the end of the log")
        self._began = self._elected = None


class _Broken:
    """Connections that broke. Releases 3.4 and 3.5 say of each first why, then that it was closed."""

    def __init__(self) -> None:
        self._sessions: deque[str] = deque(maxlen=_THREADS)

    def was_counted(self, line: str) -> bool:
        """Return whether a line is the second of a connection, whose first was counted."""
        found = _SESSION.search(line)
        if found is None:
            return False
        if _CLOSED not in line:
            self._sessions.append(found[1])
        elif found[1] in self._sessions:
            self._sessions.remove(found[1])
            return True
        return False


class _Count:
    """Events of a kind within a second, as one."""

    def __init__(self, name: str, things: str) -> None:
        self._name, self._things = name, things
        self._first: datetime | None = None
        self._number = 0

    def add(self, moment: datetime) -> Iterator[Event]:
        """Count one; give those before it if their second is over."""
        if self._first is not None and abs(moment - self._first) > _TOGETHER:
            yield from self.rest()
        self._first = self._first or moment
        self._number += 1

    def rest(self) -> Iterator[Event]:
        """Give what was counted since the last event."""
        if self._first is not None:
            yield Event(
                self._first, self._name, f"{self._number:,} {self._things if self._number > 1 else self._things[:-1]}"
            )
        self._first, self._number = None, 0
