"""What becomes of a fault on its host where something goes wrong: it is late, cut off, or its note has no room."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.small_disk import small_disk
from tests.unit.fleet.test_faults_of_hosts import give_data
from tests.unit.fleet.test_host_faults import LONG_S, Sleeper, fault, member
from zk_locust.contract.process_identity import identity_of
from zk_locust.host_faults import deadline, moment
from zk_locust.host_faults import faults as faults_of_host
from zk_locust.host_faults.actions import Actions
from zk_locust.host_faults.cli import main
from zk_locust.host_faults.errors import FaultError
from zk_locust.host_faults.faults import Faults
from zk_locust.host_faults.member import Member
from zk_locust.host_faults.wire import AdminSession

__all__ = ["member"]  # a fixture


@pytest.mark.parametrize("told", [{"in_s": -16.0}, {"in_s": 1.0, "late": 20.0}, {"in_s": 1.0, "late": 250.0}])
def test_what_comes_too_late_is_not_done(member: Sleeper, told: dict[str, float]) -> None:
    """By the seconds of the controller, or by the host's own clock where the question took long to come."""
    late_s = told.pop("late", None)
    told |= {} if late_s is None else {"at": time.time() - late_s}
    with pytest.raises(FaultError, match=r"its moment was \d+\.\d s ago, so it is not done"):
        member.faults().do(fault("kill", LONG_S, **told))
    assert member.process.is_running()
    assert member.faults().notes.of_run("run") == []


def test_what_is_prepared_too_late_is_not_done(member: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = deadline.arm

    def slow(*given: Any) -> None:
        arm(*given)
        monkeypatch.setattr(faults_of_host, "MOST_LATE_S", -LONG_S)

    monkeypatch.setattr(deadline, "arm", slow)
    with pytest.raises(FaultError, match="ago, so it is not done"):
        member.faults().do(fault("kill", LONG_S, in_s=0.1))
    assert member.process.is_running()
    assert [note["state"] for note in member.faults().notes.of_run("run")] == ["refused"]


def test_a_note_tells_how_late_its_fault_was(member: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_of_host, "MOST_LATE_S", LONG_S)
    note = member.faults().do(fault("kill", 0.0, in_s=-3.0))
    assert note["late_s"] >= 3.0
    note = member.faults().do(fault("kill", 0.0, in_s=9.0, at=time.time() - 20.0) | {"id": "run.2.zk1"})
    assert note["late_s"] >= 20.0
    note = member.faults().do(fault("kill", 0.0) | {"id": "run.3.zk1"})
    assert note["late_s"] is None
    off = member.faults().do(fault("power-off", LONG_S, in_s=-2.0, by="command") | {"id": "run.4.zk1"})
    assert off["late_s"] >= 2.0
    assert off["began"] == pytest.approx(time.time(), abs=60)


def test_a_clock_that_is_years_off_does_not_count() -> None:
    assert moment.seconds_left({"in_s": -3.0, "at": 1e9}) == -3.0


def cut_off(member: Sleeper, do: str, begins_in_s: float, **more: Any) -> Faults:
    """Leave the note that a fault has whose command was killed before it could say that it had begun."""
    faults = member.faults()
    now = {"begins": time.time() + begins_in_s, "begins_monotonic": time.monotonic() + begins_in_s}
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    faults.notes.begin(fault(do, LONG_S) | now | {"boot": boot_id, "state": "begun", "began": None, "error": ""} | more)
    return faults


def test_a_fault_whose_command_was_cut_off_as_it_began_is_told(member: Sleeper) -> None:
    faults = cut_off(member, "pause", -2.0, process=list(identity_of(member.pid)))
    assert faults.heal_all() == (["run.1.zk1"], [])
    (note,) = faults.notes.of_run("run")
    assert note["began"] == note["begins"]
    assert note["lasted_s"] >= 2.0
    assert note["error"] == "what did it was cut off as it began, so it may not have been done"


def test_a_fault_whose_command_was_cut_off_before_has_not_begun(member: Sleeper) -> None:
    faults = cut_off(member, "pause", LONG_S, process=list(identity_of(member.pid)))
    assert faults.heal_all() == (["run.1.zk1"], [])
    (note,) = faults.notes.of_run("run")
    assert (note["began"], note["error"]) == (None, "what was to do it was cut off before")


def test_a_fault_that_is_done_keeps_its_own_beginning(member: Sleeper) -> None:
    note = member.faults().do(fault("kill", 0.0))
    assert note["error"] == ""
    assert note["began"] >= note["begins"]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sleeper]:
    """A member whose folder is on the disk that is filled."""
    monkeypatch.setattr(deadline, "has_systemd", lambda: False)
    with small_disk(tmp_path / "disk", 4 * 2**20) as disk:
        made = Sleeper(disk)
        try:
            yield made
        finally:
            made.faults().heal_all()
            made.end()


