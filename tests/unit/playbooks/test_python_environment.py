"""What a load host keeps of environments, and of the wheels that they were made from."""

import os
import subprocess
from pathlib import Path

import pytest

from lab.places import PROJECT

FILES = PROJECT / "roles/load_host/files"


def remove_old(current: Path, keep: int) -> list[str]:
    command = ["sh", str(FILES / "keep-newest"), str(keep), str(current)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    for age, name in enumerate(["d.tar", "c.tar", "b.tar", "a.tar", "one.whl"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    return tmp_path


def test_the_newest_packs_are_kept_and_no_other_file_is_touched(wheels: Path) -> None:
    assert remove_old(wheels / "d.tar", 3) == ["a.tar"]
    assert names(wheels) == ["b.tar", "c.tar", "d.tar", "one.whl"]


def test_the_pack_in_use_stays_however_old_it_is(wheels: Path) -> None:
    assert remove_old(wheels / "a.tar", 1) == ["d.tar", "c.tar", "b.tar"]
    assert names(wheels) == ["a.tar", "one.whl"]


def test_an_environment_that_was_not_completed_goes_first(tmp_path: Path) -> None:
    for number, name in enumerate(["old", "new", "current", "broken"], 1):
        (tmp_path / name).mkdir()
        if name != "broken":
            (tmp_path / name / ".complete").touch()
            os.utime(tmp_path / name / ".complete", (number, number))
    assert remove_old(tmp_path / "current", 2) == ["old", "broken"]
    assert names(tmp_path) == ["current", "new"]


def test_an_environment_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "environments" / "one"
    arguments = ["python3", str(folder), str(tmp_path / "none.tar"), "x.whl"]
    command = ["sh", str(FILES / "make-environment"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(f"the environment {folder} could not be made; the reason is above\n")
    assert "none.tar" in done.stderr
    assert not folder.exists()
