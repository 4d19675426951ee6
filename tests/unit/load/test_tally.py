"""What a worker has sent is known when it is killed, and nothing else is taken for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from locust_extra.recorder import Recorder
from zk_locust.load import tally
from zk_locust.load.recording import Recording
from zk_locust.load.tally import Tally, take_sent
from zk_locust.load.timer import LocustTimer, TimerSettings

WORKER = "some-host_5f2b"
KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from zk_locust.load import tally
from zk_locust.load.recording import Recording
tally._FOLDER = Path(sys.argv[1])
sent = tally.Tally("some-host_5f2b").sent
for _ in range(1234):
    sent[0] += 1
sent[0] -= 34
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tally, "_FOLDER", tmp_path)
    return tmp_path


def test_a_killed_process_leaves_its_count(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert take_sent(WORKER) == 1200
    assert not list(folder.iterdir())
    assert take_sent(WORKER) is None


def test_a_process_that_ends_leaves_nothing(folder: Path) -> None:
    count = Tally(WORKER)
    count.sent[0] += 1
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]
    count.remove()
    assert not list(folder.iterdir())
    count.sent[0] += 1
    assert count.sent[0] == 2


def test_a_file_that_is_there_already_is_left_alone(folder: Path) -> None:
    other = folder / "zk-locust-sent-5f2b"
    other.write_bytes(b"something else")
    count = Tally(WORKER)
    count.sent[0] += 1
    assert other.read_bytes() == b"something else"
    assert take_sent(WORKER) is None
    assert other.exists()


def test_links_are_not_followed(folder: Path) -> None:
    (folder / "target").write_bytes(bytes(8))
    (folder / "zk-locust-sent-5f2b").symlink_to(folder / "target")
    Tally(WORKER).sent[0] += 7
    assert take_sent(WORKER) is None
    assert (folder / "target").read_bytes() == bytes(8)


def test_a_file_of_another_user_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    Tally(WORKER).sent[0] += 7
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert take_sent(WORKER) is None


def test_old_files_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Tally("host_old")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 6 * 86400)
    Tally("host_newer")
    assert len(list(folder.iterdir())) == 2
    monkeypatch.setattr(time, "time", lambda: now + 8 * 86400)
    Tally("host_newest")
    assert [path.name for path in folder.iterdir()] == ["zk-locust-sent-newest"]


def test_timers_count_what_they_begin() -> None:
    recording = Recording([])
    recording.sent[0] += 3
    count = Tally(WORKER)
    count.count(recording)
    recording.sent[0] += 1
    assert take_sent(WORKER) == 4


def test_a_report_says_how_many_operations_have_ended_or_were_given_up() -> None:
    recording = Recording([])
    recorder = Recorder(1.0, recording)
    recorder.begin_stage("measured", None)
    settings = TimerSettings(events=SimpleNamespace(zk_locust_recording=recording))
    timers = [LocustTimer("get", settings=settings) for _ in range(3)]
    for timer in timers:
        timer.__enter__()
    assert recorder.report(users=3)["settled"] == 0
    timers[0].__exit__(None, None, None)
    assert recorder.report(users=3)["settled"] == 1
    recorder.begin_stage("cool-down", None)  # the others are censored
    assert recorder.report(users=3)["settled"] == 3
