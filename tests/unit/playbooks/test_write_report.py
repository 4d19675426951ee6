"""A report that is begun early, and waited for later."""

import os
import signal
import time
from pathlib import Path

import pytest

from playbooks.action_plugins.write_report import begin, finish


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["sh", "-c", "echo out; echo err >&2; exit 0"], (0, "out\n", "err\n")),
        (["sh", "-c", "sleep 0.3; exit 3"], (3, "", "")),
        (["printf", "%s", "a 'b' \"$c\""], (0, "a 'b' \"$c\"", "")),
        (["true"], (0, "", "")),
    ],
)
def test_what_was_begun_is_told_when_it_is_finished(command: list[str], told: tuple[int, str, str]) -> None:
    work, pid = begin(command)
    assert finish(work, pid) == told
    assert not work.exists()


def test_a_program_that_is_missing_is_a_failure() -> None:
    code, _, errors = finish(*begin(["/no/such/program"]))
    assert code == 127
    assert "/no/such/program" in errors


def test_one_that_was_killed_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    work, pid = begin(["sleep", "60"])
    while not (work / "out").exists():
        time.sleep(0.01)
    os.killpg(pid, signal.SIGKILL)
    assert finish(work, pid)[0] == 1
