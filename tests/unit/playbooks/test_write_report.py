"""A report that is begun early, and waited for later."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from fleet.report_writing import Writer, finish, started
from lab.places import PROJECT
from playbooks.action_plugins.write_report import ActionModule
from tests.waiting import until


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
    writer = started(command)
    assert finish(writer) == told
    assert not Path(writer.work).exists()


def test_a_program_that_is_missing_is_a_failure() -> None:
    code, _, errors = finish(started(["/no/such/program"]))
    assert code == 127
    assert "/no/such/program" in errors


def test_one_that_was_killed_is_not_waited_for_for_ever() -> None:
    writer = started(["sleep", "60"])
    until(lambda: (Path(writer.work) / "out").exists(), 10)
    os.killpg(writer.pid, signal.SIGKILL)
    assert finish(writer)[0] is None


# A process that has begun the writer and never reaps it, as in a container without an init.
NEGLIGENT_PARENT = """
import json, os, signal, sys, time
from dataclasses import asdict
from fleet.report_writing import started
writer = started(["sleep", "60"])
os.killpg(writer.pid, signal.SIGKILL)
print(json.dumps(asdict(writer)), flush=True)
time.sleep(60)
"""


def test_one_that_was_killed_and_that_nobody_reaps_is_not_waited_for() -> None:
    parent = subprocess.Popen([sys.executable, "-c", NEGLIGENT_PARENT], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        writer = Writer(**json.loads(parent.stdout.readline()))
        until(lambda: not writer.runs(), 10)
        assert Path(f"/proc/{writer.pid}").exists(), "it is a zombie"
        assert finish(writer)[0] is None
    finally:
        parent.kill()
        parent.communicate()


def test_a_process_that_has_got_the_writers_id_is_not_waited_for(tmp_path: Path) -> None:
    assert finish(Writer(str(tmp_path), os.getpid(), "1"))[0] is None


class Report(ActionModule):
    """The action with its arguments, without Ansible around it."""

    def __init__(self, **arguments: Any) -> None:
        self._task = SimpleNamespace(args=arguments)
        self._arguments = {"figures": False, "begin": False, "begun": {}} | arguments

    def validate_argument_spec(self, **_: Any) -> Any:
        return None, self._arguments


def test_a_disk_without_room_is_a_warning_first_and_a_failure_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> str:  # a stand-in for a disk that is full
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setenv("TMPDIR", "/tmp")
    begun = Report(folder="/r", begin=True).run()
    (warning,) = begun.pop("warnings")
    assert begun == {"changed": False}
    assert re.search("No space left on device.*; see that the disk of /tmp has room", warning)
    with pytest.raises(AnsibleActionFail, match="see that the disk of /tmp has room"):
        Report(folder="/r", begun=begun).run()


def test_one_that_was_killed_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    begun = {"work": str(tmp_path / "work"), "pid": os.getpid(), "start": "1", "folder": "/r"}
    (tmp_path / "work").mkdir()
    with pytest.raises(AnsibleActionFail, match=f"killed, or the disk of {tmp_path} is full; repeat playbooks/report"):
        Report(folder="/r", begun=begun).run()
