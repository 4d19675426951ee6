"""What a run's dispatcher asks for: what is done of it, what is refused, and how it comes from the master's host."""

import json
import shlex
import subprocess
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fleet import dispatch_conductor, dispatch_requests
from fleet.dispatch_conductor import DispatchConductor
from fleet.dispatch_requests import Requests
from fleet.errors import HostError
from fleet.fault_clock import FaultClock
from fleet.fault_notes import event_rows, told_faults
from fleet.hosts import Answer
from reporting.read.faults import parse
from reporting.read.problems import ProblemLog
from tests import waiting
from zk_locust.contract.connect_string import Address
from zk_locust.contract.dispatch_requests import Reply, Request, read_reply
from zk_locust.contract.dispatch_settings import Dispatch
from zk_locust.contract.faults.fleet import FaultFleet

FLEET = FaultFleet(("zk1", "zk2", "zk3", "zk4"), observers=frozenset({"zk4"}), load_hosts=("load1",))
MEMBERS = {Address(f"192.0.2.{place}", 2181): f"zk{place}" for place in (1, 2, 3, 4)}
STAGE_S = 100.0


class Members:
    """Members that stop and start at once, and say so."""

    def __init__(self) -> None:
        self.now = {"zk1": "leader", "zk2": "follower", "zk3": "follower", "zk4": "observer"}
        self.told: list[dict[str, Any]] = []
        self.healed: list[tuple[str, str]] = []
        self.started: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.ended = threading.Event()

    def roles(self, names: Iterable[str] | None = None, limit_s: float = 5.0) -> dict[str, str]:
        return {name: role for name, role in self.now.items() if limit_s and (names is None or name in names)}

    def do(self, name: str, fault: Mapping[str, Any]) -> dict[str, Any]:
        self.told.append(dict(fault))
        if name in self.broken:
            raise self.broken[name]
        self.now[name] = ""
        return {}

    def heal_one(self, name: str, fault_id: str) -> dict[str, Any]:
        self.healed.append((name, fault_id))
        self.now[name] = "follower"
        return {}

    def start(self, name: str) -> bool:
        if self.now[name]:
            return False
        self.started.append(name)
        self.now[name] = "follower"
        return True

    def end(self) -> None:
        self.ended.set()


class Master:
    """The master's host: its dispatcher asks for these things one after the other, each when the last is answered."""

    def __init__(self, asked: Iterable[tuple[str, str]]) -> None:
        self._asked = [Request(number, do, _address(name)) for number, (do, name) in enumerate(asked, 1)]
        self.replies: list[Reply] = []
        self.failures: list[Exception] = []
        self._given = 0

    def next(self, answers: Iterable[Reply] = ()) -> list[Request]:
        self.replies += answers
        if self.failures:
            raise self.failures.pop()
        if len(self.replies) == self._given < len(self._asked):
            self._given += 1
            return self._asked[self._given - 1 : self._given]
        threading.Event().wait(0.01)
        return []

    @property
    def is_answered(self) -> bool:
        return len(self.replies) == len(self._asked)


def _address(name: str) -> Address:
    return next((address for address, known in MEMBERS.items() if known == name), Address(name, 2181))


