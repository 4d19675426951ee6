"""What disables and enables members for dispatchers: scripts, and the controller of a run."""

from pathlib import Path

import gevent
import pytest

from tests import waiting
from zk_dispatch import (
    EnsembleMember,
    RunController,
    ShellScriptController,
)
from zk_locust.contract.dispatch_requests import Reply, read_request


@pytest.fixture
def member() -> EnsembleMember:
    found = EnsembleMember("[::1]:2999")
    found.state = "leader"
    return found


def test_a_script_knows_its_member(member: EnsembleMember, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "said"
    for kind in ("DISABLE", "ENABLE"):
        script = f'echo {kind} "$ZK_MEMBER_HOST_AND_PORT $ZK_MEMBER_HOST $ZK_MEMBER_PORT $ZK_MEMBER_STATE" >>{said}'
        monkeypatch.setenv(f"ZK_DISPATCH_{kind}_SCRIPT", script)
    controller = ShellScriptController()
    assert controller.missing() == []
    assert controller.disable(member)
    assert controller.enable(member)
    assert said.read_text() == "DISABLE [::1]:2999 ::1 2999 leader\nENABLE [::1]:2999 ::1 2999 leader\n"


def test_a_script_that_fails_or_hangs_is_no_end(member: EnsembleMember, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    controller = ShellScriptController("exit 3", f"sh -c 'echo $$ >{pid}; exec sleep 1000' & wait", limit_s=0.5)
    assert not controller.disable(member)
    assert controller.problem == "ZK_DISPATCH_DISABLE_SCRIPT ended with exit code 3"
    assert not controller.enable(member)
    assert controller.problem == "ZK_DISPATCH_ENABLE_SCRIPT did not end within 0.5 s, and was killed"
    waiting.until(lambda: not Path(f"/proc/{pid.read_text().strip()}/fd/0").exists(), limit_s=30)
    with pytest.raises(ValueError, match="ZK_DISPATCH_ENABLE_SCRIPT is not set; set it to a shell script"):
        ShellScriptController("true").enable(member)


def test_a_run_is_asked_by_lines_and_answers_by_lines(member: EnsembleMember, tmp_path: Path) -> None:
    file = tmp_path / "dispatch.jsonl"
    controller = RunController(file)
    answers = [
        Reply(1, True),
        Reply(2, False, "no\x1b[2J majority"),
        Reply(3, False, "the measured stage ends", too_late=True),
        Reply(4, False, "no route"),
    ]

    def answer() -> None:
        for reply in answers:
            while not file.exists() or len(file.read_text().splitlines()) < reply.id:
                gevent.sleep(0.01)
            with Path(f"{file}.answers").open("a") as said:
                said.write("what is this\n" + reply.as_line())

    answering = gevent.spawn(answer)
    assert controller.disable(member)
    assert not controller.enable(member)
    assert controller.problem.startswith("no")
    assert "\x1b" not in controller.problem
    assert not controller.disable(member)
    assert (controller.too_late, controller.problem) == (True, "the measured stage ends")
    assert not controller.disable(member)
    assert (controller.too_late, controller.problem) == (False, "no route")
    answering.join()
    assert RunController(file)._asked == 4
    requests = [read_request(line) for line in file.read_text().splitlines()]
    assert [(each.do, str(each.member)) for each in requests if each] == [
        *(("disable", "[::1]:2999"), ("enable", "[::1]:2999"), ("disable", "[::1]:2999"), ("disable", "[::1]:2999"))
    ]


def test_a_controller_that_was_killed_is_not_waited_for_without_end(
    member: EnsembleMember, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zk_dispatch.controllers._ANSWER_LIMIT_S", 0.2)
    controller = RunController(tmp_path / "dispatch.jsonl")
    assert not controller.disable(member)
    assert "has not answered within 0.2 s" in controller.problem
