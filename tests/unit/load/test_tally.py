"""What a worker has sent is known when it is killed, and nothing else is taken for it."""

import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from locust_extra.recorder import Recorder
from zk_locust.contract import sent_counts
from zk_locust.contract.process_identity import Identity, identity_of
from zk_locust.load.recording import Recording
from zk_locust.load.tally import Tally, take_sent
from zk_locust.load.timer import LocustTimer, TimerSettings

WORKER = "some-host_5f2b"
KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from zk_locust.load.recording import Recording
from zk_locust.contract import sent_counts
from zk_locust.contract.process_identity import Identity, identity_of
from zk_locust.load.tally import Tally
sent_counts.FOLDER = Path(sys.argv[1])
sent = Tally("some-host_5f2b").sent
for _ in range(1234):
    sent[0] += 1
sent[0] -= 34
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sent_counts, "FOLDER", tmp_path)
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
    (folder / "target").write_bytes(bytes(sent_counts.SIZE))
    (folder / "zk-locust-sent-5f2b").symlink_to(folder / "target")
    Tally(WORKER).sent[0] += 7
    assert take_sent(WORKER) is None
    assert (folder / "target").read_bytes() == bytes(sent_counts.SIZE)


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


def start(folder: Path, client_id: str) -> subprocess.Popen[str]:
    """A worker that counts 7 operations and waits."""
    program = KILLED.replace("some-host_5f2b", client_id).partition("os.kill")[0]
    program += "sent[0] = 7; print('counted', flush=True); sys.stdin.read()"
    worker = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "counted\n"
    return worker


def test_a_count_is_found_by_the_process_that_made_it(folder: Path) -> None:
    with start(folder, "host_a") as worker:
        identity = identity_of(worker.pid)
        worker.kill()
        worker.wait()
    assert sent_counts.sent_by(identity) == 7
    assert sent_counts.sent_by(Identity(identity.pid, identity.start_ticks + 1)) is None, "another process of this id"
    assert sent_counts.sent_by(identity) == 7, "looking takes nothing away"


def test_only_counts_that_nobody_asks_for_are_removed(folder: Path) -> None:
    me = identity_of(os.getpid())
    with start(folder, "host_a") as dead, start(folder, "host_b") as living:
        dead.kill()
        dead.wait()
        sent_counts.remove_left()
        assert len(list(folder.iterdir())) == 2, "their parent lives, and may ask"
        sent_counts.remove_left(me)
        assert [path.name for path in folder.iterdir()] == ["zk-locust-sent-b"]
        living.kill()


def test_counts_of_a_killed_parent_are_removed(folder: Path) -> None:
    ended = Identity(2**22 - 1, 1)
    for name, namespace in (("a", Path("/proc/self/ns/pid").stat().st_ino), ("elsewhere", 1)):
        content = struct.pack("=6Q", 3, *ended, *ended, namespace)
        sent_counts.path_of(f"host_{name}").write_bytes(content)
    Tally("host_c")
    assert sorted(path.name for path in folder.iterdir()) == ["zk-locust-sent-c", "zk-locust-sent-elsewhere"]


def test_a_system_without_namespaces_of_process_ids_counts_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "stat", _stat_without_namespace(Path.stat))
    Tally("host_a").sent[0] = 5
    assert sent_counts.sent_by(identity_of(os.getpid())) == 5
    sent_counts.remove_left(identity_of(os.getpid()))
    assert take_sent("host_a") == 5


def _stat_without_namespace(real: Any) -> Any:
    def stat(path: Path, **options: Any) -> Any:
        if str(path) == "/proc/self/ns/pid":
            raise FileNotFoundError(path)
        return real(path, **options)

    return stat
