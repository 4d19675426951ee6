"""Files and folders that are built to break a report: each is refused by name, or harmless."""

import json
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from reporting.consistency import pieces, result, states
from reporting.consistency.check import clocks_of
from reporting.consistency.history_file import RECORD, HistoryError, HistoryFile
from reporting.read.manifest import Manifest
from reporting.read.plan import Plan
from tests.unit.consistency.histories import ROOT, WALL_NS, Story, block
from zk_locust.contract import history_format as history

MANIFEST = Manifest(plan=Plan(workers={"host": 1}))


def written(folder: Path) -> Path:
    story = Story()
    story.create(1, ROOT)
    file = folder / "history" / "host" / "history-worker-1.bin"
    story.write(file)
    story.read_all().write(file.with_name("history-final.bin"), process="final")
    return file


def test_a_header_of_nested_brackets_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path)
    header = b"[" * history.MOST_HEADER_BYTES
    file.write_bytes(history.MAGIC + history.HEADER_LENGTH.pack(len(header)) + header)
    answer = result.of_run(tmp_path, MANIFEST)
    assert (answer.state, "its header cannot be read" in answer.reason) == (states.NOT_CHECKED, True)


def test_millions_of_empty_paths_take_no_memory(tmp_path: Path) -> None:
    file, size = tmp_path / "history.bin", 4 * 1024 * 1024
    head = history.MAGIC + history.HEADER_LENGTH.pack(2) + b"{}"
    file.write_bytes(head + block(0, bytes(size), 1, bytes(RECORD.itemsize), 1))
    tracemalloc.start()
    with pytest.raises(HistoryError, match=f"a table with {size} paths in place of 1"):
        list(HistoryFile(file, "host").chunks())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * size


def test_impossible_clocks_are_compared_with_nothing(tmp_path: Path) -> None:
    one, other = HistoryFile(tmp_path, "host"), HistoryFile(tmp_path, "host")
    one.wall_ns, other.wall_ns, other.wall_spread_ns = (1 << 62) - 1, 1 - (1 << 61), 3 << 61
    for clock in clocks_of([one, other], {"host": (1e300, 1e300)}):
        assert abs(clock.offset_ns) <= 1 << 62
        assert 1 << 59 < clock.error_ns <= 1 << 61


def test_files_of_two_machines_in_one_folder_are_not_of_one_clock(tmp_path: Path) -> None:
    files = [HistoryFile(tmp_path, "local", machine=name, wall_ns=WALL_NS) for name in ("one", "one", "two")]
    first, same, other = clocks_of(files, {"local": (0.0, 1.0)})
    assert first.host == same.host != other.host
    files = [HistoryFile(tmp_path, "load1", machine="one", wall_ns=WALL_NS + moved) for moved in (0, 10**6, 10**12)]
    before, slewed, after_boot = clocks_of(files, {"load1": (0.0, 0.001)})
    assert before.host == slewed.host != after_boot.host
    assert before.error_ns + after_boot.error_ns >= 10**12


def test_a_folder_that_cannot_be_used_leaves_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    made = tempfile.TemporaryDirectory

    def refused(*, dir: Any = None, **given: Any) -> Any:
        if dir == tmp_path:
            raise PermissionError(13, "Permission denied")
        return made(**given)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refused)
    assert result.of_run(tmp_path, MANIFEST).state == states.CONSISTENT
    (tmp_path / "consistency.json").unlink()
    with monkeypatch.context() as context:
        context.setattr(pieces.Pieces, "_append", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
        answer = result.of_run(tmp_path, MANIFEST)
    assert (answer.state, answer.reason) == (states.NOT_CHECKED, "The history cannot be checked: No space left.")
    assert result.of_run(tmp_path, MANIFEST).state == states.CONSISTENT, "it is checked again"
    assert json.loads((tmp_path / "consistency.json").read_text())["found"]["state"] == states.CONSISTENT
