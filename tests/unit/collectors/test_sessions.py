"""What becomes of sessions: planted silences, moves and new sessions, as the file tells them."""

import csv
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locust_extra.columns import SESSION_COLUMNS
from locust_extra.sessions import Sessions
from zk_locust.load.heard import NOBODY, Heard
from zk_locust.load.recording import Recording
from zk_locust.load.slowest import Origin

MS = 1_000_000


class Session:
    """A timer of a session, as the recording knows it."""

    def __init__(self, recording: Recording, session: int = 0x10, member: str = "zk1:2181") -> None:
        self.heard, self.sent_ns, self.under_way = Heard(), 0, False
        self.where: tuple[int, Any] = (session, member)
        self.origin: Callable[[], Origin] | None = lambda: (self.where, 0)
        recording.kept.add(self)

    def waits_ns(self, now_ns: int) -> int:
        return now_ns - self.sent_ns

    def censor(self, now_ns: int) -> None:
        """Nothing."""

    def send(self, at_ms: int) -> None:
        self.sent_ns, self.under_way = at_ms * MS, True

    def end(self, at_ms: int | None = None) -> None:
        self.under_way = False
        if at_ms is not None:
            self.heard.at_ns = at_ms * MS


@pytest.fixture
def recording() -> Recording:
    return Recording([], lambda: 0)


@pytest.fixture
def sessions(recording: Recording, tmp_path: Path) -> Sessions:
    return Sessions(str(tmp_path / "moments-worker-1.csv"), recording, lambda at_ns: at_ns / 1e9)


def told(folder: Path) -> list[list[str]]:
    with (folder / "sessions-worker-1.csv").open(newline="") as lines:
        head, *rows = csv.reader(lines)
    assert head == list(SESSION_COLUMNS)
    return rows


def test_a_silence_lasts_over_operations_that_fail(recording: Recording, sessions: Sessions, tmp_path: Path) -> None:
    one = Session(recording)
    one.end(900)
    one.send(1000)
    for at_ms in range(1000, 3000, 50):
        if at_ms in (1500, 2000, 2500):  # it fails, and the next one is sent
            one.end()
            sessions.look(at_ms * MS)
            one.send(at_ms + 10)
        sessions.look(at_ms * MS)
    one.end(2990)
    sessions.look(3000 * MS)
    sessions.close(3100 * MS)
    assert told(tmp_path) == [["1.000000", "2.990000", "silent", "0x10", "zk1:2181", ""]]


def test_a_session_that_is_answered_or_does_not_ask_is_not_silent(
    recording: Recording, sessions: Sessions, tmp_path: Path
) -> None:
    one, _idle = Session(recording), Session(recording, 0x20)
    for at_ms in range(0, 5000, 50):
        one.end(at_ms + 1)
        one.send(at_ms + 2)
        sessions.look((at_ms + 3) * MS)
    one.end(5000)
    sessions.close(5000 * MS)
    assert told(tmp_path) == []


def test_what_is_not_answered_until_the_end_is_told(recording: Recording, sessions: Sessions, tmp_path: Path) -> None:
    one, other = Session(recording), Session(recording, 0x20)
    for session, at_ms in ((one, 100), (other, 200)):
        session.send(at_ms)
    for at_ms in range(200, 2000, 50):
        sessions.look(at_ms * MS)
    sessions.close(2000 * MS)
    assert sorted(told(tmp_path)) == [
        ["0.100000", "2.000000", "unanswered", "0x10", "zk1:2181", ""],
        ["0.200000", "2.000000", "unanswered", "0x20", "zk1:2181", ""],
    ]


def test_moves_and_new_sessions_are_told_once(recording: Recording, sessions: Sessions, tmp_path: Path) -> None:
    one, second_timer = Session(recording, -2), Session(recording, -2)
    second_timer.heard, second_timer.origin = one.heard, one.origin
    for at_ms in range(0, 3000, 50):
        if at_ms == 1000:
            one.where = (-2, 'zk2,"x"')
        if at_ms == 2000:
            one.where = (0x30, "zk3:2181")
        sessions.look(at_ms * MS)
    sessions.close(3000 * MS)
    moved, replaced = told(tmp_path)
    assert moved[2:] == ["moved", "0xfffffffffffffffe", "zk2  x ", "zk1:2181"]
    assert replaced[2:] == ["replaced", "0x30", "zk3:2181", "0xfffffffffffffffe"]
    assert 1.0 <= float(moved[0]) <= 1.2
    assert 2.0 <= float(replaced[0]) <= 2.2


def test_a_user_that_has_gone_is_not_silent(recording: Recording, sessions: Sessions, tmp_path: Path) -> None:
    gone: list[Session] = [Session(recording)]
    gone[0].send(100)
    for at_ms in range(100, 500, 50):
        sessions.look(at_ms * MS)
    gone.clear()
    gc.collect()
    sessions.close(5000 * MS)
    assert told(tmp_path) == []


def test_timers_without_a_session_tell_nothing(recording: Recording, sessions: Sessions, tmp_path: Path) -> None:
    one = Session(recording)
    one.heard = NOBODY
    one.send(100)
    for at_ms in range(0, 1000, 50):
        sessions.look(at_ms * MS)
    sessions.close(1000 * MS)
    assert told(tmp_path) == []


def test_many_sessions_are_looked_at_less_often(
    recording: Recording, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [Session(recording, number) for number in range(1, 4002)]
    looks: list[object] = []

    def look() -> list[Session]:
        looks.append(0)
        return many[:1]

    monkeypatch.setattr(recording, "under_way", look)
    many[0].send(0)
    for at_ms in range(0, 1050, 50):
        sessions.look(at_ms * MS)
    assert len(looks) == 7  # each third of 21
    many[0].end(1000)
    sessions.close(1000 * MS)
    assert [row[:3] for row in told(tmp_path)] == [["0.000000", "1.000000", "silent"]]
