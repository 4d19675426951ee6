"""zoo.cfg, the order of restarts, and what is shown of a member that does not come up."""

from typing import Any

import pytest

from playbooks.filter_plugins.ensemble import (
    ensemble_line,
    java_properties,
    list_conflicts,
    log_tails,
    member_modes,
    member_properties,
    members_not_serving,
    members_off_list,
    plan_restarts,
    restart_plan,
    server_properties,
    zoo_cfg,
)


def member(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "peer_type": "participant",
        "address": f"host{number}",
        "bind_address": "",
        "client_port": 2181,
        "peer_port": 2888,
        "election_port": 3888,
        "admin_port": 8080,
        **changes,
    }


def test_servers_are_named_in_the_form_that_all_releases_read() -> None:
    members = [member(1), member(2, address="2001:db8::2"), member(3, peer_type="observer")]
    assert server_properties(members) == {
        "server.1": "host1:2888:3888",
        "server.2": "[2001:db8::2]:2888:3888",
        "server.3": "host3:2888:3888:observer",
    }


def test_a_single_member_runs_standalone() -> None:
    properties = member_properties(member(1), [member(1)], "/data")
    assert not [key for key in properties if key.startswith("server.")]
    assert "standaloneEnabled" not in properties


def test_one_participant_with_observers_is_a_quorum() -> None:
    members = [member(1), member(2, peer_type="observer")]
    assert member_properties(members[1], members, "/data")["standaloneEnabled"] == "false"
    assert member_properties(members[1], members, "/data")["peerType"] == "observer"
    assert "peerType" not in member_properties(members[0], members, "/data")


def test_a_member_listens_everywhere_or_on_its_one_address() -> None:
    bound = member(1, bind_address="127.0.0.1")
    everywhere = member_properties(member(1), [member(1), member(2)], "/data")
    local = member_properties(bound, [bound, member(2)], "/data", "", "127.0.0.1")
    assert everywhere["quorumListenOnAllIPs"] == "true"
    assert "clientPortAddress" not in everywhere
    assert "quorumListenOnAllIPs" not in local
    assert local["clientPortAddress"] == local["admin.serverAddress"] == "127.0.0.1"
    assert "admin.serverAddress" not in everywhere


def test_properties_become_sorted_lines_and_java_properties() -> None:
    properties = {"tickTime": 2000, "snapshot.trust.empty": True, "jute.maxbuffer": 4096}
    assert zoo_cfg(properties) == ["snapshot.trust.empty=true", "tickTime=2000"]
    assert java_properties(properties) == ["-Djute.maxbuffer=4096"]


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
    assert plan_restarts(states, modes) == {
        "at_once": at_once,
        "one_by_one": one_by_one,
        "silent": silent,
        "regrouped": regrouped,
    }


def test_restarts_follow_what_the_role_has_registered() -> None:
    hostvars: dict[str, dict[str, Any]] = {
        "a": {"__zookeeper_state": {"member_state": "outdated"}, "__zookeeper_before": {"mode": "leader"}},
        "b": {"__zookeeper_state": {"failed": True}},
        "c": {"__zookeeper_state": {"member_state": "outdated"}, "__zookeeper_before": {"mode": "follower"}},
    }
    assert restart_plan("abc", hostvars) == {"at_once": [], "one_by_one": ["c", "a"], "silent": [], "regrouped": []}


def conflicts(numbers: list[int], view: Any, mode: str = "follower", listed: bool = False) -> list[str]:
    """Ask whether z3 may start beside z1, which serves and tells `view`."""
    asked = {
        "__zookeeper_checked": {"member_state": "stopped", "listed": listed},
        "__zookeeper_others": {"results": [{"item": {"name": "z1"}, "mode": mode}]},
        "__zookeeper_lists": {"answers": {"z1": {"voting_view": view}}},
    }
    skipped = {"__zookeeper_others": {"results": [{"item": {"name": "z1"}, "skipped": True}]}}
    hostvars: dict[str, dict[str, Any]] = {"z3": asked, "z4": skipped | {"__zookeeper_checked": {"listed": listed}}}
    return list_conflicts(["z3", "z4"], [member(number) for number in numbers], hostvars)


def listed_servers(*numbers: int) -> dict[str, Any]:
    """Return an answer of the AdminServer's command voting_view, as 3.8 gives it."""
    servers = {}
    for number in numbers:
        one = member(number)
        servers[str(number)] = {
            "server_addresses": [f"{one['address']}:{one['peer_port']}"],
            "election_addresses": [f"{one['address']}:{one['election_port']}"],
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


def test_members_are_found_by_their_state_before_anything_was_written() -> None:
    states = {"z1": "stopped", "z2": "regrouped", "z3": "current"}
    hostvars: dict[str, dict[str, Any]] = {
        name: {"__zookeeper_checked": {"member_state": state}} for name, state in states.items()
    }
    assert members_off_list([*states, "z4"], {**hostvars, "z4": {}}, ["stopped"]) == ["z1"]
    assert members_off_list(states, hostvars, ["regrouped"]) == ["z2"]


def test_members_that_do_not_serve_are_explained() -> None:
    hostvars: dict[str, dict[str, Any]] = {
        "a": {"__zookeeper_status": {"mode": "leader"}},
        "b": {
            "__zookeeper_status": {"mode": "", "error": "its process has ended"},
            "__zookeeper_tail": {"stdout_lines": ["Invalid config, exiting abnormally", "\x1b]0;pwned\x07\udc80"]},
        },
        "c": {},
    }
    assert members_not_serving("abc", hostvars) == ["b", "c"]
    lines = log_tails(["b"], hostvars)
    assert "b did not come up: its process has ended. The end of its log:" in lines
    assert "    Invalid config, exiting abnormally" in lines
    assert "    ?]0;pwned??" in lines, "what a member writes does not steer the terminal"


def test_the_last_answer_of_a_member_counts() -> None:
    hostvars: dict[str, dict[str, Any]] = {
        "a": {"__zookeeper_status": {"mode": "leader", "version": "3.8.0"}, "__zookeeper_part": {"skipped": True}},
        "b": {"__zookeeper_status": {"skipped": True}, "__zookeeper_part": {"mode": "follower"}},
        "c": {},
    }
    modes = member_modes("abc", hostvars)
    assert modes == {"a": "leader", "b": "follower", "c": ""}
    assert ensemble_line(modes, hostvars) == "The ensemble serves: a leader, b follower, c  (ZooKeeper 3.8.0)"


def test_a_transaction_log_on_a_device_of_its_own() -> None:
    assert "dataLogDir" not in member_properties(member(1), [member(1)], "/data")
    assert member_properties(member(1), [member(1)], "/data", "/log")["dataLogDir"] == "/log"
