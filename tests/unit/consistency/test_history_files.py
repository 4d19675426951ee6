"""History files: what a journal writes is what is read; what a host has damaged is refused by name."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import gevent
import numpy as np
import pytest

from reporting.consistency import result, states
from reporting.consistency.history_file import RECORD, HistoryError, HistoryFile
from reporting.read.manifest import Manifest
from tests.unit.consistency.histories import ROOT, Story, block, content
from zk_locust.clients.native import jute
from zk_locust.contract import history_format as history
from zk_locust.load import journal as journals
from zk_locust.load.journal import Journal

STAT = jute.STAT.pack(11, 12, 0, 0, 5, 0, 0, 0, 3, 0, 0)


def records_of(file: Path) -> list[tuple[object, ...]]:
    read = HistoryFile(file, "host")
    names = ("sent", "arrived", "session", "zxid", "mzxid", "czxid", "version", "xid", "what", "result")
    found = [tuple(int(record[name]) for name in names) for chunk in read.chunks() for record in chunk.records]
    assert read.ended
    return [(*values, read.texts({place})[place][1]) for place, values in enumerate(found)]


def test_what_a_journal_is_given_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MOST_PATHS", 2)  # so that the table starts over
    journal = Journal(tmp_path / "history.bin", process="worker-1")
    get = jute.REPLY.pack(16, 7, 1 << 40, 0) + jute.buffer(b"abc") + STAT
    gone = jute.REPLY.pack(16, 8, 1 << 41, history.NO_NODE)
    for turn in range(3):
        journal.rows += (1, 2, -3, history.GET | history.STAT, f"/a/{turn}", b"abc", get)
        journal.rows += (4, 5, 1 << 62, history.DELETE, "/ä", b"", gone)
        journal.flush()
    journal.end()
    expected: list[tuple[object, ...]] = []
    for turn in range(3):
        expected.append((1, 2, -3, 1 << 40, 12, 11, 5, 7, history.GET | history.STAT, 0, f"/a/{turn}"))
        expected.append((4, 5, 1 << 62, 1 << 41, 0, 0, 0, 8, history.DELETE, history.NO_NODE, "/ä"))
    assert records_of(tmp_path / "history.bin") == expected


def test_of_names_of_children_their_number_and_sum_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "history.bin")
    many = [f"n{number:03d}" for number in range(80)]
    lists = [[], ["a"], ["b", "ä", "a"], many, [*many, "of another length"], ["", *many[1:]], many]
    for names in lists:
        for tail in (b"", STAT):
            reply = jute.REPLY.pack(16, 7, 9, 0) + jute.strings(names) + tail
            journal.rows += (1, 2, 3, history.GET_CHILDREN | history.NAMES, "/", b"", reply)
    journal.end()
    (chunk,) = HistoryFile(tmp_path / "history.bin", "host").chunks()
    sums = [sum(zlib.crc32(name.encode()) for name in names) % (1 << 32) for names in lists]
    assert chunk.records["version"].tolist()[::2] == chunk.records["version"].tolist()[1::2] == list(map(len, lists))
    assert chunk.records["digest"].tolist()[::2] == chunk.records["digest"].tolist()[1::2] == sums


def test_a_disk_that_fills_ends_the_history_and_not_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "history.bin")
    assert journal._file is not None
    journal._file.close()
    journal._file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb", buffering=0)
    journal.rows += (1, 2, 3, history.SYNC, "/", b"", jute.REPLY.pack(16, 1, 1, 0))
    journal.flush()
    journal.rows += (1, 2, 3, history.SYNC, "/", b"", jute.REPLY.pack(16, 1, 1, 0))
    journal.end()
    assert "ends here, it cannot be written (No space left on device)" in caplog.text
    read = HistoryFile(tmp_path / "history.bin", "host")
    assert (list(read.chunks()), read.ended) == ([], False)


def test_paths_that_the_format_does_not_allow_have_a_stand_in(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "history.bin")
    paths = ["/a", f"/{'b' * history.MOST_PATH_CHARACTERS}", "/c\0d"]
    for path in (*paths, *paths):
        journal.rows += (1, 2, 3, history.SYNC, path, b"", jute.REPLY.pack(16, 1, 1, 0))
    journal.end()
    found = [str(record[-1]) for record in records_of(tmp_path / "history.bin")]
    assert found[:3] == found[3:]
    assert found[0] == "/a"
    assert found[1].startswith("/\ufffd/16385 characters, ")
    assert found[2].startswith("/\ufffd/4 characters, ")


def test_what_cannot_be_written_ends_the_history_and_does_not_pile_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "history.bin")
    for kind in (history.SYNC, "no kind", history.SYNC):
        journal.rows += (1, 2, 3, kind, "/", b"", jute.REPLY.pack(16, 1, 1, 0))
        journal.flush()
        assert journal.rows == []
    journal.end()
    assert caplog.text.count("ends here, it cannot be written (ValueError") == 1
    read = HistoryFile(tmp_path / "history.bin", "host")
    assert ([len(chunk.records) for chunk in read.chunks()], read.ended) == ([1], False)


def test_long_replies_are_written_soon_and_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MANY_BYTES", 10_000)
    monkeypatch.setattr(journals, "FLUSH_EVERY", 1 << 30)
    journal = Journal(tmp_path / "history.bin")
    value = bytes(20_000)
    reply = jute.REPLY.pack(16, 7, 9, 0) + jute.buffer(value) + STAT
    journal.rows += (1, 2, 3, history.GET | history.STAT, "/a", value, reply)
    while journal.rows:
        gevent.sleep(0.01)
    journal.end()
    assert records_of(tmp_path / "history.bin") == [(1, 2, 3, 9, 12, 11, 5, 7, history.GET | history.STAT, 0, "/a")]


def test_a_cut_file_is_read_up_to_its_last_complete_block(tmp_path: Path) -> None:
    story = Story()
    story.create(1, ROOT)
    file = tmp_path / "history.bin"
    story.write(file, ended=False)
    whole = file.read_bytes()
    second = whole[len(whole) - history.BLOCK.size - RECORD.itemsize - len(ROOT) - 1 :]
    for end in (1, history.BLOCK.size + 3, len(second) - 1):
        file.write_bytes(whole + second[:end])
        read = HistoryFile(file, "host")
        assert sum(len(chunk.records) for chunk in read.chunks()) == 1
        assert not read.ended


def damaged(change: Callable[[np.ndarray], object]) -> Callable[[bytes], bytes]:
    def apply(_: bytes) -> bytes:
        records = np.zeros(2, RECORD)
        records["what"], records["arrived"] = history.GET, 1
        change(records)
        return content(records, ["/a", "/b"], {})

    return apply


HEAD = history.MAGIC + history.HEADER_LENGTH.pack(2) + b"{}"
HOSTILE: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("empty", lambda _: b"", "it does not begin as a history does"),
    ("another file", lambda _: b"#!/bin/sh\n" * 9, "it does not begin as a history does"),
    ("long header", lambda _: history.MAGIC + b"\xff" * 9, "its header has 4294967295 bytes"),
    ("no JSON", lambda _: history.MAGIC + history.HEADER_LENGTH.pack(2) + b"{x", "its header cannot be read"),
    ("no object", lambda _: history.MAGIC + history.HEADER_LENGTH.pack(2) + b"[]", "its header is no object"),
    ("no block", lambda _: HEAD + bytes(99), "a block does not begin as one does"),
    ("many records", lambda _: HEAD + block(0, b"", 0, b"", 1 << 31), "a block of 2147483648 records"),
    ("many paths", lambda _: HEAD + block(0, b"", 9, b"", 1), "a block of 1 records and 9 paths"),
    ("checksum", lambda _: HEAD + block(0, b"", 0, bytes(RECORD.itemsize), 1, 1), "the checksum of a block is wrong"),
    ("false end", lambda _: HEAD + block(history.LAST, b"", 0, b"", 5), "its end tells of 5 records, and there are 0"),
    ("after the end", lambda whole: whole + b"x", "it goes on after its end"),
    ("path", damaged(lambda records: records["path"].fill(3)), "a record names path 3 of a table of 3"),
    ("kind", damaged(lambda records: records["what"].fill(99)), "a record of an unknown kind"),
    ("flag", damaged(lambda records: records["what"].fill(0x8004)), "a record of an unknown kind"),
    ("times", damaged(lambda records: records["sent"].fill(9)), "a record that arrived before it was sent"),
    ("time", damaged(lambda records: records["arrived"].fill(1 << 62)), "impossible time or transaction"),
    ("zxid", damaged(lambda records: records["zxid"].fill(-2)), "impossible time or transaction"),
]


@pytest.mark.parametrize(("name", "damage", "why"), HOSTILE, ids=[name for name, _, _ in HOSTILE])
def test_a_damaged_file_is_refused_by_name(
    name: str, damage: Callable[[bytes], bytes], why: str, tmp_path: Path
) -> None:
    story = Story()
    story.create(1, ROOT)
    file = tmp_path / "history" / "host" / "history-worker-1.bin"
    story.write(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(HistoryError, match=why):
        list(HistoryFile(file, "host").chunks())
    found = result.of_run(tmp_path, Manifest())
    assert found.state == states.NOT_CHECKED
    assert "host/history-worker-1.bin: " in found.reason
    assert why in found.reason


def test_random_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    story = Story()
    story.create(1, ROOT)
    for turn in range(20):
        story.set(1, ROOT, str(turn))
    file = tmp_path / "history" / "host" / "history-worker-1.bin"
    story.write(file)
    whole = np.frombuffer(file.read_bytes(), np.uint8)
    for _ in range(60):
        changed = whole.copy()
        changed[random.integers(0, len(whole), 3)] = random.integers(0, 256, 3)
        file.write_bytes(changed.tobytes())
        (tmp_path / "consistency.json").unlink(missing_ok=True)
        assert result.of_run(tmp_path, Manifest()).state in (states.CONSISTENT, states.VIOLATED, states.NOT_CHECKED)


def test_a_session_in_two_files_is_refused(tmp_path: Path) -> None:
    one, other = Story(), Story()
    one.create(1, ROOT)
    other.create(1, ROOT)
    assert one.check(tmp_path, other).refused == ["host-1/history-worker-1.bin: session 0x1 is in another file too"]