def conducted(
    members: Members,
    asked: Iterable[tuple[str, str]],
    dispatch: Dispatch | None = None,
    left_s: float = STAGE_S,
    failures: Iterable[Exception] = (),
) -> tuple[Master, list[str], list[str]]:
    """Do what is asked for; return the master, what was not done, and what was shown."""
    master: Any = Master(asked)
    master.failures += failures
    shown: list[str] = []
    conductor = DispatchConductor(
        "run", dispatch or Dispatch(), left_s, FLEET, MEMBERS, FaultClock(left_s), members, master, shown.append
    )
    conductor.see({"stage": "measured", "time_left_s": left_s})
    waiting.until(lambda: master.is_answered, limit_s=60)
    return master, conductor.end(), shown


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is refused is waited for."""
    monkeypatch.setattr(dispatch_conductor, "_SERVES_S", 0.0)
    monkeypatch.setattr(dispatch_conductor, "_AGAIN_S", 0.01)


def test_a_member_is_stopped_with_a_deadline_and_started_again() -> None:
    members = Members()
    master, problems, shown = conducted(members, [("disable", "zk1"), ("enable", "zk1"), ("enable", "zk2")])
    assert master.replies == [Reply(1, True), Reply(2, True), Reply(3, True)]
    (told,) = members.told
    for_s = told.pop("for_s")
    assert 1 <= for_s <= STAGE_S
    assert told == {
        "id": "run.1.zk1",
        "run_id": "run",
        "number": 1,
        "member": "zk1",
        "do": "stop",
        "asked_by": "dispatcher",
    }
    assert members.healed == [("zk1", "run.1.zk1")]
    assert shown == ["  fault 1: the dispatcher disables zk1", "  dispatcher: zk1 is enabled"]
    assert problems == []
    assert members.ended.is_set()


def test_a_member_that_ended_by_itself_is_started_by_enable() -> None:
    members = Members()
    members.now["zk3"] = ""
    master, problems, shown = conducted(members, [("enable", "zk3"), ("enable", "zk3"), ("enable", "zk2")])
    assert [reply.done for reply in master.replies] == [True, True, True]
    assert members.started == ["zk3"]
    assert shown == ["  dispatcher: zk3, which had ended by itself, is started"]
    assert (problems, members.told, members.healed) == ([], [], [])


def test_what_is_still_stopped_is_started_when_the_load_ends() -> None:
    members = Members()
    _, problems, _ = conducted(members, [("disable", "zk3"), ("disable", "zk3")], Dispatch(for_s=30.0))
    assert [told["for_s"] for told in members.told] == [30.0]  # it was disabled already
    assert members.healed == [("zk3", "run.1.zk3")]
    assert problems == []


def test_one_that_its_host_has_started_may_be_disabled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    members = Members()
    monkeypatch.setattr(dispatch_conductor, "LEAST_FOR_S", 0.0)
    _, problems, _ = conducted(members, [("disable", "zk3"), ("disable", "zk3")], Dispatch(for_s=0.0))
    assert [told["id"] for told in members.told] == ["run.1.zk3", "run.2.zk3"]
    assert problems == []


def test_a_majority_stays_unless_the_scenario_allows_otherwise() -> None:
    members = Members()
    master, problems, shown = conducted(members, [("disable", "zk2"), ("disable", "zk4"), ("disable", "zk3")])
    assert [reply.done for reply in master.replies] == [True, True, False]
    assert problems == [
        "dispatcher: disable zk3: 1 of the others serve, and 2 are a majority; wait until more serve (poll_up), or"
        " write dispatch: {allow_no_quorum: true}"
    ]
    assert f"  {problems[0]}" in shown
    assert master.replies[-1].problem in problems[0]
    members = Members()
    asked = [("disable", "zk2"), ("disable", "zk3"), ("disable", "zk1")]
    _, problems, _ = conducted(members, asked, Dispatch(allow_no_quorum=True))
    assert problems == []
    assert len(members.healed) == 3


@pytest.mark.parametrize("role", ["", "read-only"])
def test_a_member_that_does_not_serve_is_not_of_the_majority(role: str) -> None:
    members = Members()
    members.now["zk2"] = role
    _, problems, _ = conducted(members, [("disable", "zk3")])
    assert len(problems) == 1
    assert members.told == []


def test_another_address_is_nobodys_member() -> None:
    members = Members()
    master, problems, _ = conducted(members, [("disable", "elsewhere"), ("enable", "elsewhere")])
    assert problems == [
        "dispatcher: disable elsewhere:2181: it is no member of this run's ensemble",
        "dispatcher: enable elsewhere:2181: it is no member of this run's ensemble",
    ]
    assert [reply.done for reply in master.replies] == [False, False]
    assert members.told == []
    assert members.healed == []


def test_what_comes_too_late_is_refused_and_no_fault_that_was_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    members = Members()
    master, problems, shown = conducted(members, [("disable", "zk2")], left_s=0.5)
    assert master.replies == [Reply(1, False, "the measured stage ends", too_late=True)]
    assert (problems, shown, members.told) == ([], [], [])
    # The stage, or the load, ends while it waits until enough others serve.
    monkeypatch.setattr(dispatch_conductor, "_SERVES_S", 1000.0)
    members.now["zk3"] = ""
    master, problems, shown = conducted(members, [("disable", "zk2")], left_s=1.5)
    assert master.replies == [Reply(1, False, "the measured stage ends", too_late=True)]
    assert (problems, shown, members.told) == ([], [], [])
    asked = threading.Event()

    def roles(names: Iterable[str] | None = None, limit_s: float = 5.0) -> dict[str, str]:
        if names is not None:
            asked.set()
        return Members.roles(members, names, limit_s)

    vars(members)["roles"] = roles
    master = Master([("disable", "zk2")])
    given: Any = master
    conductor = DispatchConductor(
        "run", Dispatch(), STAGE_S, FLEET, MEMBERS, FaultClock(STAGE_S), members, given, shown.append
    )
    conductor.see({"stage": "measured", "time_left_s": STAGE_S})
    assert asked.wait(60)
    assert conductor.end() == []
    assert (shown, members.told) == ([], [])


def test_nothing_is_disabled_before_the_measured_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_conductor, "_BEGINS_S", 0.05)
    master: Any = Master([("disable", "zk2")])
    members = Members()
    conductor = DispatchConductor(
        "run", Dispatch(), STAGE_S, FLEET, MEMBERS, FaultClock(STAGE_S), members, master, print
    )
    conductor.see({"stage": "warm-up", "time_left_s": 130.0})
    waiting.until(lambda: master.is_answered, limit_s=60)
    assert conductor.end() == ["dispatcher: disable zk2: the measured stage has not begun"]
    assert members.told == []


def test_the_number_of_faults_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_conductor, "MOST_FAULTS", 1)
    members = Members()
    _, problems, _ = conducted(members, [("disable", "zk2"), ("enable", "zk2"), ("disable", "zk2")])
    assert problems == ["dispatcher: disable zk2: 1 members have been disabled in this run; no more are"]
    assert len(members.told) == 1


def test_what_a_host_does_not_do_is_said_and_undone() -> None:
    members = Members()
    members.broken = {"zk1": HostError("the fault x is still in the member"), "zk2": RuntimeError("odd")}
    asked = [("disable", name) for name in ("zk1", "zk1", "zk2", "zk3", "zk3")]
    master, problems, _ = conducted(members, asked)
    assert problems == [
        *["dispatcher: disable zk1: the fault x is still in the member"] * 2,
        "dispatcher: disable zk2: RuntimeError: odd",
    ]
    assert [reply.done for reply in master.replies] == [False, False, False, True, True]
    assert [told["id"] for told in members.told] == ["run.1.zk1", "run.2.zk1", "run.3.zk2", "run.4.zk3"]
    assert members.healed == [  # whatever has begun there; the first of zk1 before the second is tried
        *(("zk1", "run.1.zk1"), ("zk1", "run.2.zk1"), ("zk2", "run.3.zk2"), ("zk3", "run.4.zk3"))
    ]


def test_one_whose_stop_failed_is_stopped_by_the_next_request() -> None:
    members = Members()
    members.broken = {"zk1": HostError("the connection was lost")}

    def repaired(name: str, fault_id: str) -> dict[str, Any]:
        members.broken.clear()
        return Members.heal_one(members, name, fault_id)

    vars(members)["heal_one"] = repaired
    master, _, _ = conducted(members, [("disable", "zk1")] * 3 + [("enable", "zk1")])
    assert [reply.done for reply in master.replies] == [False, True, True, True]
    assert [told["id"] for told in members.told] == ["run.1.zk1", "run.2.zk1"]
    assert members.healed == [("zk1", "run.1.zk1"), ("zk1", "run.2.zk1")]


def test_all_are_started_after_the_load_whatever_happens_to_one() -> None:
    members = Members()

    def heal_one(name: str, fault_id: str) -> dict[str, Any]:
        Members.heal_one(members, name, fault_id)
        raise {"zk1": RuntimeError("odd"), "zk2": HostError("no route")}[name]

    vars(members)["heal_one"] = heal_one
    asked = [("disable", "zk1"), ("disable", "zk2")]
    _, problems, _ = conducted(members, asked, Dispatch(allow_no_quorum=True))
    assert problems == [
        "dispatcher: zk1 was not started after the load: RuntimeError: odd",
        "dispatcher: zk2 was not started after the load: no route",
    ]
    assert members.ended.is_set()


def test_a_master_that_does_not_answer_for_a_while_is_asked_again() -> None:
    failures = [HostError("no route"), HostError("no route")]
    master, problems, _ = conducted(Members(), [("disable", "zk1")], failures=failures)
    assert problems == ["dispatcher: its requests cannot be read or answered: no route"]
    assert [reply.done for reply in master.replies] == [True]


def test_an_unforeseen_error_is_said_and_does_not_end_it() -> None:
    members, failed = Members(), list[str]()

    def roles(names: Iterable[str] | None = None, limit_s: float = 5.0) -> dict[str, str]:
        if not failed:
            failed.append("once")
            raise RuntimeError("can't start new thread")
        return Members.roles(members, names, limit_s)

    vars(members)["roles"] = roles
    master, problems, _ = conducted(members, [("disable", "zk1")])
    assert problems == ["dispatcher: its requests cannot be read or answered: RuntimeError: can't start new thread"]
    assert [reply.done for reply in master.replies] == [True]
    master, problems, _ = conducted(Members(), [("disable", "zk1")], failures=[UnicodeError("odd")])
    assert problems == ["dispatcher: its requests cannot be read or answered: UnicodeError: odd"]
    assert [reply.done for reply in master.replies] == [True]


def test_what_is_shown_is_limited_as_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_conductor, "_MOST_PROBLEMS", 2)
    master, problems, shown = conducted(Members(), [("disable", f"other{number}") for number in range(5)])
    assert [reply.done for reply in master.replies] == [False] * 5
    assert problems == [
        "dispatcher: disable other0:2181: it is no member of this run's ensemble",
        "dispatcher: disable other1:2181: it is no member of this run's ensemble",
        "dispatcher: more was not done, which is not listed",
    ]
    assert shown == [f"  {problem}" for problem in problems]


# From the master's host


class Shell:
    """This machine as the master's host. As on others, the script passes through several shells."""

    def run(self, script: str, *, limit_s: float) -> Answer:
        for _ in range(2):
            script = shlex.join(["sh", "-c", script])
        done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=limit_s, check=False)
        return Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode())


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(dispatch_requests, "LOOK_S", 0.25)
    return tmp_path / "it's a folder" / "dispatch.jsonl"


