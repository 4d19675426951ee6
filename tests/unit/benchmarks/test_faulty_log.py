"""The library that gives a member's transaction log a disk of its own, which hangs or is full on command."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.injections import compile_library, loaded
from tests.needs import missing

# A write through libc's functions, as a JVM's. Says that it begins, and whether it was carried out.
WRITE = """
import os, sys
print("begins", flush=True)
try:
    file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
    done = os.write(file, b"record")
except OSError as error:
    done = error.strerror
print(done)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiled = compile_library("faulty_log", tmp_path_factory.mktemp("library"))
    return compiled or missing("needs a C compiler: apt install gcc libc6-dev")


@pytest.fixture
def member(tmp_path: Path) -> Path:
    (tmp_path / "data/version-2").mkdir(parents=True)
    return tmp_path


def write(library: Path, member: Path, name: str) -> "subprocess.Popen[str]":
    command = [*loaded(library), sys.executable, "-c", WRITE, str(member / "data/version-2" / name)]
    return subprocess.Popen(command, cwd=member, stdout=subprocess.PIPE, text=True)


def test_a_full_disk_takes_no_log_and_everything_else(library: Path, member: Path) -> None:
    (member / "log-full").touch()
    told = [write(library, member, name).communicate()[0].split("\n")[1] for name in ("log.1", "currentEpoch")]
    assert told == ["No space left on device", "6"]
    (member / "log-full").unlink()
    assert write(library, member, "log.1").communicate()[0] == "begins\n6\n"


def test_a_write_to_a_disk_that_hangs_ends_with_its_process(library: Path, member: Path) -> None:
    (member / "log-hangs").touch()
    process = write(library, member, "log.1")
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    assert write(library, member, "snapshot.1").communicate()[0] == "begins\n6\n"
    assert process.poll() is None
    process.kill()
    assert process.communicate()[0] == ""
    assert not (member / "data/version-2/log.1").exists()


def test_a_disk_that_hung_carries_out_what_waited(library: Path, member: Path) -> None:
    (member / "log-hangs").touch()
    process = write(library, member, "log.1")
    time.sleep(0.1)
    (member / "log-hangs").unlink()
    assert process.communicate()[0] == "begins\n6\n"
    assert (member / "data/version-2/log.1").read_bytes() == b"record"
