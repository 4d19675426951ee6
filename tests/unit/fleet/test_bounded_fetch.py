"""A file of a host, in parts: what arrives is the file, and no more of it than is allowed."""

import os
import resource
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fleet import bounded_fetch
from fleet.bounded_fetch import MIB, FetchError, fetch

Ask = Callable[[str], Mapping[str, Any]]


def shell(folder: str = "", before: str = "") -> Ask:
    """A host's shell; programs in `folder` go before its own, and `before` is what a login prints."""

    def ask(text: str) -> Mapping[str, Any]:
        command = ["/bin/sh", "-c", f"{before}\n{text}"]
        path = {"PATH": f"{folder}:{os.environ['PATH']}"}
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | path, timeout=60, check=False)
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    return ask


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_fetch, "_PART", 1000)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 4000, 12345])
@pytest.mark.parametrize("before", ["", "echo Welcome; echo"])
def test_a_file_arrives_as_it_is(tmp_path: Path, size: int, before: str) -> None:
    source, target = tmp_path / "it's $HOME", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    fetch(shell(before=before), str(source), target, 1)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(("size", "is_refused"), [(MIB, False), (MIB + 1, True), (2**50, True)])
def test_a_file_that_is_too_large_is_refused_and_removed(tmp_path: Path, size: int, is_refused: bool) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.touch()
    os.truncate(source, min(size, 2**40))
    if is_refused:
        with pytest.raises(
            FetchError, match=r"larger than 1 MiB \(benchmark_collect_max_mib \[1\]\); .* higher and run"
        ):
            fetch(shell(), str(source), target, 1)
        assert not target.exists()
    else:
        fetch(shell(), str(source), target, 1)
        assert target.stat().st_size == size


@pytest.mark.parametrize("program", ["head", "base64"])
def test_a_host_whose_answer_does_not_end_is_given_up(tmp_path: Path, program: str) -> None:
    """The stand-in for a hostile host's program: no real one sends more than it is asked for."""
    source, target, programs = tmp_path / "source", tmp_path / "target", tmp_path / "bin"
    source.write_text("x")
    programs.mkdir()
    (programs / program).write_text("#!/bin/sh\nexec tr '\\0' A </dev/zero\n")
    (programs / program).chmod(0o755)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(FetchError, match="sends more than it was asked for"):
        fetch(shell(str(programs)), str(source), target, 1)
    assert not target.exists()
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    if kind == "folder":
        source.mkdir()
    elif kind == "fifo":
        os.mkfifo(source)
    with pytest.raises(FetchError, match="not there, or not a regular file"):
        fetch(shell(), str(source), target, 1)
    assert not target.exists()


def test_what_is_no_base64_is_refused(tmp_path: Path) -> None:
    answer = {"rc": 0, "stdout": "zk-locust-file-part\n<html>", "stderr": ""}
    with pytest.raises(FetchError, match="other data than the file"):
        fetch(lambda _: answer, "/x", tmp_path / "target", 1)


def test_a_failure_says_what_the_host_has_said(tmp_path: Path) -> None:
    answer = {"rc": 1, "stdout": "", "stderr": "sh: cannot open /x: Permission denied\n"}
    with pytest.raises(FetchError, match="Permission denied"):
        fetch(lambda _: answer, "/x", tmp_path / "target", 1)
