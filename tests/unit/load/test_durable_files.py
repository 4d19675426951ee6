"""Small files: replaced at once, on the disk before they count, and read only where they are regular files."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from zk_locust.contract import durable_files
from zk_locust.contract.durable_files import DamagedFileError, is_left_over, read_object, read_text, write_text


def test_a_file_is_synced_before_it_is_renamed_and_its_folder_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        calls.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name.partition('.json')[0]}")
        fsync(descriptor)

    def replaced(path: Path, target: Path) -> Path:
        calls.append("replace")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_text(tmp_path / "a.json", "{}")
    assert calls == ["fsync .a", "replace", f"fsync {tmp_path.name}"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    write_text(file, "before")

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(file, "after")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert file.read_text() == "before"


def test_a_link_of_the_file_s_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "a.json").symlink_to("precious")
    write_text(tmp_path / "a.json", "{}")
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"\0" * 10, b"[" * 100_000])
def test_what_holds_no_object_is_damaged(tmp_path: Path, content: bytes) -> None:
    assert read_object(tmp_path / "a.json") is None
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"a\.json is .*damaged"):
        read_object(tmp_path / "a.json")


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("fifo", "folder", "socket"):
            with pytest.raises(OSError, match="it is not a regular file"):
                read_text(tmp_path / name)


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_files, "READ_LIMIT", 2**20)
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DamagedFileError, match="is larger than 1 MiB"):
        read_text(tmp_path / "a")


def test_what_a_killed_writer_leaves_is_known_by_its_name() -> None:
    assert is_left_over(".status.json.0123abcd.new")
    assert not is_left_over("status.json")
