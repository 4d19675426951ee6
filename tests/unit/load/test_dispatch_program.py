"""Programs of a dispatcher, its times, and what a scenario says of it: what is taken, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.load.fakes import options
from tests.unit.load.scenario_files import SCENARIOS, scenario
from zk_locust.contract.connect_string import Address
from zk_locust.contract.dispatch_program import (
    Instruction,
    parse_dispatch_program,
    place_problems,
    quorum_problem,
)
from zk_locust.contract.dispatch_requests import Reply, Request, read_reply, read_request
from zk_locust.contract.dispatch_settings import Dispatch, Pauses, parse_pauses, read_dispatch
from zk_locust.contract.errors import ConfigurationError
from zk_locust.contract.faults.fleet import FaultFleet
from zk_locust.workload.scenario_plan import Plan, plan_as_json
from zk_locust.workload.scenarios import resolve_plan

# The example of the older locustfile locust_set_with_dispatcher.py.
OF_2019 = """
    poll_initial_hatch_complete 500
    # a new election
    sleep 10000
    disable_leader
    sleep 5000
    enable_all
"""
THREE = FaultFleet(("zk1", "zk2", "zk3"))
VOTERS = frozenset(range(3))
DISPATCHED = "from zk_dispatch import register_dispatcher\nregister_dispatcher()\n"


def test_a_program_is_read() -> None:
    assert parse_dispatch_program(OF_2019) == (
        Instruction("poll_initial_hatch_complete", ms=500, line=2),
        Instruction("sleep", ms=10000, line=4),
        Instruction("disable_leader", line=5),
        Instruction("sleep", ms=5000, line=6),
        Instruction("enable_all", line=7),
    )
    assert [str(each) for each in parse_dispatch_program("disable 2\npoll_up 2 100\nenable 2\nsleep 1")] == [
        *("disable 2", "poll_up 2 100", "enable 2", "sleep 1")
    ]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "disable_leder\nsleep 1",
            "line 1 [disable_leder]: there is no such instruction, did you mean disable_leader?",
        ),
        ("sleep soon", "line 1 [sleep soon]: this is not a whole number from 0"),
        ("sleep 1\n\ndisable -1", "line 3 [disable -1]: this is not a whole number from 0"),
        ("poll_up 1\nsleep 1", "line 1 [poll_up 1]: poll_up has 2 arguments, not 1; write poll_up N MS"),
        ("enable_all 1\nsleep 1", "line 1 [enable_all 1]: enable_all has no argument; write enable_all alone"),
        ("disable_leader\nenable_all", "no instruction sleeps; add e.g. sleep 5000"),
        ("poll_initial_hatch_complete 500\nsleep 0", "no instruction sleeps; add e.g. sleep 5000"),
    ],
)
def test_a_mistake_in_a_program_is_named_with_its_line(program: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"line|sleeps") as refused:
        parse_dispatch_program(program)
    assert said in str(refused.value)
    with pytest.raises(ConfigurationError, match="--zk-dispatch-program"):
        options(zk_dispatch_program=program)


def test_a_member_beyond_the_connect_string_is_named() -> None:
    program = parse_dispatch_program("disable 3\nenable 2\npoll_up 4 10\nsleep 1")
    assert [*place_problems(program, 3)] == [
        "line 1 [disable 3]: the connect string has 3 members; write 0 to 2",
        "line 3 [poll_up 4 10]: the connect string has 3 members; write 0 to 2",
    ]


@pytest.mark.parametrize(
    ("program", "line"),
    [
        ("disable 0\nsleep 1\ndisable 1\nsleep 1\nenable_all", 3),
        ("disable 0\nsleep 1\nenable 1\ndisable 2", 4),
        ("disable_leader\nsleep 1", 1),  # again in its second round: another one leads then
        ("disable_leader\nsleep 1\nenable 0\nenable 1\ndisable_leader\nsleep 1\nenable_all", 5),
        ("sleep 1\ndisable_follower\ndisable_leader\nenable_all", 3),
    ],
)
def test_a_program_that_may_leave_no_majority_is_found(program: str, line: int) -> None:
    found = quorum_problem(parse_dispatch_program(program), 3, VOTERS)
    assert found.startswith(f"line {line} [")
    assert found.endswith("may leave 1 of 3 voters, and 2 are a majority")


@pytest.mark.parametrize(
    "program",
    [
        OF_2019,
        "disable 0\nsleep 1\nenable 0\npoll_up 0 10\ndisable 1\nsleep 1\nenable 1",
        "disable_leader\nsleep 1\nenable 0\nenable 1\nenable 2",
        "disable_follower\ndisable_follower\nsleep 1",
        "disable 0\nsleep 1",
    ],
)
def test_a_program_that_keeps_the_majority_is_taken(program: str) -> None:
    assert quorum_problem(parse_dispatch_program(program), 3, VOTERS) == ""


def test_a_program_may_disable_once_and_sleep_until_the_load_ends() -> None:
    program = parse_dispatch_program("sleep 1000\ndisable_leader\nsleep 100000")
    assert quorum_problem(program, 3, VOTERS, 101.0) == ""
    assert quorum_problem(program, 3, VOTERS, 103.0).startswith("line 2 [disable_leader] may leave 1 of 3")


def test_an_observer_may_always_be_disabled_and_a_single_member_never() -> None:
    program = parse_dispatch_program("disable 2\ndisable 1\nsleep 1")
    assert quorum_problem(program, 4, frozenset({0, 1, 3})) == ""
    assert "may leave 0 of 1 voters" in quorum_problem(
        parse_dispatch_program("disable_leader\nsleep 1"), 1, frozenset({0})
    )
    many = frozenset(range(40))
    assert quorum_problem(parse_dispatch_program("disable_leader\nsleep 1"), 40, many) == ""  # the run sees to it


def test_the_times_of_a_dispatcher_are_json() -> None:
    assert parse_pauses("{}") == Pauses(5000, 2000, 5000, 60_000)
    assert parse_pauses('{"sleep_ms": 7, "sleep_after_enable_ms": 8}') == Pauses(7, 2000, 8)
    for text, said in (
        ("[]", "no JSON object"),
        ("{", "no JSON object"),
        ('{"slep_ms": 1}', "slep_ms: there is no such key, did you mean sleep_ms?"),
        ('{"sleep_ms": 0}', "sleep_ms [0]: is not a whole number from 1"),
        ('{"sleep_ms": "soon"}', "sleep_ms [soon]: is not a whole number"),
    ):
        with pytest.raises(ValueError, match=r".") as refused:
            parse_pauses(text)
        assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("yes", "[yes] must be true, false, or a dictionary"),
        ({"fr": "1s"}, "fr: there is no such key, did you mean for?; it has: for, allow_no_quorum"),
        ({"for": "soon"}, "for [soon] is not a duration"),
        ({"for": "100ms"}, "for [100ms] is too short; use at least 1s"),
        ({"for": "2m"}, "for [2m] is longer than the measured stage, which lasts 60 s"),
        ({"allow_no_quorum": "no"}, "allow_no_quorum [no] must be true or false"),
    ],
)
def test_a_mistake_in_dispatch_is_named(content: object, said: str) -> None:
    found, problems = read_dispatch(content, 60.0)
    assert found is None
    assert any(said in problem for problem in problems), problems


def test_what_dispatch_says_is_read() -> None:
    assert read_dispatch(False, 60.0) == read_dispatch(None, 60.0) == (None, [])
    assert read_dispatch(True, 60.0) == (Dispatch(), [])
    assert read_dispatch({"for": "30s", "allow_no_quorum": True}, 60.0) == (Dispatch(30.0, True), [])
    assert Dispatch.of(Dispatch(30.0, True).as_dict()) == Dispatch(30.0, True)


def resolved(
    folder: Path, overrides: dict[str, Any] | None = None, fleet: FaultFleet = THREE, **changes: Any
) -> tuple[Plan | None, list[str]]:
    given = str(scenario(folder, **changes))
    return resolve_plan(given, SCENARIOS, overrides or {}, fleet=fleet, managed=fleet.managed)


def refused(folder: Path, overrides: dict[str, Any] | None = None, fleet: FaultFleet = THREE, **changes: Any) -> str:
    plan, (problem,) = resolved(folder, overrides, fleet, **changes)
    assert plan is None
    return problem


PROGRAM = {"zk-dispatch-program": OF_2019}


def test_a_program_of_a_scenario_has_its_members_prepared(tmp_path: Path) -> None:
    plan, problems = resolved(tmp_path, parameters=PROGRAM)
    assert problems == []
    assert plan is not None
    assert plan.dispatch == {"for_s": None, "allow_no_quorum": False}
    assert plan_as_json(plan, [])["plan"]["fault_actions"] == ["stop"]
    assert plan.environment["ZK_DISPATCH_PROGRAM"] == OF_2019
    plain, _ = resolved(tmp_path)
    assert plain is not None
    assert (plain.dispatch, plain.fault_actions) == (None, [])


def test_a_locustfile_with_a_dispatcher_needs_the_scenarios_word(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(DISPATCHED)
    assert refused(tmp_path, locustfile="own.py") == (
        "locustfile in mine.yml [own.py]: it has a dispatcher (zk_dispatch), which disables members; write"
        " dispatch: true in the scenario to allow that"
    )
    plan, problems = resolved(tmp_path, locustfile="own.py", dispatch={"for": "20s"})
    assert problems == []
    assert plan is not None
    assert plan.dispatch == {"for_s": 20.0, "allow_no_quorum": False}
    assert "nothing would use it: locust_set.py does not import zk_dispatch" in refused(tmp_path, dispatch=True)


def test_what_a_dispatcher_must_not_do_is_refused_before_anything_starts(tmp_path: Path) -> None:
    faults = [{"at": "10s", "do": "kill", "target": "leader"}]
    assert "faults in mine.yml does faults to the same members" in refused(tmp_path, parameters=PROGRAM, faults=faults)
    external = FaultFleet(THREE.members, managed=False, allowed=True)
    assert "its processes are neither started nor stopped by zk-locust" in refused(
        tmp_path, fleet=external, parameters=PROGRAM | {"hosts": "zk1:2181"}
    )
    losing = {"zk-dispatch-program": "disable 0\ndisable 1\nsleep 1\nenable_all"}
    problem = refused(tmp_path, parameters=losing)
    assert problem.startswith("benchmark_parameters.zk-dispatch-program: line 2 [disable 1] may leave 1 of 3 voters")
    assert problem.endswith("write dispatch: {allow_no_quorum: true} in the scenario")
    plan, _ = resolved(tmp_path, {"dispatch": {"allow_no_quorum": True}}, parameters=losing)
    assert plan is not None
    assert "line 1 [disable 5]: the connect string has 3 members" in refused(
        tmp_path, parameters={"zk-dispatch-program": "disable 5\nsleep 1"}
    )
    assert "[false]: there is benchmark_parameters.zk-dispatch-program too" in refused(
        tmp_path, {"dispatch": False}, parameters=PROGRAM
    )
    script = refused(tmp_path, parameters=PROGRAM | {"zk-dispatch-disable-script": "true"})
    assert script.endswith(
        "the run sets this itself; members that a dispatcher disables are stopped on their own hosts"
    )


def test_dispatch_is_checked_although_there_is_no_such_scenario() -> None:
    _, problems = resolve_plan("nothing", SCENARIOS, {"dispatch": {"fo": 1}}, fleet=THREE)
    assert any(problem.startswith("benchmark_dispatch: fo: there is no such key") for problem in problems)


def test_requests_and_answers_are_lines() -> None:
    request, reply = Request(3, "disable", Address("::1", 2181)), Reply(3, False, "why")
    assert read_request(request.as_line()) == request
    assert read_reply(reply.as_line()) == reply


@pytest.mark.parametrize(
    "line",
    [
        *(
            "",
            "[]",
            "{",
            "7",
            "[" * 1000,
            '{"id": 1, "do": "disable"}',
            '{"id": true, "do": "disable", "member": "a:1"}',
        ),
        *('{"id": -1, "do": "disable", "member": "a:1"}', '{"id": 1, "do": "kill", "member": "a:1"}'),
        *('{"id": 1, "do": "disable", "member": 7}', '{"id": 1, "do": "disable", "member": "a b"}'),
        *(
            '{"id": 1, "do": "disable", "member": "a:1,b:2"}',
            '{"id": 1, "do": "disable", "member": "%s"}' % ("a" * 2000),
        ),
    ],
)
def test_what_is_no_request_is_left_out(line: str) -> None:
    assert read_request(line) is None
    assert read_reply("[" * 1000) is None
