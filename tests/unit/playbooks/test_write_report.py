"""A report that is begun early, and waited for later."""

import errno
import json
import os
import shutil
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

from fleet.record_tasks import close_record
from fleet.report_writing import Judging, Writer, finish, started
from fleet.run_record import RecordError, open_record, update
from lab.places import PROJECT
from playbooks.action_plugins.write_report import ActionModule
from reporting import InputError, ReportingError, judge_run, when_closed
from tests.unit.reporting.synthetic import Synthetic
from tests.waiting import until
from zk_locust.contract.run_files import MANIFEST


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
    until(lambda: (Path(writer.work) / "out").exists(), 60)
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
        until(lambda: not writer.runs(), 60)
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
        self._arguments = {"figures": False, "begun": {}} | arguments

    def validate_argument_spec(self, **_: Any) -> Any:
        return None, self._arguments


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """An open record with the files of a small run."""
    record = open_record(tmp_path / "results", "quick", "", os.getpid())
    run = Synthetic().write(tmp_path / "run")
    shutil.copytree(run, record, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
    update(record, json.loads((run / MANIFEST).read_text()) | {"run_id": record.name})
    return record


def test_a_disk_without_room_is_said_with_what_to_do(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> str:  # a stand-in for a disk that is full
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/x")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setenv("TMPDIR", "/tmp")
    remedy = "No space left on device.*; see that the disk of /tmp has room"
    with pytest.raises(AnsibleActionFail, match=remedy):
        Report(folder="/r").run()
    with pytest.raises(RecordError, match=remedy):
        close_record(folder=opened, state="complete", reason="", report=True)
    assert opened.is_dir(), "it stays open, and collect.yml can try again"


def test_one_process_judges_a_record_and_writes_its_report(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    answer = close_record(folder=opened, state="complete", reason="", report=True)
    folder = Path(answer["folder"])
    assert not opened.exists()
    manifest = json.loads((folder / MANIFEST).read_text())
    written = Report(folder=str(folder), begun=answer["report"]).run()
    assert not Path(answer["report"]["work"]).exists()
    assert str(folder / "report.html") in "\n".join(written["lines"])
    told = json.loads((folder / "report.json").read_text())
    assert told["verdict"] == {key: manifest["verdict"][key] for key in told["verdict"]}
    again = Report(folder=str(folder)).run()
    assert again["lines"] == written["lines"], "as from a run that was read after it was closed"
    assert json.loads((folder / "report.json").read_text()) == told


def test_a_record_may_be_closed_before_its_report_is_begun(opened: Path) -> None:
    judged, final = judge_run(opened), opened.parent.parent / opened.name
    opened.rename(final)
    assert when_closed(judged, opened, 0.1).run.path == final


def test_a_record_that_is_not_closed_gets_no_report(opened: Path) -> None:
    judging = Judging(opened, report=True, figures=False)
    assert judging.verdict()["verdict"] in ("valid", "inconclusive")
    begun = judging.begun(opened)["report"]
    writer = Writer(begun["work"], begun["pid"], begun["start"])
    judging.end()
    until(lambda: not writer.runs(), 60)
    assert not (opened / "report.html").exists()
    assert not Path(writer.work).exists()
    with pytest.raises(ReportingError, match=r"was not closed within 0\.1 s: no report is written"):
        when_closed(judge_run(opened), opened, 0.1)
    with pytest.raises(InputError, match="is no open record"):
        when_closed(judge_run(opened), opened.parent)


@pytest.mark.parametrize("report", [False, True])
def test_a_record_that_cannot_be_judged_is_said(opened: Path, report: bool) -> None:
    with pytest.raises(RecordError, match=r"the run could not be judged: .* does not exist"):
        Judging(opened.parent / "gone", report=report, figures=False).verdict()


def test_one_that_was_killed_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    begun = {"work": str(tmp_path / "work"), "pid": os.getpid(), "start": "1", "folder": "/r"}
    (tmp_path / "work").mkdir()
    with pytest.raises(AnsibleActionFail, match=f"killed, or the disk of {tmp_path} is full; repeat playbooks/report"):
        Report(folder="/r", begun=begun).run()