def test_requests_are_read_once_and_answers_written(file: Path) -> None:
    requests = Requests(Shell(), str(file))
    assert requests.next() == []
    file.parent.mkdir()
    assert requests.next() == []
    lines = [Request(number, "disable", Address("zk1", 2181)).as_line() for number in (1, 2, 3)]
    file.write_text(f"{lines[0]}{lines[1]}{lines[2][:20]}")
    assert [each.id for each in requests.next()] == [1, 2]
    with file.open("a") as more:
        more.write(lines[2][20:])
    assert [each.id for each in requests.next([Reply(1, True), Reply(2, False, 'it\'s $(no) "majority"')])] == [3]
    assert [json.loads(line) for line in Path(f"{file}.answers").read_text().splitlines()] == [
        {"id": 1, "done": True, "problem": "", "too_late": False},
        {"id": 2, "done": False, "problem": 'it\'s $(no) "majority"', "too_late": False},
    ]
    assert requests.next() == []


def test_many_requests_are_answered_in_pieces(file: Path) -> None:
    file.parent.mkdir()
    asked = [Request(number, "disable", Address("zk1", 2181)) for number in range(200)]
    file.write_text("".join(each.as_line() for each in asked))
    requests, found, answers = Requests(Shell(), str(file)), list[Request](), list[Reply]()
    while len(found) < len(asked):
        given = requests.next(answers)
        assert len(given) <= 50
        found += given
        answers = [Reply(each.id, False, "'\U0001f600" * 300) for each in given]  # the most that Linux has to take
    assert requests.next(answers) == []
    assert found == asked
    told = [read_reply(line) for line in Path(f"{file}.answers").read_text().splitlines()]
    assert [each.id for each in told if each] == [each.id for each in asked]
    assert all(each.problem.startswith("'\U0001f600'") for each in told if each)


