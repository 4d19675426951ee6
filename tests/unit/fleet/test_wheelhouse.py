"""What load hosts install: the right wheels for each kind, and names that follow from the content."""

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from fleet import wheelhouse
from fleet.errors import InputError
from fleet.wheelhouse import Kind, Wheelhouse, pins_for
from fleet.wheelhouse_cli import main

BOOKWORM = Kind("3.11", "x86_64")
TRIXIE = Kind("3.13", "x86_64")
PINS = """\
# a comment
kazoo==2.11.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via -r load_host.in
pywin32==312 ; sys_platform == 'win32' \\
    --hash=sha256:cc
typing-extensions==4.16.0 ; python_full_version < '3.12' \\
    --hash=sha256:dd
"""


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "pins.txt"
    file.write_text(PINS)
    monkeypatch.setattr(wheelhouse, "PINS", file)
    return file


def test_the_pins_of_a_kind_are_those_whose_markers_apply_there(pins: Path) -> None:
    assert pins_for(TRIXIE) == "kazoo==2.11.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    assert "typing-extensions==4.16.0 \\\n    --hash=sha256:dd\n" in pins_for(BOOKWORM)
    assert "pywin32" not in pins_for(BOOKWORM)


def test_pip_is_told_the_kind_and_not_its_own() -> None:
    tags = TRIXIE.tags
    assert tags[tags.index("--python-version") + 1] == "3.13"
    assert "cp313" in tags
    assert "manylinux2014_x86_64" in tags
    assert not [tag for tag in Kind("3.12", "aarch64").tags if "x86_64" in tag]


@pytest.mark.parametrize("text", ["3.13", "2.7-x86_64", "3.13-", "3.13 x86_64", ""])
def test_a_kind_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match=r"kind of load host \[.*\]: it must be"):
        Kind.parse(text)


def test_the_name_follows_from_the_content(pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "sources" / "zk_locust"
    source.mkdir(parents=True)
    (source.parent / "pyproject.toml").touch()
    (source / "a.py").write_text("1")
    monkeypatch.setattr(wheelhouse, "ROOT", source.parent)
    first = Wheelhouse.of(TRIXIE, tmp_path / "cache")
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "a.pyc").touch()
    assert Wheelhouse.of(TRIXIE, tmp_path / "cache") == first
    other_kind = Wheelhouse.of(BOOKWORM, tmp_path / "cache")
    assert other_kind.environment != first.environment
    assert other_kind.wheel == first.wheel

    (source / "a.py").write_text("2")
    changed = Wheelhouse.of(TRIXIE, tmp_path / "cache")
    assert changed.environment != first.environment
    assert changed.pack == first.pack  # the wheels of others need not be gathered again

    (source / "a.py").write_text("1")
    pins.write_text(PINS.replace("aa", "ab"))
    repinned = Wheelhouse.of(TRIXIE, tmp_path / "cache")
    assert repinned.environment != first.environment
    assert repinned.pack != first.pack
    assert repinned.wheel == first.wheel


@pytest.mark.usefixtures("pins")
def test_wheels_of_another_kind_in_the_folder_change_no_name(tmp_path: Path) -> None:
    wheels = _tiny_wheel(tmp_path / "offered").parent
    before = Wheelhouse.of(TRIXIE, tmp_path / "cache", wheels)
    (wheels / "tiny-1.0-cp312-cp312-linux_aarch64.whl").touch()
    assert Wheelhouse.of(TRIXIE, tmp_path / "cache", wheels) == before
    assert Wheelhouse.of(TRIXIE, tmp_path / "cache") == before, "an index offers the same wheels"


def test_nothing_is_gathered_to_learn_the_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    assert main(["identify", "--kind", "3.13-x86_64", "--kind", "3.11-x86_64", "--cache", str(cache)]) == 0
    assert sorted(json.loads(capsys.readouterr().out)) == ["3.11-x86_64", "3.13-x86_64"]
    assert not cache.exists()


def test_the_projects_wheel_holds_what_load_hosts_run(tmp_path: Path) -> None:
    target = tmp_path / "project" / "wheel"
    wheelhouse._build_wheel(target)
    (wheel,) = target.glob("*.whl")
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], capture_output=True, text=True, check=True
    ).stdout
    for name in (
        "zk_locust/cli.py", "zk_locust/locustfiles/locust_set.py", "locust_extra/stats.py",
        "zk_metrics/templates/page.html", "zk_metrics/templates/page.js", "zk_metrics/templates/page.css",
    ):  # fmt: skip
        assert name in names
    assert [file.name for file in target.parent.iterdir()] == ["wheel"]


def test_wheels_from_a_folder(pins: Path, tmp_path: Path) -> None:
    """A site without an index: the folder stands in for it, hashes are checked all the same."""
    wheel = _tiny_wheel(tmp_path / "offered")
    digest = subprocess.run(["sha256sum", wheel], capture_output=True, text=True, check=True).stdout.split()[0]
    pins.write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")
    pack = tmp_path / "cache" / "pack.tar"
    wheelhouse._make_pack(TRIXIE, pack, wheel.parent)
    with tarfile.open(pack) as archive:
        assert archive.getnames() == [wheel.name]

    for text in (f"tiny==1.0 \\\n    --hash=sha256:{'0' * 64}\n", "tiny==1.0\n"):
        pins.write_text(text)
        with pytest.raises(InputError, match=r"the wheels for 3\.13-x86_64 could not be gathered"):
            wheelhouse._make_pack(TRIXIE, tmp_path / "cache" / "other.tar", wheel.parent)
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["pack.tar"]


def test_a_folder_of_wheels_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "nothing")
    assert main(["gather", "--kind", "3.13-x86_64", "--cache", str(tmp_path), "--wheels", missing]) == 2
    assert capsys.readouterr().err == (
        f"load_host_wheels [{missing}]: there is no such folder on the controller; name another\n"
    )


def _tiny_wheel(folder: Path) -> Path:
    folder.mkdir()
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return wheel
