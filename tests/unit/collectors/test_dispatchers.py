"""What dispatchers disable and enable: by a program, by chance, by a function."""

from typing import Any

import pytest

from tests.unit.collectors.dispatched_ensemble import NAMES, Ensemble, ran
from zk_dispatch import (
    FunctionDispatcher,
    ProgrammedDispatcher,
    RandomDispatcher,
)


def test_a_program_disables_the_leader_and_enables_all() -> None:
    ensemble = Ensemble()
    program = "poll_initial_hatch_complete 500\nsleep 10000\ndisable_leader\nsleep 5000\nenable_all"
    told = ran(ProgrammedDispatcher(program=program), ensemble, 2)
    assert ensemble.done == [("disable", "zk1:2181"), ("enable", "zk1:2181")]
    assert told == [("member-disabled", "zk1:2181"), ("member-enabled", "zk1:2181")]


def test_a_program_names_members_by_their_places_and_waits_for_them() -> None:
    ensemble = Ensemble()
    dispatcher = ProgrammedDispatcher(program="disable 2\nsleep 1\nenable 2\npoll_up 2 1\ndisable 0\nsleep 1\nenable 0")
    ran(dispatcher, ensemble, 2)
    assert [*ensemble.done] == [
        *(("disable", "zk3:2181"), ("enable", "zk3:2181"), ("disable", "zk1:2181"), ("enable", "zk1:2181")),
        ("disable", "zk3:2181"),
    ]
    ensemble = Ensemble()
    ensemble.refuses, ensemble.up["zk3:2181"] = True, False
    ran(ProgrammedDispatcher(program="poll_up 2 500\nsleep 1"), ensemble, 5)  # it polls as long as the member is down


def test_followers_take_turns_and_a_majority_stays() -> None:
    program = "disable_follower\nsleep 1\ndisable_follower\nsleep 1\ndisable_follower\nsleep 1\nenable_all\nsleep 1"
    for _ in range(10):  # which of them is first, chance decides
        ensemble = Ensemble(("a:1", "b:1", "c:1", "d:1", "e:1"))
        ran(ProgrammedDispatcher(program=program), ensemble, 7, quorum_size=3)
        disabled = [name for action, name in ensemble.done if action == "disable"]
        assert len(disabled) == 4
        assert {*disabled} == {"b:1", "c:1", "d:1", "e:1"}  # each once, and never the leader
        assert ensemble.least == 3


@pytest.mark.parametrize(("observers", "least"), [((), 2), (("zk4:2181",), 2)])
def test_chance_leaves_a_majority_and_observers_alone(observers: tuple[str, ...], least: int) -> None:
    ensemble = Ensemble((*NAMES, *observers), observers)
    ran(RandomDispatcher(), ensemble, 200)
    assert ensemble.least == least
    assert {action for action, _ in ensemble.done} == {"disable", "enable"}
    assert not {name for _, name in ensemble.done}.intersection(observers)
    assert len({name for _, name in ensemble.done}) == 3


def test_what_is_not_done_is_told_and_the_dispatcher_goes_on() -> None:
    ensemble = Ensemble()
    ensemble.refuses = True
    told = ran(ProgrammedDispatcher(program="disable 0\nsleep 1\nenable 0"), ensemble, 2)
    assert told == [("dispatch-failed", "zk1:2181")] * 5
    assert len(ensemble.done) == 5


def test_the_end_of_a_run_is_no_failure() -> None:
    ensemble = Ensemble()
    ensemble.refuses = ensemble.too_late = True
    assert ran(ProgrammedDispatcher(program="disable 0\nsleep 1"), ensemble, 2) == []
    assert ensemble.done == [("disable", "zk1:2181")] * 3


def test_a_function_has_what_those_of_2019_ask_for() -> None:
    ensemble, seen = Ensemble(), list[Any]()

    def example(controller: Any, members: Any, **kwargs: Any) -> None:
        controller.wait_initial_hatch_complete()
        seen.append(kwargs)
        controller.disable_leader(members)
        assert [each.host_and_port for each in controller.ping_ensemble(members)[1]] == ["zk1:2181"]
        controller.disable_follower(members)  # there is no more than a majority
        assert [(each.host, each.port, each.is_up()) for each in members] == [
            *(("zk1", 2181, False), ("zk2", 2181, True), ("zk3", 2181, True))
        ]
        controller.enable_all(members)
        controller.disable(members[2])
        controller.enable(member=members[2])
        while True:
            controller.sleep_ms(10, cause="a test")

    ran(FunctionDispatcher(fn=example), ensemble, 1)
    assert seen == [{"hosts_and_ports": [*NAMES], "quorum_size": 2}]
    assert ensemble.done == [
        *(("disable", "zk1:2181"), ("enable", "zk1:2181"), ("disable", "zk3:2181"), ("enable", "zk3:2181"))
    ]
