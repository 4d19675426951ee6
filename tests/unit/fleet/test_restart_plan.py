"""The order of restarts, and which members may be started."""

from dataclasses import replace
from typing import Any

import pytest

from fleet.member_configuration import Member
from fleet.restart_plan import RestartPlan, list_conflicts, plan_restarts


def member(number: int, **changes: Any) -> Member:
    return replace(Member(number, "participant", f"host{number}", "", 2181, 2888, 3888, 8080), **changes)


@pytest.mark.parametrize(
    ("states", "modes", "at_once", "one_by_one"),
    [
        # A fresh ensemble, and one that is as it should be.
        ({"a": "stopped", "b": "stopped"}, {}, [], []),
        ({"a": "current", "b": "current"}, {}, [], []),
        # The leader last, observers first.
        (
            {"a": "outdated", "b": "outdated", "c": "outdated"},
            {"a": "leader", "b": "follower", "c": "observer"},
            [],
            ["c", "b", "a"],
        ),
        # Only those that have changed; one that has stopped is simply started.
        (
            {"a": "outdated", "b": "current", "c": "stopped"},
            {"a": "leader", "b": "follower"},
            [],
            ["a"],
        ),
        # Another list of members, or members that do not serve: all at once.
        ({"a": "regrouped", "b": "outdated"}, {"a": "leader", "b": "follower"}, ["a", "b"], []),
        ({"a": "outdated", "b": "outdated"}, {"a": "", "b": ""}, ["a", "b"], []),
        # One that does not answer is no reason to stop the others at the same time.
        (
            {"a": "outdated", "b": "outdated", "c": "outdated"},
            {"a": "leader", "b": "", "c": "follower"},
            [],
            ["b", "c", "a"],
        ),
        ({"a": "outdated"}, {"a": "standalone"}, [], ["a"]),
    ],
)
def test_restarts(states: dict[str, str], modes: dict[str, str], at_once: list[str], one_by_one: list[str]) -> None:
    silent = [name for name in one_by_one if not modes[name]]
    regrouped = [name for name, state in states.items() if state == "regrouped"]
    assert plan_restarts(states, modes) == RestartPlan(at_once, one_by_one, silent, regrouped)


def conflicts(numbers: list[int], view: Any, mode: str = "follower", listed: bool = False) -> list[str]:
    """Ask whether a member may start beside z1, which serves and tells `view`."""
    return list_conflicts([member(number) for number in numbers], {"z1": mode}, {"z1": view}, listed)


def listed_servers(*numbers: int) -> dict[str, Any]:
    """Return an answer of the AdminServer's command voting_view, as 3.8 gives it."""
    servers = {}
    for number in numbers:
        one = member(number)
        servers[str(number)] = {
            "server_addresses": [f"{one.address}:{one.peer_port}"],
            "election_addresses": [f"{one.address}:{one.election_port}"],
            "client_address": "",
            "learner_type": "participant",
        }
    return {"current_config": servers, "command": "voting_view", "error": None}


def test_a_stopped_member_is_not_started_beside_others_with_another_list() -> None:
    assert conflicts([1, 2, 3], listed_servers(1, 2)) == ["z1 (it has another list)"]
    # Those that run may be a single member, which has no list.
    assert conflicts([1, 2, 3], listed_servers()) == ["z1 (it has another list)"]
    # An old id at another address is another member.
    moved = listed_servers(1, 2, 3)
    moved["current_config"]["2"]["election_addresses"] = ["198.18.0.9:3888"]
    assert conflicts([1, 2, 3], moved, listed=True) == ["z1 (it has another list)"]


def test_a_stopped_member_is_started_beside_others_with_its_list_or_that_do_not_serve() -> None:
    assert conflicts([1, 2, 3], listed_servers(1, 2, 3)) == []
    assert conflicts([1, 2, 3], listed_servers(1, 2), mode="") == []


@pytest.mark.parametrize("view", [None, {}, "x", {"current_config": ["x"]}, {"current_config": {"1": "x"}}])
def test_a_server_that_does_not_tell_its_list_counts_by_the_files_of_those_that_start(view: Any) -> None:
    assert conflicts([1, 2, 3], view) != []
    if not (isinstance(view, dict) and isinstance(view.get("current_config"), dict)):
        assert conflicts([1, 2, 3], view, listed=True) == []
