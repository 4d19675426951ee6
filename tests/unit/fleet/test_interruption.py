"""Signals that end an `ansible-playbook`: the first counts, the others do not keep it from finishing its run."""

import os
import pty
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from lab.places import PROJECT

# A stand-in for Ansible, which does this with signals (executor/task_queue_manager.py) and is busy as long as we want.
ANSIBLE = """
import signal, sys, time
from fleet import interruption
from fleet.interruption import Interruption
def ansible(number, frame):
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, ansible)
signal.signal(signal.SIGTERM, ansible)
interruption.RETRY_S = 0.3 if "lost" in sys.argv else 15
if "ours" in sys.argv:
    taken = Interruption(lambda: "begun" in sys.argv)
    taken.install()
class Freed:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(15)
try:
    if "dropped" in sys.argv:
        Freed()
        print("dropped", flush=True)
        time.sleep(15)
    print("ready", flush=True)
    if "lost" in sys.argv:
        try:
            time.sleep(15)
        except KeyboardInterrupt:
            print("lost", flush=True)
    time.sleep(15)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    time.sleep(1 if "begun" in sys.argv else 15)
if "ours" in sys.argv:
    assert taken.came
    taken.finishing()
print("finishing", flush=True)
time.sleep(1)
print("finished", flush=True)
"""


def started(*words: str, **options: Any) -> "subprocess.Popen[str]":
    def as_from_a_terminal() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background processes ignore it

    given: dict[str, Any] = {"stdout": subprocess.PIPE, "preexec_fn": as_from_a_terminal} | options
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-c", ANSIBLE, *words], cwd=PROJECT, text=True, **given
    )
    return process


def said_by(process: "subprocess.Popen[str]", *signals: signal.Signals) -> list[str]:
    """Send signals: one when it is ready, and the others when that has interrupted it; return the lines that it prints.

    The others come half a second apart. Two that come at once are one to a process that has no core meanwhile.
    """
    assert process.stdout is not None
    said = process.stdout.readline()
    process.send_signal(signals[0])
    said += process.stdout.readline()
    for number in signals[1:]:
        process.send_signal(number)
        time.sleep(0.5)
    rest, _ = process.communicate(timeout=60)
    return [line for line in (said + rest).splitlines() if line and not line.startswith("The run is being ended")]


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_keep_a_run_from_being_finished(first: signal.Signals, again: signal.Signals) -> None:
    process = started("ours", "begun")
    assert said_by(process, first, again, again) == ["ready", "interrupted", "finishing", "finished"]
    assert process.returncode == 0


def test_without_a_run_a_second_signal_ends_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    process = started("ours")
    assert said_by(process, signal.SIGINT, signal.SIGINT) == ["ready", "interrupted"]
    assert process.returncode == -signal.SIGINT


def test_a_signal_that_was_ignored_still_is() -> None:
    process = started("ours", "begun", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    said = ["ready", *process.stdout.readline().split()]
    process.send_signal(signal.SIGHUP)
    rest, _ = process.communicate(timeout=60)
    said += rest.split()
    assert said == ["ready", "interrupted", "finishing", "finished"]


def test_a_terminal_that_is_gone_does_not_keep_a_run_from_being_finished() -> None:
    terminal, its_end = pty.openpty()
    process = started("ours", "begun", stdout=its_end, stderr=subprocess.PIPE)
    os.close(its_end)
    shown = b""
    while not shown.endswith(b"\n"):  # the complete line: the process may still be writing the rest of it
        shown += os.read(terminal, 100)
    assert shown.split() == [b"ready"]
    os.close(terminal)  # as by a terminal's end: what is written to it fails
    process.send_signal(signal.SIGHUP)
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")


def test_an_interruption_that_was_lost_can_be_repeated() -> None:
    process = started("ours", "begun", "lost")
    assert process.stdout is not None
    for line in ("ready\n", "lost\n"):
        assert process.stdout.readline() == line
        time.sleep(0.4)  # longer than the other waits before it takes a signal for a new one
        process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert rest.split() == ["interrupted", "finishing", "finished"]


def test_an_interruption_that_python_drops_is_sent_again() -> None:
    process = started("ours", "begun", "dropped")
    assert said_by(process, signal.SIGINT) == ["ready", "dropped", "interrupted", "finishing", "finished"]
    assert process.returncode == 0
