"""Hosts that are switched off and on by the inventory's commands: in order, whatever becomes of one of them."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fleet import fault_power, power_cycle
from fleet.fault_power import PowerSwitch
from tests import waiting

AGAIN_S = 0.1


@pytest.fixture
def said(tmp_path: Path) -> Path:
    file = tmp_path / "said"
    file.touch()
    return file


def cycled(off: str, on: str, for_s: float = 0.0, ended: threading.Event | None = None) -> list[str]:
    """Return what goes wrong with these commands."""
    power = PowerSwitch({"zk1": (off, on)}, AGAIN_S)
    assert power.can("zk1")
    assert not power.can("zk2")
    return list(power.cycle("zk1", time.monotonic(), for_s, ended or threading.Event()))


@pytest.mark.parametrize("for_s", [0.0, 0.2])
def test_a_host_is_switched_on_after_it_went_off_however_long_that_took(said: Path, for_s: float) -> None:
    assert cycled(f"sleep 0.5; echo off >>{said}", f"echo on >>{said}", for_s) == []
    assert said.read_text().split()[:2] == ["off", "on"]


def test_a_host_that_may_have_been_on_still_is_switched_on_once_more(said: Path) -> None:
    assert cycled(f"echo off >>{said}", f"echo on >>{said}") == []
    waiting.until(lambda: said.read_text().split() == ["off", "on", "on"], limit_s=60)


def test_a_host_that_cannot_be_switched_on_is_tried_again_and_told(said: Path) -> None:
    problems = cycled("true", f"echo on >>{said}; echo first >&2; printf 'no \\033[1mroute\\n' >&2; exit 3")
    assert len(problems) == 1
    assert problems[0].startswith("zookeeper_power_on_command failed: no ")
    assert "\033" not in problems[0]
    assert len(said.read_text().split()) >= fault_power._TRIES


def test_a_host_is_switched_on_although_off_failed_or_hangs(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cycled("exit 3", f"echo on >>{said}") == ["zookeeper_power_off_command failed: exit code 3"]
    assert said.read_text().split()[0] == "on"
    said.write_text("")
    monkeypatch.setattr(fault_power, "_LIMIT_S", 1.0)
    assert cycled("sleep 600; true", f"echo on >>{said}") == ["zookeeper_power_off_command did not end within 1 s"]
    assert said.read_text().split()[0] == "on"


def test_a_load_that_has_ended_does_not_wait_for_a_host_that_is_to_be_off(said: Path) -> None:
    ended = threading.Event()
    ended.set()
    (problem,) = cycled(f"echo off >>{said}", f"echo on >>{said}", 3.0, ended)
    assert problem.startswith("it is not known whether its host is on again")
    waiting.until(lambda: said.read_text().split() == ["off", "on"], limit_s=60)


def test_a_run_that_was_ended_before_the_moment_switches_nothing_off(said: Path) -> None:
    told = {"off": f"echo off >>{said}", "on": f"echo on >>{said}", "for_s": 0.0, "limit_s": 60.0, "tries": 1}
    words = [sys.executable, str(Path(power_cycle.__file__))]
    with subprocess.Popen(words, stdin=-1, stdout=-1, stderr=-1, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(json.dumps(told | {"due": time.monotonic() + 0.3, "again_s": 0.0}).encode())
        process.stdin.close()
        assert process.stderr.read() == b""  # it has ended
    assert said.read_text() == ""
