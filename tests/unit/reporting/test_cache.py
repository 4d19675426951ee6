"""What takes long to make is made once."""

from pathlib import Path

import pytest

from reporting.render import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "zk-locust"


def test_a_text_is_made_once(folder: Path) -> None:
    made: list[str] = []

    def make() -> str:
        made.append("made")
        return "a long text: µ"

    assert [cache.text("a.js", make) for _ in range(3)] == ["a long text: µ"] * 3
    assert made == ["made"]
    assert [file.name for file in folder.iterdir()] == ["a.js"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"], ids=["empty", "not text"])
def test_a_file_that_a_crash_has_spoilt_is_made_again(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "a.js").write_bytes(content)
    assert cache.text("a.js", lambda: "new") == "new"
    assert (folder / "a.js").read_text() == "new"


def test_a_folder_that_cannot_be_made_is_done_without(folder: Path) -> None:
    folder.write_text("a file, where the folder would be")
    assert cache.text("a.js", lambda: "made") == "made"