def test_the_note_of_a_full_disk_lies_on_that_disk(small: Sleeper) -> None:
    give_data(small, small.folder / "data")
    faults = small.faults()
    note = faults.do(fault("full-disk", LONG_S, leave_mib=0, allow_shared_disk=True))
    assert psutil.disk_usage(str(small.folder)).free < 4096
    assert faults.notes.read("run.1.zk1")["began"] == note["began"]
    assert faults.heal_all() == (["run.1.zk1"], [])
    (healed,) = faults.notes.of_run("run")
    assert (healed["state"], healed["error"], healed["began"]) == ("healed", "", note["began"])


def test_an_error_that_nobody_foresaw_is_a_line_and_heals(
    member: Sleeper, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def odd(*_: Any) -> None:
        raise TypeError("odd")

    begins = Actions.begins
    monkeypatch.setattr(Actions, "begins", lambda self: begins(self) | {"pause": odd})
    with pytest.raises(FaultError, match="TypeError: odd"):
        member.faults().do(fault("pause", LONG_S))
    (note,) = member.faults().notes.of_run("run")
    assert (note["state"], note["error"]) == ("healed", "TypeError: odd")
    with monkeypatch.context() as broken:
        broken.setattr(Faults, "heal_all", odd)
        assert main(member.launcher, ["heal"]) == 1
    assert json.loads(capsys.readouterr().out) == {"error": "TypeError: odd"}


def test_a_note_of_another_shape_keeps_no_other_fault_from_being_healed(member: Sleeper) -> None:
    member.faults().do(fault("pause", LONG_S))
    odd = member.folder / "faults" / "notes" / "a.active"
    odd.write_text("[]")
    healed, problems = member.faults().heal_all()
    assert healed == ["run.1.zk1"]
    assert len(problems) == 1
    assert problems[0].startswith("a: TypeError: ")
    odd.unlink()


def test_an_answer_that_is_too_short_is_no_answer() -> None:
    session = object.__new__(AdminSession)
    vars(session).update(_xid=0, _send=lambda _: None, _answer=lambda _: b"\0")
    with pytest.raises(OSError, match="the answer is too short"):
        session.configuration()


CONTROL = """#!/bin/sh
echo "$1" >>{folder}/asked
read -r pid _ <{folder}/zookeeper.pid
alive() {{ grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status"; }}
case "$1" in
stop) kill "$pid"; while alive; do sleep 0.05; done ;;
start) alive || exec {python} {folder}/control.py start ;;
esac
"""
ENDS_SLOWLY = (
    "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(1), sys.exit())); print(); time.sleep(600)"
)


@pytest.mark.parametrize(("error", "asked"), [("did not end within 90 s", ["stop", "start"]), ("", ["start"])])
def test_a_member_that_is_just_ending_is_started_once_it_has_ended(
    member: Sleeper, error: str, asked: list[str]
) -> None:
    (member.folder / "control").write_text(CONTROL.format(folder=member.folder, python=sys.executable))
    with subprocess.Popen([sys.executable, "-u", "-c", ENDS_SLOWLY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        stopped = identity_of(process.pid)
        member.pid_file.write_text(" ".join(map(str, stopped)))
        began = {"began": time.time(), "began_monotonic": time.monotonic()} if error else {}
        faults = cut_off(member, "stop", -1.0, stopped=list(stopped), error=error, **began)
        process.terminate()  # as the stop did that took too long, or whose command was cut off
        assert faults.heal_all() == (["run.1.zk1"], [])
    assert member.pid != stopped.pid
    assert member.process.is_running()
    assert (member.folder / "asked").read_text().split() == asked


def test_a_member_has_as_long_to_end_as_its_inventory_says(tmp_path: Path) -> None:
    assert Member(tmp_path)._control_limit_s == 90.0
    assert Member(tmp_path, 120.0)._control_limit_s == 270.0


def test_a_member_that_ended_by_itself_is_started_unless_a_fault_is_in_it(
    member: Sleeper, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(member.launcher, ["start"]) == 0
    member.child.kill()
    member.child.wait()
    assert main(member.launcher, ["start"]) == 0
    assert member.process.is_running()
    member.faults().do(fault("kill", LONG_S))
    assert main(member.launcher, ["start"]) == 1
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said == [{"started": False}, {"started": True}, {"error": "the fault run.1.zk1 is still in the member"}]