def test_answers_that_cannot_be_written_are_no_silence(file: Path) -> None:
    answers = Path(f"{file}.answers")
    answers.mkdir(parents=True)
    requests = Requests(Shell(), str(file))
    with pytest.raises(HostError, match=r"answers cannot be written \(.*[Dd]irectory"):
        requests.next([Reply(1, True)])
    answers.rmdir()
    answers.write_text('{"id": 1, "do')  # as much as a full disk took
    assert requests.next([Reply(1, True)]) == []
    told = [read_reply(line) for line in answers.read_text().splitlines()]
    assert told == [None, Reply(1, True)]


@pytest.mark.parametrize("character", ["\u0436", "\U0001f600", "\x1b", "\ud800", '"', "'", "\\"])
def test_an_answer_is_read_whatever_its_problem_says(character: str) -> None:
    for length in (0, 1, 150, 196, 5000):
        reply = read_reply(Reply(10**9, False, "no " + character * length, too_late=True).as_line())
        assert reply is not None
        assert (reply.id, reply.done, reply.too_late, reply.problem[:2]) == (10**9, False, True, "no")


def test_whatever_the_host_sends_is_left_out_and_limited(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_requests, "MOST_LINES", 50)
    file.parent.mkdir()
    wanted = Request(7, "enable", Address("zk1", 2181)).as_line()
    file.write_text("x" * 40_000 + '\n{"id": 1}\n[[[\n\n' + wanted)
    requests = Requests(Shell(), str(file))
    found = [each for _ in range(4) for each in requests.next()]
    assert [each.id for each in found] == [7]
    with file.open("a") as more:
        more.write("\n" * 60)
    answers = [Reply(7, True)]
    for _ in range(3):
        with pytest.raises(HostError, match="it has asked for more than 50 things"):
            requests.next(answers)
    assert Path(f"{file}.answers").read_text() == answers[0].as_line()  # once


# In the record


def test_a_fault_of_a_dispatcher_is_named_in_events_and_report() -> None:
    note = {
        **{"id": "run.1.zk2", "run_id": "run", "number": 1, "member": "zk2", "do": "stop", "for_s": 9.0},
        **{"state": "healed", "began": 1000.0, "ended": 1004.0, "lasted_s": 4.0, "late_s": None, "error": ""},
        "asked_by": "dispatcher",
    }
    faults, problem = told_faults(json.dumps({"faults": [note, note | {"asked_by": "me\x1b[2J"}]}), "zk2", "run")
    assert problem == ""
    assert [fault.get("asked_by") for fault in faults] == ["dispatcher", None]
    (row,) = event_rows({"zk2": [fault for fault in faults if "asked_by" in fault]}, {})
    assert row[4] == "fault 1: stop zk2 by the dispatcher"
    found = parse({"scenario": {}, "faults": {"zk2": faults[:1]}}, ProblemLog())
    assert found.title(1) == "stop zk2 by the dispatcher"
    assert found.done[0].asked
