"""`zk-metrics.csv`: columns that come in mid-run, a disk that is full, and a member that makes up metrics."""

import csv
import io
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pandas as pd
import pytest

from host_metrics.columns import RECORDS_LOST, WRITE_FAILED, WRITE_RESUMED
from tests.needs import missing
from tests.small_disk import fill, small_disk
from zk_locust.contract.durable_files import is_left_over
from zk_locust.load.stages import happened
from zk_metrics import metrics_file
from zk_metrics.columns import METRIC_COLUMNS
from zk_metrics.member import Member, Sample
from zk_metrics.metrics_file import COLUMNS_LEFT_OUT, MetricsFile
from zk_metrics.recording import Recording

AWAY = "no connection to the AdminServer"


def sample(detail: str = "", /, **metrics: Any) -> Sample:
    return Sample(datetime(2026, 11, 24, 3, 15, tzinfo=UTC), 5.0, 1.5, metrics, detail)


def rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text()
    assert text.endswith("\n")
    widths = {len(cells) for cells in csv.reader(io.StringIO(text, newline=""))}
    assert len(widths) == 1, "each row has a cell for each column"
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "zk-metrics.csv"


@pytest.fixture
def told() -> list[tuple[str, ...]]:
    return []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 64 KiB."""
    with small_disk(tmp_path / "disk", 64 * 1024) as folder:
        yield folder


def test_a_metric_gets_its_column_with_its_first_value_other_than_0(path: Path) -> None:
    file = MetricsFile(str(path))
    file.write("zk1", sample(znode_count=0, stale_requests=0, quorum_size=3))
    file.write("zk2", sample(znode_count=1.0, stale_requests=0))
    assert tuple(rows(path)[0]) == (*METRIC_COLUMNS, "quorum_size")
    file.write("zk1", sample(stale_requests=1, cnt_fsynctime=0.0, avg_fsynctime=0.123456789))
    file.write("zk2", sample(AWAY))
    file.close()
    found = rows(path)
    assert tuple(found[0]) == (*METRIC_COLUMNS, "quorum_size", "stale_requests", "avg_fsynctime")
    shown = ("member", "reachable", "detail", "znode_count", "quorum_size", "stale_requests", "avg_fsynctime")
    assert [tuple(row[name] for name in shown) for row in found] == [
        ("zk1", "1", "", "0", "3", "", ""),
        ("zk2", "1", "", "1", "", "", ""),
        ("zk1", "1", "", "", "", "1", "0.123457"),
        ("zk2", "0", AWAY, "", "", "", ""),
    ]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_pandas_reads_it_in_one_line(path: Path) -> None:
    file = MetricsFile(str(path))
    file.write("zk1", sample(znode_count=5, server_state="leader"))
    file.write("zk2", sample(AWAY))
    file.write("zk1", sample(znode_count=6, server_state="leader", learners=2))
    file.close()
    table = pd.read_csv(path, index_col="timestamp", parse_dates=True)
    assert list(table["znode_count"].dropna()) == [5, 6]
    assert list(table["learners"].dropna()) == [2]
    assert table.index[0] == pd.Timestamp("2026-11-24T03:15:00Z")


def test_a_large_file_is_not_written_anew_at_every_poll(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_file, "_SMALL_BYTES", 0)
    file = MetricsFile(str(path))
    file.write("zk1", sample(first=1))
    file.write("zk1", sample(first=1, second=2))
    assert "second" not in rows(path)[0]
    monkeypatch.setattr(metrics_file, "_PAUSE_S", 0.0)
    file.write("zk1", sample(first=1, second=3))
    file.close()
    assert [row["second"] for row in rows(path)] == ["", "", "3"]


def test_a_member_that_makes_up_metrics_has_an_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, told: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(metrics_file, "MOST_COLUMNS", 30)
    file = MetricsFile(str(path), lambda *what: told.append(what))
    for poll in range(20):
        file.write("zk1", sample(znode_count=poll, **{f"made_up_{poll}_{number}": 1 for number in range(5)}))
    file.close()
    found = rows(path)
    assert len(found[0]) == 30
    assert [row["znode_count"] for row in found] == [str(poll) for poll in range(20)]
    assert told == [(COLUMNS_LEFT_OUT, "zk-metrics.csv", "it has 30 columns; more are left out")]


def test_greenlets_share_the_file_while_it_is_written_anew(path: Path) -> None:
    file = MetricsFile(str(path))
    for _ in range(2_000):
        file.write("zk0", sample(first=1, text="x" * 300))  # some pieces long
    writers = [gevent.spawn(file.write, f"zk{number}", sample(**{f"of_{number}": number})) for number in range(1, 6)]
    gevent.joinall(writers, raise_error=True)
    file.close()
    found = rows(path)
    assert len(found) == 2_005
    assert {row["member"]: row[f"of_{row['member'][2:]}"] for row in found[2_000:]} == {
        f"zk{number}": str(number) for number in range(1, 6)
    }


def test_who_is_stopped_in_the_middle_leaves_the_file_as_it_was(path: Path) -> None:
    file = MetricsFile(str(path))
    for _ in range(2_000):
        file.write("zk0", sample(first=1, text="x" * 300))
    before = path.read_bytes()
    writer = gevent.spawn(file.write, "zk1", sample(second=1))
    gevent.sleep(0)
    (beside,) = (each.name for each in path.parent.iterdir() if each != path)
    assert is_left_over(beside), "what a kill leaves is not taken for a file of the run"
    writer.kill()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before
    file.write("zk1", sample(second=2))
    file.close()
    assert rows(path)[-1]["second"] == "2"


def test_what_is_no_regular_file_is_left_what_it_is(tmp_path: Path) -> None:
    device = tmp_path / "null"  # one of our own: a fault here would remove /dev/null from the machine
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_text("")
    except PermissionError:
        missing("root, who may make a device")
    file = MetricsFile(str(device))
    file.write("zk1", sample(first=1))
    file.close()
    assert device.is_char_device()


def test_a_full_disk_ends_no_poll_and_no_poll_is_lost(disk: Path, told: list[tuple[str, ...]]) -> None:
    path = disk / "zk-metrics.csv"
    file = MetricsFile(str(path), lambda *what: told.append(what))
    file.write("zk1", sample(znode_count=0, first=1))
    ballast = fill(disk)
    for poll in range(1, 100):
        file.write("zk1", sample(znode_count=poll, first=1, text="x" * 200))
    assert file.problem == "No space left on device; its records wait in memory"
    assert (WRITE_FAILED, path.name) in [what[:2] for what in told]
    ballast.unlink()
    file.write("zk1", sample(znode_count=100, first=1))
    assert file.problem == ""
    assert file.close() == 0
    assert [row["znode_count"] for row in rows(path)] == [str(poll) for poll in range(101)]
    assert [event for event, *_ in told] == [WRITE_FAILED, WRITE_RESUMED]
    assert RECORDS_LOST not in [event for event, *_ in told]


def test_there_may_be_no_room_for_the_file_once_more(disk: Path, told: list[tuple[str, ...]]) -> None:
    path = disk / "zk-metrics.csv"
    file = MetricsFile(str(path), lambda *what: told.append(what))
    for poll in range(300):
        file.write("zk1", sample(znode_count=poll, first=1))
    size = path.stat().st_size
    (disk / "ballast").write_bytes(bytes(64 * 1024 - size - 20_000))  # room for rows, not for a copy
    file.write("zk1", sample(znode_count=300, first=1, second=1))
    assert path.stat().st_size > size
    assert {each.name for each in disk.iterdir()} == {path.name, "ballast"}
    (disk / "ballast").unlink()
    file.write("zk1", sample(znode_count=301, first=1, second=2))
    file.close()
    assert [row["second"] for row in rows(path)][-2:] == ["", "2"]
    assert len(rows(path)) == 302
    assert told == []


def test_a_disk_that_is_full_is_an_event_and_a_problem_that_the_page_shows(disk: Path) -> None:
    events: list[tuple[str, str]] = []

    def note(event: str, subject: str, **_: Any) -> None:
        events.append((event, subject))

    happened.add_listener(note)
    try:
        recording = Recording(SimpleNamespace())
        ballast = fill(disk)
        recording.to(str(disk / "zk-metrics.csv"))
        member = Member("zk1", "http://127.0.0.1:1/")
        recording.add(member, sample(znode_count=1))
        assert "cannot be written at the moment: No space left on device" in recording.problem
        ballast.unlink()
        recording.add(member, sample(znode_count=2))
        assert recording.problem == ""
        recording.close()
    finally:
        happened.remove_listener(note)
    assert [row["znode_count"] for row in rows(disk / "zk-metrics.csv")] == ["1", "2"]
    assert events == [(WRITE_FAILED, "zk-metrics.csv"), (WRITE_RESUMED, "zk-metrics.csv")]
