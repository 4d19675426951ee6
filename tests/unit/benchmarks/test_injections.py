"""The library that gives a member a disk and a clock of its own."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.injections import CLOCK_OFF_MS, asked_time, compile_faulty_host, loaded, set_clock_off
from fleet.clock_offset import clock_offset
from lab.zookeeper_server import Member
from tests.needs import missing

# Looked up as a JVM does: by the name of libc's function.
SYNC = """
import os, sys, time
with open("log", "w") as log:
    began = time.monotonic()
    (os.fsync if sys.argv[1] == "fsync" else os.fdatasync)(log.fileno())
    print(time.monotonic() - began)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiled = compile_faulty_host(tmp_path_factory.mktemp("library"))
    return compiled or missing("needs a C compiler: apt install gcc libc6-dev")


@pytest.fixture
def member(tmp_path: Path) -> Member:
    return Member(1, tmp_path / "member-1", 1, 2, 3, 4)


def test_a_members_clock_is_off(library: Path, member: Member) -> None:
    set_clock_off(member)
    told = clock_offset(lambda: asked_time(library, member), time.time)
    assert told["offset_ms"] == pytest.approx(CLOCK_OFF_MS, abs=told["error_ms"])


def test_a_clock_can_be_behind(library: Path, member: Member) -> None:
    member.folder.mkdir()
    (member.folder / "clock-ms").write_text("-1300")
    told = clock_offset(lambda: asked_time(library, member), time.time)
    assert told["offset_ms"] == pytest.approx(-1300, abs=told["error_ms"])


@pytest.mark.parametrize("call", ["fsync", "fdatasync"])
def test_a_sync_takes_as_long_as_the_file_says(library: Path, member: Member, call: str) -> None:
    member.folder.mkdir()
    (member.folder / "sync-us").write_text("150000")
    command = [*loaded(library), sys.executable, "-c", SYNC, call]
    told = subprocess.run(command, cwd=member.folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert float(told) >= 0.15
    assert (member.folder / "sync-slowed").exists()


def test_a_sync_that_takes_no_time_is_not_told(library: Path, member: Member) -> None:
    member.folder.mkdir()
    command = [*loaded(library), sys.executable, "-c", SYNC, "fsync"]
    subprocess.run(command, cwd=member.folder, check=True, stdout=subprocess.PIPE)
    assert not (member.folder / "sync-slowed").exists()
